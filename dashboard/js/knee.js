// Latency against rate: where an arm can no longer follow. One point a load, at its rate; p50
// hollow, p99 filled, a line between the loads of an arm, bars from the lowest to the highest
// round. A run with a single rate has no such picture.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, table, scrolling } = Tailrace.dom;
  const format = Tailrace.format;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;

  const HEIGHT = 400;
  const intervals = Tailrace.intervals;

  const QUANTILES = [0.5, 0.99];
  const LOOK =
    "where a line turns upwards: from that rate on batches wait for each other. A line that ends early met loads whose answers did not come, or too few to say a p99. Only rates that were run are points; between them nothing is known.";

  // Two loads of one rate are no curve.
  const exists = (model) => new Set(model.headline.map((load) => load.rate_per_s)).size > 1;

  function figure(page) {
    const { model } = page;
    return charts.figure(page, {
      id: "knee",
      title: "Latency against rate",
      look: LOOK,
      key: key(model),
      plots: [],
      label: () => "p50 and p99 of each arm against the offered rate.",
      draw: (state, room) => draw(model, state, room),
      table: (state) => tableOf(model, state),
      zoom: true,
    });
  }

  function key(model) {
    const arms = model.arms.map((arm) => el("span", { class: "entry" }, Tailrace.controls.mark(arm), arm.slug));
    const mark = (kind, text) => el("span", { class: "entry" }, el("span", { class: "mark " + kind, "aria-hidden": "true" }), text);
    return [...arms, mark("hollow", "p50"), mark("filled", "p99"), mark("whisker", "lowest–highest round; from 6 rounds on the 95 % interval of the median")];
  }

  const ordered = (model) => [...model.headline].sort((a, b) => a.rate_per_s - b.rate_per_s);

  // The points of one arm at one percentile.
  function points(model, state, arm, q) {
    return ordered(model).flatMap((load) => {
      const trials = model.trials(arm.slug, load.slug, state.rounds);
      const spread = model.spread(trials, "ack", q);
      if (spread.median === null) return [];
      const bar = intervals.of(spread);
      const text =
        arm.slug + ", p" + q * 100 + " at " + format.rate(load.rate_per_s) + ": " + format.latency(spread.median) + intervals.text(bar);
      return [{ x: load.rate_per_s, y: spread.median / 1e6, bar, text }];
    });
  }

  function draw(model, state, { narrow }) {
    const curves = model.arms
      .filter((arm) => !state.hidden.has(arm.slug))
      .flatMap((arm) => QUANTILES.map((q) => ({ arm, q, data: points(model, state, arm, q) })));
    const all = curves.flatMap(({ data }) => data);
    if (all.length === 0) return { note: "No trial of these rounds has an ack latency, or every arm is hidden." };
    const values = all.flatMap(({ bar, y }) => [y, ...(bar ? [bar.from / 1e6, bar.to === null ? y : bar.to / 1e6] : [])]);
    const y = charts.logMs(values, { title: narrow ? "" : "latency from due to acknowledged, log scale", dense: true });
    const x = { ...charts.axis("offered rate, batches a second"), type: "linear", min: 0 };
    x.ticks = { ...x.ticks, callback: (value) => format.count(value), maxTicksLimit: narrow ? 4 : 8 };
    return {
      height: narrow ? 320 : HEIGHT,
      config: {
        type: "scatter",
        data: { datasets: curves.map(dataset) },
        options: charts.options({ layout: { padding: { right: 12, top: 8 } }, scales: { x, y } }),
        plugins: [bars(curves)],
      },
    };
  }

  function dataset({ arm, q, data }) {
    const colour = theme.colour(arm.colour);
    return {
      data,
      showLine: true,
      borderColor: theme.faded(arm.colour, q === 0.5 ? 0.45 : 0.9),
      borderWidth: q === 0.5 ? 1.2 : 2,
      borderDash: arm.again ? [5, 3] : [],
      pointRadius: 5,
      pointHoverRadius: 7,
      pointStyle: arm.shape,
      pointBackgroundColor: q === 0.5 ? theme.colour("card") : colour,
      pointBorderColor: colour,
      pointBorderWidth: 2,
    };
  }

  // One that nothing bounds from above goes to the edge.
  function bars(curves) {
    return {
      id: "bars",
      beforeDatasetsDraw({ ctx: context, scales, chartArea }) {
        context.save();
        context.lineWidth = 1.2;
        for (const { arm, data } of curves) {
          context.strokeStyle = theme.faded(arm.colour, 0.7);
          for (const { x, bar } of data) {
            if (!bar) continue;
            const at = scales.x.getPixelForValue(x);
            const from = scales.y.getPixelForValue(bar.from / 1e6);
            const to = bar.to === null ? chartArea.top : scales.y.getPixelForValue(bar.to / 1e6);
            intervals.draw(context, { at, from, to, level: false, open: bar.to === null });
          }
        }
        context.restore();
      },
    };
  }

  function tableOf(model, state) {
    const heads = ["arm", "rate", "answered", ...Tailrace.marks.HEADS];
    const rows = model.arms.filter(model.ran).flatMap((arm) =>
      ordered(model).map((load) => {
        const trials = model.trials(arm.slug, load.slug, state.rounds);
        const sum = (name) => trials.reduce((total, trial) => total + trial.outcomes[name], 0);
        return [
          arm.slug,
          format.rate(load.rate_per_s),
          format.share(sum("acked"), sum("scheduled")),
          ...Tailrace.marks.cells(model, trials, "ack"),
        ];
      }),
    );
    return scrolling("Latency against rate", table(heads, rows));
  }

  Tailrace.knee = { exists, figure };
})();
