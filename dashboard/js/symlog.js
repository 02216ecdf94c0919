// An axis on which 0.1 ms and 900 ms can both be read, on either side of nothing: even near zero, where
// what is allowed lies, and logarithmic beyond. A chart gets places on it (`at`) on an even scale.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const charts = Tailrace.charts;

  // Up to about here the axis is even: a third of the smallest error that is not allowed.
  const EVEN_MS = 0.05;
  // The least that is shown on either side.
  const LEAST_MS = 0.3;
  // Room beyond the furthest point.
  const ROOM = 0.12;
  // On the scale of places, where a power of ten is about 1.
  const NEAR = 0.3;
  const TICKS_MS = [0, 1, 10, 100, 1000, 10_000, 0.1];
  // Between two labels, in pixels.
  const APART_PX = 8;

  const at = (ms) => Math.sign(ms) * Math.log10(1 + Math.abs(ms) / EVEN_MS);

  // Without its unit, which stands in the title: so more of them find room.
  const told = (ms) => (ms === 0 ? "0" : (ms < 0 ? "−" : "+") + String(Math.abs(ms)));

  // errors in milliseconds; width of the drawing in pixels.
  function axis(errors, width, title) {
    const min = -end(-Math.min(-LEAST_MS, ...errors));
    const max = end(Math.max(LEAST_MS, ...errors));
    const ticks = fitting(min, max, width);
    const shared = charts.axis(title + ", ms");
    return {
      ...shared,
      type: "linear",
      min,
      max,
      afterBuildTicks: (scale) => (scale.ticks = ticks.map((ms) => ({ value: at(ms) }))),
      ticks: { ...shared.ticks, autoSkip: false, callback: (value, index) => told(ticks[index]) },
    };
  }

  // A little beyond the furthest point, or at the next power of ten where that is near.
  function end(ms) {
    const step = 10 ** Math.ceil(Math.log10(ms));
    return Math.max(at(ms), at(step) - at(ms) < NEAR ? at(step) : 0) + ROOM;
  }

  // As many as do not touch; whole milliseconds go before their parts.
  function fitting(min, max, width) {
    const pixels = (ms) => ((at(ms) - min) / (max - min)) * width;
    const half = (ms) => charts.room([told(ms)], 12, [0, width]) / 2;
    const kept = [];
    for (const tick of TICKS_MS.flatMap((ms) => (ms ? [-ms, ms] : [0]))) {
      if (at(tick) < min || at(tick) > max) continue;
      if (kept.every((other) => Math.abs(pixels(other) - pixels(tick)) >= half(other) + half(tick) + APART_PX)) kept.push(tick);
    }
    return kept.sort((a, b) => a - b);
  }

  Tailrace.symlog = { at, axis };
})();
