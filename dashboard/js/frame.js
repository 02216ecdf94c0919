// What stands around the curves of the percentile spectrum: its axis, the strip for what was never
// answered, names at the ends, and error bars at the percentiles that records carry.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;
  const intervals = Tailrace.intervals;

  // Where curves begin, as 1/(1−q): below a fifth of the batches there is nothing to compare.
  const START = 1.25;
  // Bars of several arms stand so many pixels apart.
  const APART = 4;
  const BARRED = [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999];

  function strip(edge, load) {
    return {
      id: "strip",
      beforeDatasetsDraw({ ctx: context, chartArea, scales }) {
        const bottom = scales.y.getPixelForValue(edge);
        context.save();
        context.fillStyle = theme.faded("alarm", 0.1);
        context.fillRect(chartArea.left, chartArea.top, chartArea.width, bottom - chartArea.top);
        context.fillStyle = theme.colour("alarm");
        context.font = charts.css(11, 600);
        context.textBaseline = "middle";
        context.textAlign = "right";
        context.fillText(
          "> timeout (" + charts.ms(load.timeout_ms) + ")",
          chartArea.right - 6,
          (chartArea.top + bottom) / 2,
        );
        context.restore();
      },
    };
  }

  function percentiles(most, narrow) {
    const marks = [
      [2, "50 %"],
      [10, "90 %"],
    ];
    for (let nines = 2; nines < 9; nines += 1)
      marks.push([10 ** nines, nines === 2 ? "99 %" : "99." + "9".repeat(nines - 2) + " %"]);
    const within = marks.filter(([inverse]) => inverse <= most);
    const names = new Map(within);
    const axis = charts.axis(
      narrow
        ? "percentile of the batches due"
        : "percentile of the batches due; to the right of 90 % every mark is ten times rarer",
    );
    return {
      ...axis,
      type: "logarithmic",
      min: START,
      max: most,
      afterBuildTicks: (scale) => (scale.ticks = within.map(([value]) => ({ value }))),
      ticks: { ...axis.ticks, autoSkipPadding: 6, callback: (value) => names.get(value) || "" },
    };
  }

  // Names at the right edge, pushed apart, each with a line to its curve.
  function namesAtEnds(ends) {
    return {
      id: "names",
      afterDatasetsDraw(chart) {
        const { chartArea, scales, ctx: context } = chart;
        const places = ends
          .filter(({ end }) => end)
          .map(({ arm, end }) => ({ arm, x: scales.x.getPixelForValue(end.x), y: scales.y.getPixelForValue(end.y) }));
        places.sort((a, b) => a.y - b.y);
        places.forEach(
          (place, index) => (place.at = Math.max(place.y, index ? places[index - 1].at + 17 : chartArea.top + 8)),
        );
        let limit = chartArea.bottom;
        for (const place of [...places].reverse()) {
          place.at = Math.min(place.at, limit);
          limit = place.at - 17;
        }
        context.save();
        context.font = charts.css(12, 600);
        context.textBaseline = "middle";
        for (const { arm, x, y, at: level } of places) {
          context.strokeStyle = theme.faded(arm.colour, 0.6);
          context.setLineDash([2, 3]);
          context.beginPath();
          // A curve that ended far from its name is known by its colour.
          if (chartArea.right - x < chartArea.width / 3) {
            context.moveTo(x, y);
            context.lineTo(chartArea.right + 14, level);
          }
          context.stroke();
          context.fillStyle = theme.colour(arm.colour);
          context.fillRect(chartArea.right + 16, level - 4, 8, 8);
          context.fillStyle = theme.colour("ink");
          context.fillText(
            charts.fit(context, arm.slug, chart.width - chartArea.right - 32),
            chartArea.right + 29,
            level,
          );
        }
        context.restore();
      },
    };
  }

  // What stands around the percentiles of each arm, and where.
  function barsOf(model, state, arms) {
    return arms.flatMap((arm, index) =>
      BARRED.flatMap((q) => {
        const trials = model.trials(arm.slug, state.load, state.rounds);
        const bar = intervals.of(model.spread(trials, state.latency, q));
        return bar ? [{ arm, bar, inverse: 1 / (1 - q), shift: (index - (arms.length - 1) / 2) * APART }] : [];
      }),
    );
  }

  function bars(all, top) {
    return {
      id: "bars",
      beforeDatasetsDraw({ ctx: context, scales, chartArea }) {
        context.save();
        context.lineWidth = 1.3;
        for (const { arm, bar, inverse, shift } of all) {
          const at = scales.x.getPixelForValue(inverse) + shift;
          if (at < chartArea.left || at > chartArea.right) continue;
          const [from, to] = [bar.from / 1e6, bar.to === null ? top : bar.to / 1e6].map((ms) =>
            scales.y.getPixelForValue(ms),
          );
          context.strokeStyle = theme.faded(arm.colour, 0.85);
          intervals.draw(context, { at, from, to, level: false, open: bar.to === null });
        }
        context.restore();
      },
    };
  }

  Tailrace.frame = { START, strip, percentiles, namesAtEnds, barsOf, bars };
})();
