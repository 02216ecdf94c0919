// Error bars: what stands around a median, and how it is drawn. From six rounds on it is the 95 %
// interval of the median by rank, as in the records (order_interval in statistics.rs); below that
// nothing can be called an interval, so it is the lowest and the highest round; a single round has
// the interval that its record carries, in which slow answers count by the episodes they came in.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const format = Tailrace.format;

  const COVERAGE = 0.95;
  // Half the width of the end of a bar, and the reach of an arrow, in pixels.
  const SERIF = 3;

  // The largest r for which the r-th lowest and r-th highest of n values cover enough; 0: none.
  function orderRank(n) {
    let probability = 0.5 ** n;
    let below = 0;
    let r = 0;
    while (r < n && ((below += probability), 1 - 2 * below >= COVERAGE)) {
      r += 1;
      probability *= (n - r + 1) / r;
    }
    return r;
  }

  // Of what `model.spread` found: { from, to, what } in nanoseconds; `to` is null where nothing
  // bounds it from above. null: there is nothing to draw.
  function of({ values, counted, beyond, own }) {
    if (values.length === 0) return null;
    const rank = values.length === counted ? orderRank(counted) : 0;
    if (rank > 0)
      return { from: values[rank - 1], to: values[counted - rank], what: "95 % interval of the median" };
    if (values.length > 1 || beyond)
      return { from: values[0], to: beyond ? null : values[values.length - 1], what: "lowest–highest round" };
    return own ? { from: own[0] === null ? values[0] : own[0], to: own[1], what: "95 % interval of this round" } : null;
  }

  // ", lowest–highest round 1.2 ms–3 ms"; nothing where there is none.
  function text(bar) {
    if (!bar) return "";
    const to = bar.to === null ? "no upper bound" : format.latency(bar.to);
    return ", " + bar.what + " " + format.latency(bar.from) + "–" + to;
  }

  // A line between two pixels across `at`, level or upright; an open end is an arrow.
  function draw(context, { at, from, to, level, open }) {
    const point = (along, across) => (level ? [along, at + across] : [at + across, along]);
    const side = Math.sign(to - from) || 1;
    context.beginPath();
    context.moveTo(...point(from, -SERIF));
    context.lineTo(...point(from, SERIF));
    context.moveTo(...point(from, 0));
    context.lineTo(...point(to, 0));
    const tip = open ? to - side * SERIF * 1.6 : to;
    context.moveTo(...point(tip, -SERIF));
    if (open) context.lineTo(...point(to, 0));
    context.lineTo(...point(tip, SERIF));
    context.stroke();
  }

  Tailrace.intervals = { of, text, draw, orderRank };
})();
