// The first picture: one row an arm by promise, p50 hollow and p99 filled, every trial a small
// dot, the floor a grey band behind all of them.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, table, scrolling } = Tailrace.dom;
  const format = Tailrace.format;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;
  const lanes = Tailrace.lanes;

  const QUANTILES = [0.5, 0.99];
  // Width of the strip for what lies beyond the timeout, as a factor on the logarithmic axis.
  const BEYOND = 1.8;

  const LOOK =
    "how far an arm is from the grey band (the floor: a bare echo on this machine, from its lowest p50 to its highest p99), " +
    "and whether the small dots (trials) of two arms overlap. Where they do, the arms cannot be told apart. Compare within a promise only.";

  function figure(page) {
    const { model } = page;
    return charts.figure(page, {
      id: "dots",
      title: "Latency of every arm",
      look: LOOK,
      key: key(),
      plots: ["dots"],
      label: (state) => "Dot plot: p50 and p99 of each arm under " + model.load(state.load).label + ".",
      draw: (state, room) => draw(model, state, room),
      table: (state) => tableOf(model, state),
    });
  }

  function key() {
    const entry = (kind, text) =>
      el("span", { class: "entry" }, el("span", { class: "mark " + kind, "aria-hidden": "true" }), text);
    return [
      entry("hollow", "p50"),
      entry("filled", "p99 (medians of the chosen rounds)"),
      entry("dot", "one trial, first round on top"),
      entry("struck", "INVALID, does not count"),
      entry("band", "floor"),
    ];
  }

  function trialsOf(model, state, arm) {
    return model.trials(arm.slug, state.load, state.rounds);
  }

  // Beside the bars, the rows are as high as theirs.
  function draw(model, state, { narrow, wide }) {
    const rows = lanes.layout(model, { narrow: narrow && !wide, lanes: wide ? model.headline.length : 1 });
    const marks = rows.rows.map((row) => marksOf(model, state, row));
    const values = marks.flatMap((mark) => mark.all).filter((value) => value !== null);
    if (values.length === 0) return { note: "No trial under this load has this latency; choose another." };
    const beyond = marks.some((mark) => mark.beyond);
    const title = Tailrace.run.LATENCIES.find(({ key }) => key === state.latency).axis + ", log scale";
    const x = charts.logMs(values, { title });
    const edge = x.max;
    if (beyond) x.max *= BEYOND;
    const place = (ms) => (ms === null ? edge * Math.sqrt(BEYOND) : ms);
    const config = {
      type: "scatter",
      data: { datasets: marks.flatMap((mark) => datasets(mark, place)) },
      options: charts.options({ layout: lanes.layoutOf(rows), scales: { x, y: lanes.scale(rows) } }),
      plugins: [
        lanes.plugin(rows, (chart, context) => {
          band(chart, context, model, state, rows);
          if (beyond) strip(chart, context, edge);
        }),
      ],
    };
    return { height: rows.total, config };
  }

  // null stands for "beyond the timeout".
  function marksOf(model, state, row) {
    const trials = trialsOf(model, state, row.arm);
    const medians = QUANTILES.map((q) => {
      const spread = model.spread(trials, state.latency, q);
      return spread.median !== null ? spread.median / 1e6 : spread.beyond ? null : undefined;
    });
    const dots = trials.flatMap((trial) =>
      QUANTILES.map((q) => ({ trial, q, ...model.percentile(trial, state.latency, q) })),
    );
    const shown = dots.filter(
      (dot) =>
        dot.state === "value" ||
        dot.state === "beyond" ||
        (dot.state === "invalid" && dot.ns !== null && dot.supported),
    );
    return {
      row,
      rounds: model.rounds,
      medians,
      dots: shown,
      beyond: medians.includes(null) || shown.some((dot) => dot.ns === null),
      all: [
        ...medians.filter((ms) => ms !== undefined && ms !== null),
        ...shown.filter((dot) => dot.ns !== null).map((dot) => dot.ns / 1e6),
      ],
    };
  }

  function datasets(mark, place) {
    const { arm, middle } = mark.row;
    const colour = theme.colour(arm.colour);
    const known = mark.medians.map((ms, index) => ({ ms, index })).filter(({ ms }) => ms !== undefined);
    const point = ({ ms, index }) => ({
      x: place(ms),
      y: middle,
      text:
        arm.slug +
        ", p" +
        QUANTILES[index] * 100 +
        ": " +
        (ms === null ? "> timeout" : format.latency(ms * 1e6)) +
        " (median)",
    });
    const points = known.map(point);
    const fill = known.map(({ index }) => (index === 0 ? theme.colour("card") : colour));
    return [
      {
        data: dots(mark, place, false),
        pointRadius: 2,
        pointHoverRadius: 4,
        pointBackgroundColor: theme.colour("ink"),
        pointBorderWidth: 0,
        order: 0,
      },
      {
        data: dots(mark, place, true),
        pointRadius: 4,
        pointStyle: "crossRot",
        pointBorderColor: theme.colour("beyond"),
        pointBorderWidth: 1.5,
        order: 0,
      },
      {
        data: points,
        pointRadius: 7,
        pointHoverRadius: 8,
        pointStyle: arm.shape,
        pointBackgroundColor: fill,
        pointBorderColor: colour,
        pointBorderWidth: 2.2,
        order: 1,
      },
      {
        data: points,
        showLine: true,
        pointRadius: 0,
        pointHitRadius: 0,
        borderColor: theme.faded(arm.colour, 0.55),
        borderWidth: 2,
        order: 2,
      },
    ];
  }

  // Rounds from top to bottom, so that pairs of arms can be followed.
  function dots(mark, place, invalid) {
    const step = Math.min(26 / Math.max(mark.rounds.length - 1, 1), 12);
    return mark.dots
      .filter((dot) => (dot.state === "invalid") === invalid)
      .map((dot) => {
        const index = mark.rounds.indexOf(dot.trial.round) - (mark.rounds.length - 1) / 2;
        const seal = invalid ? ", INVALID" : "";
        return {
          x: place(dot.ns === null ? null : dot.ns / 1e6),
          y: mark.row.middle + index * step,
          text:
            mark.row.arm.slug +
            ", round " +
            dot.trial.round +
            ", p" +
            dot.q * 100 +
            ": " +
            (dot.ns === null ? "> timeout" : format.latency(dot.ns)) +
            seal,
        };
      });
  }

  function floorOf(model, state) {
    if (!model.floor) return null;
    const trials = trialsOf(model, state, model.floor);
    const low = model.spread(trials, state.latency, 0.5).lowest;
    const high = model.spread(trials, state.latency, 0.99).highest;
    return low && high ? [low / 1e6, high / 1e6] : null;
  }

  function band(chart, context, model, state, rows) {
    const floor = floorOf(model, state);
    if (!floor) return;
    const { x, y } = chart.scales;
    const [from, to] = floor.map((ms) => x.getPixelForValue(ms));
    const bottom = y.getPixelForValue(rows.height);
    context.fillStyle = theme.colour("band");
    context.fillRect(from, y.getPixelForValue(0), Math.max(to - from, 2), bottom - y.getPixelForValue(0));
  }

  function strip(chart, context, edge) {
    const { left, right, top, bottom } = chart.chartArea;
    const from = Math.max(chart.scales.x.getPixelForValue(edge), left);
    context.fillStyle = theme.faded("alarm", 0.1);
    context.fillRect(from, top, right - from, bottom - top);
    context.fillStyle = theme.colour("alarm");
    context.font = charts.css(11, 600);
    context.textAlign = "right";
    context.textBaseline = "bottom";
    context.fillText("> timeout", right - 2, bottom - 2);
  }

  function tableOf(model, state) {
    const heads = ["arm", "trials", "p50: median", "p50: lowest–highest", "p99: median", "p99: lowest–highest"];
    const rows = model.groups.flatMap(({ promise, arms }) => [
      { heading: promise },
      ...arms.map((arm) => {
        const trials = trialsOf(model, state, arm);
        const cells = QUANTILES.flatMap((q) => cellsOf(model.spread(trials, state.latency, q)));
        return [arm.slug, format.count(trials.length), ...cells];
      }),
    ]);
    return scrolling("Latency of every arm", table(heads, rows));
  }

  function cellsOf(spread) {
    const absent = spread.beyond ? "> timeout" : spread.unsupported ? "too few" : format.NOTHING;
    const median = spread.median === null ? absent : format.latency(spread.median);
    const highest = spread.beyond ? "> timeout" : format.latency(spread.highest);
    return [median, spread.lowest === null ? absent : format.latency(spread.lowest) + "–" + highest];
  }

  Tailrace.dots = { figure };
})();
