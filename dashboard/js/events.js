// What happened to a trial on purpose, as a chart over time shows it: numbered flags on dashed
// lines, a shaded stretch while something was away, and a list that says what the numbers are.
// Ticks on top are batches that were not answered in time.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;
  const format = Tailrace.format;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;

  // Room above the curves, which nothing may hide: ticks, then the flags.
  const TICKS = 10;
  const FLAG = 18;
  // Words with which a fault begins, and with which it ends (loadgen/src/faults.rs).
  const AWAY = /^(.*) (killed|stopped)$/;
  const BACK = /^(.*) (started again|continued)$/;

  // What happened at the same tenth of a second in several rounds is told once, in order.
  function of(trials) {
    const found = new Map();
    for (const { at_ns, what } of trials.flatMap((trial) => trial.faults)) {
      const name = what + " at " + (at_ns / 1e9).toFixed(1) + " s";
      if (!found.has(name)) found.set(name, { at: at_ns / 1e9, what, name });
    }
    return [...found.values()].sort((a, b) => a.at - b.at);
  }

  // From when until when something was away; what never came back is away to the end.
  function outages(faults, until) {
    return faults.flatMap(({ at, what }) => {
      const [, who] = AWAY.exec(what) || [];
      if (who === undefined) return [];
      const back = faults.find((other) => other.at > at && (BACK.exec(other.what) || [])[1] === who);
      return [{ who, from: at, to: back ? back.at : until }];
    });
  }

  const above = (faults) => TICKS + (faults.length ? FLAG : 0);

  function list(faults) {
    if (faults.length === 0) return null;
    return [
      el("p", { class: "small" }, "Faults made on purpose; shaded: away."),
      el(
        "ol",
        { class: "flags" },
        faults.map(({ name }) => el("li", null, name)),
      ),
    ];
  }

  // Draws them onto a chart whose horizontal axis is seconds of the window.
  function plugin(trials, faults, until) {
    return {
      id: "events",
      beforeDatasetsDraw({ ctx: context, chartArea, scales }) {
        context.save();
        clip(context, chartArea);
        context.fillStyle = theme.faded("alarm", 0.1);
        for (const { from, to } of outages(faults, until)) {
          const [left, right] = [from, to].map((at) => scales.x.getPixelForValue(at));
          context.fillRect(left, chartArea.top, right - left, chartArea.height);
        }
        context.restore();
      },
      afterDatasetsDraw({ ctx: context, chartArea, scales }) {
        context.save();
        context.strokeStyle = theme.colour("alarm");
        context.fillStyle = theme.colour("alarm");
        for (const trial of trials) missing(trial, scales.x, chartArea, context);
        faults.forEach((fault, index) => flag(context, chartArea, scales.x, fault, index + 1));
        context.restore();
      },
    };
  }

  // The curves' own area, widened so that nothing of the margins is drawn over.
  function clip(context, { left, top, width, height }) {
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
  }

  function flag(context, area, scale, { at }, number) {
    const x = scale.getPixelForValue(at);
    if (x < area.left || x > area.right) return;
    const y = area.top - TICKS - FLAG / 2;
    context.setLineDash([4, 3]);
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x, area.bottom);
    context.stroke();
    context.setLineDash([]);
    context.beginPath();
    context.arc(x, y, FLAG / 2 - 1, 0, 2 * Math.PI);
    context.fillStyle = theme.colour("alarm");
    context.fill();
    context.fillStyle = theme.colour("card");
    context.font = charts.css(11, 700);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(format.count(number), x, y + 0.5);
  }

  function missing({ timeline }, scale, area, context) {
    timeline.due_ms.forEach((due, index) => {
      if (due < 0 || timeline.unanswered[index] + timeline.failed[index] === 0) return;
      const x = scale.getPixelForValue(due / 1000);
      if (x >= area.left && x <= area.right) context.fillRect(x, area.top - 8, 2, 7);
    });
  }

  Tailrace.events = { of, outages, above, list, plugin };
})();
