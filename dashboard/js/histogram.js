// Distributions: unpacked from the data of a run, merged over trials, asked for percentiles. The
// rank rule is the records' (loadgen/measure/src/quantile.rs): the value at q is the one at rank
// ⌈q·N⌉ of all batches that were due, and batches that were never answered rank above all values.
// Percentiles are never averaged: merging adds the counts of buckets.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  // Buckets of one doubling; below twice as many nanoseconds each has its own.
  const DOUBLING = 1024;
  // A percentile is printed when so many batches lie above it.
  const SUPPORT_MIN = 10;

  // Numbers of six-bit digits: five carry the number, the sixth says that more follow.
  function numbers(text) {
    const found = [];
    let value = 0;
    let weight = 1;
    for (const digit of text) {
      const bits = DIGITS.indexOf(digit);
      value += (bits % 32) * weight;
      weight *= 32;
      if (bits < 32) {
        found.push(value);
        value = 0;
        weight = 1;
      }
    }
    return found;
  }

  // Buckets and counts from gaps and counts.
  function unpack(spectrum) {
    const parts = numbers(spectrum.buckets);
    const counts = new Map();
    let bucket = 0;
    for (let index = 0; index + 1 < parts.length; index += 2) {
      bucket += parts[index];
      counts.set(bucket, parts[index + 1]);
    }
    return { counts, unanswered: spectrum.unanswered };
  }

  // The largest value of a bucket, in nanoseconds.
  function valueOf(bucket) {
    const doublings = Math.max(Math.floor(bucket / DOUBLING) - 1, 0);
    return (bucket - doublings * DOUBLING + 1) * 2 ** doublings - 1;
  }

  // All of them as one, ready to be asked.
  function merged(unpacked) {
    const counts = new Map();
    let unanswered = 0;
    for (const part of unpacked) {
      unanswered += part.unanswered;
      for (const [bucket, count] of part.counts) counts.set(bucket, (counts.get(bucket) || 0) + count);
    }
    const buckets = [...counts.keys()].sort((a, b) => a - b);
    let recorded = 0;
    // How many batches lie in this bucket or below.
    const upTo = buckets.map((bucket) => (recorded += counts.get(bucket)));
    return { values: buckets.map(valueOf), upTo, recorded, unanswered, total: recorded + unanswered };
  }

  // ⌈q·n⌉, but for the rounding of the product itself: 0.07 × 100 is 7, not 7.000000000000001.
  function rank(q, n) {
    return Math.min(Math.ceil(q * n * (1 - 1e-12)), n);
  }

  // ns is null when the rank falls among the unanswered, or nothing was recorded.
  function at(distribution, q) {
    const place = rank(q, distribution.total);
    return {
      q,
      ns: valueAt(distribution, place),
      support: distribution.total - place,
      supported: distribution.total - place >= SUPPORT_MIN,
    };
  }

  function valueAt({ values, upTo }, place) {
    let low = 0;
    let high = upTo.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle] < place) low = middle + 1;
      else high = middle;
    }
    return low < values.length ? values[low] : null;
  }

  Tailrace.histogram = { SUPPORT_MIN, unpack, merged, at };
})();
