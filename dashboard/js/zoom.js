// Looking closer at a chart: drag over a stretch of its horizontal axis, or focus the chart and
// press + and − (closer, farther), ← and → (along), 0 (all of it). A button says that a part is
// shown and brings the whole back. What it shows is the same data; nothing is computed anew.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;

  // A shorter drag is a click.
  const DRAG_MIN_PX = 8;
  // A key press shows this share of what was seen, or moves by it.
  const CLOSER = 0.6;
  const ALONG = 0.25;
  // A stretch is at most so many times narrower than the whole: beyond it there is no data.
  const CLOSEST = 1e-4;

  const HOW = " To look closer, drag over a stretch, or focus the chart and press + − ← → 0.";

  const isLog = (scale) => scale.type === "logarithmic";
  const toLine = (scale, value) => (isLog(scale) ? Math.log(value) : value);
  const fromLine = (scale, place) => (isLog(scale) ? Math.exp(place) : place);

  // Makes a chart that was drawn into `place` one that can be looked into.
  function attach(chart, place) {
    const scale = () => chart.scales.x;
    const whole = [scale().min, scale().max];
    // An axis that found its ends by itself finds them again.
    const { min, max } = chart.config.options.scales.x;
    const back = el("button", { type: "button", class: "whole", hidden: true }, "Show all of it");
    const marked = el("div", { class: "marked", hidden: true });
    const canvas = chart.canvas;
    canvas.tabIndex = 0;
    place.append(marked, back);

    function show(from, to) {
      const [first, last] = whole.map((value) => toLine(scale(), value));
      const width = Math.min(Math.max(to - from, (last - first) * CLOSEST), last - first);
      const start = Math.min(Math.max(from, first), last - width);
      const all = width >= (last - first) * 0.999;
      const range = [start, start + width].map((value) => fromLine(scale(), value));
      Object.assign(chart.options.scales.x, all ? { min, max } : { min: range[0], max: range[1] });
      chart.update("none");
      back.hidden = all;
      canvas.dataset.shown = all ? "all" : range.join(" ");
    }

    const shown = () => [scale().min, scale().max].map((value) => toLine(scale(), value));
    back.addEventListener("click", () => {
      show(...whole.map((value) => toLine(scale(), value)));
      canvas.focus();
    });
    canvas.addEventListener("keydown", (event) => {
      const step = keys(event.key, ...shown());
      if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      show(...(step === "all" ? whole.map((value) => toLine(scale(), value)) : step));
    });
    drags(canvas, marked, () => chart.chartArea, (from, to) => {
      show(...[from, to].map((pixel) => toLine(scale(), scale().getValueForPixel(pixel))));
    });
  }

  function keys(key, from, to) {
    const [middle, half] = [(from + to) / 2, (to - from) / 2];
    const by = (to - from) * ALONG;
    return {
      "+": [middle - half * CLOSER, middle + half * CLOSER],
      "=": [middle - half * CLOSER, middle + half * CLOSER],
      "-": [middle - half / CLOSER, middle + half / CLOSER],
      ArrowLeft: [from - by, to - by],
      ArrowRight: [from + by, to + by],
      0: "all",
    }[key];
  }

  // With a mouse or a pen; a finger scrolls the page.
  function drags(canvas, marked, area, done) {
    let start = null;
    const at = (event) => {
      const { left, right } = area();
      return Math.min(Math.max(event.offsetX, left), right);
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch" || event.button !== 0) return;
      start = at(event);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (start === null) return;
      const end = at(event);
      marked.hidden = Math.abs(end - start) < DRAG_MIN_PX;
      marked.style.left = Math.min(start, end) + "px";
      marked.style.width = Math.abs(end - start) + "px";
    });
    const finish = (event) => {
      if (start === null) return;
      const [from, to] = [start, at(event)].sort((a, b) => a - b);
      start = null;
      marked.hidden = true;
      if (event.type === "pointerup" && to - from >= DRAG_MIN_PX) done(from, to);
    };
    canvas.addEventListener("pointerup", finish);
    canvas.addEventListener("pointercancel", finish);
  }

  Tailrace.zoom = { attach, HOW };
})();
