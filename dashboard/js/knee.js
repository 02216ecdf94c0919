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
  const QUANTILES = [0.5, 0.99];
  // Half the width of the end of a bar, in pixels.
  const SERIF = 3;
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
    return [...arms, mark("hollow", "p50"), mark("filled", "p99"), el("span", { class: "entry" }, "bars: lowest–highest round")];
  }

  const ordered = (model) => [...model.headline].sort((a, b) => a.rate_per_s - b.rate_per_s);

  // The points of one arm at one percentile.
  function points(model, state, arm, q) {
    return ordered(model).flatMap((load) => {
      const trials = model.trials(arm.slug, load.slug, state.rounds);
      const spread = model.spread(trials, "ack", q);
      if (spread.median === null) return [];
      const ms = spread.median / 1e6;
      const range = [spread.lowest, spread.highest].map((ns) => (ns === null ? ms : ns / 1e6));
      const text = arm.slug + ", p" + q * 100 + " at " + format.rate(load.rate_per_s) + ": " + format.latency(spread.median);
      return [{ x: load.rate_per_s, y: ms, range, text }];
    });
  }

  function draw(model, state, { narrow }) {
    const curves = model.arms
      .filter((arm) => !state.hidden.has(arm.slug))
      .flatMap((arm) => QUANTILES.map((q) => ({ arm, q, data: points(model, state, arm, q) })));
    const all = curves.flatMap(({ data }) => data);
    if (all.length === 0) return { note: "No trial of these rounds has an ack latency, or every arm is hidden." };
    const values = all.flatMap(({ range, y }) => [...range, y]);
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

  function bars(curves) {
    return {
      id: "bars",
      beforeDatasetsDraw({ ctx: context, scales }) {
        context.save();
        context.lineWidth = 1.2;
        for (const { arm, data } of curves) {
          context.strokeStyle = theme.faded(arm.colour, 0.6);
          for (const { x, range } of data) bar(context, scales.x.getPixelForValue(x), range.map((ms) => scales.y.getPixelForValue(ms)));
        }
        context.restore();
      },
    };
  }

  function bar(context, x, [from, to]) {
    context.beginPath();
    context.moveTo(x, from);
    context.lineTo(x, to);
    for (const y of [from, to]) {
      context.moveTo(x - SERIF, y);
      context.lineTo(x + SERIF, y);
    }
    context.stroke();
  }

  function tableOf(model, state) {
    const heads = ["arm", "rate", "answered", "p50", "p99"];
    const rows = model.arms.flatMap((arm) =>
      ordered(model).map((load) => {
        const trials = model.trials(arm.slug, load.slug, state.rounds);
        const sum = (name) => trials.reduce((total, trial) => total + trial.outcomes[name], 0);
        const figure = (q) => {
          const spread = model.spread(trials, "ack", q);
          if (spread.median !== null) return format.latency(spread.median);
          return spread.beyond ? "> timeout" : spread.unsupported ? "too few" : format.NOTHING;
        };
        return [
          arm.slug,
          format.rate(load.rate_per_s),
          format.share(sum("acked"), sum("scheduled")),
          figure(0.5),
          figure(0.99),
        ];
      }),
    );
    return scrolling("Latency against rate", table(heads, rows));
  }

  Tailrace.knee = { exists, figure };
})();
