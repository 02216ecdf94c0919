// The percentile spectrum: the whole distribution of every arm, the rare and slow as wide as the
// common. Thin lines are trials, bold ones all chosen rounds together, merged bucket by bucket;
// beyond its support a line is grey and dashed. One that meets the unanswered leaves at the top.
// Error bars stand at the percentiles that records carry; what is around the curves is `frame.js`.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, table, scrolling } = Tailrace.dom;
  const { at } = Tailrace.histogram;
  const format = Tailrace.format;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;
  const frame = Tailrace.frame;
  const { START } = frame;

  const STEPS_PER_DECADE = 40;
  const HEIGHT = 440;
  // Narrowest and widest room for names on the right.
  const NAMES = [60, 200];
  const LISTED = [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999];

  const LOOK =
    "where a curve turns upwards. Left is the common case; each step to the right from 90 % on is ten times rarer. Bold: the chosen rounds of an arm together; " +
    "thin: each trial; upright bars: around the rounds' own percentiles, from the lowest to the highest round (from 6 rounds on the 95 % interval of their median; of one round its own, in which slow answers count by the episodes they came in); grey and dashed: fewer than 10 batches lie above, so one bad moment could have made it. A curve that leaves through the top met batches that were never answered in time.";

  function figure(page) {
    const { model } = page;
    return charts.figure(page, {
      id: "spectrum",
      title: "Percentile spectrum",
      look: LOOK,
      plots: model.headline.map((load) => "spectrum-" + load.slug),
      label: (state) => "Percentile spectrum of each arm under " + model.load(state.load).label + ".",
      draw: (state, room) => draw(model, state, room),
      table: (state) => tableOf(model, state),
      zoom: true,
    });
  }

  function shown(model, state) {
    return model.arms.filter((arm) => !state.hidden.has(arm.slug));
  }

  function draw(model, state, { narrow }) {
    const curves = shown(model, state).flatMap((arm) => curvesOf(model, state, arm));
    const values = curves.flatMap(({ points }) => points.map(({ y }) => y)).filter((y) => y !== null);
    if (values.length === 0) return { note: "No trial under this load has this latency, or every arm is hidden." };
    const bars = frame.barsOf(model, state, shown(model, state).filter(model.ran));
    values.push(...bars.flatMap(({ bar }) => [bar.from, bar.to].filter((ns) => ns !== null).map((ns) => ns / 1e6)));
    const most = Math.max(100, ...curves.filter((curve) => curve.bold).map((curve) => curve.total));
    const title = Tailrace.run.LATENCIES.find(({ key }) => key === state.latency).axis + ", log scale";
    const y = charts.logMs(values, { title: narrow ? "" : title, dense: true });
    const ends = curves
      .filter((curve) => curve.bold)
      .map(({ arm, points }) => ({ arm, end: points.filter((point) => point.y !== null).pop() }));
    // The strip above the largest value is where curves that met the unanswered go.
    const edge = y.max;
    const out = edge * (edge / y.min) ** 0.08;
    const beyond = curves.some(({ points }) => points.some((point) => point.y === null));
    if (beyond) y.max = out;
    const config = {
      type: "scatter",
      data: { datasets: curves.flatMap((curve) => datasets(curve, out)) },
      options: charts.options({
        layout: {
          padding: {
            right: narrow
              ? 12
              : charts.room(
                  shown(model, state).map(({ slug }) => slug),
                  12,
                  NAMES,
                ) + 40,
            top: 8,
          },
        },
        scales: { x: frame.percentiles(most, narrow), y },
        interaction: { mode: "nearest", axis: "xy", intersect: false },
      }),
      plugins: [
        ...(beyond ? [frame.strip(edge, model.load(state.load))] : []),
        frame.bars(bars, edge),
        ...(narrow ? [] : [frame.namesAtEnds(ends)]),
      ],
    };
    return { height: narrow ? 340 : HEIGHT, config };
  }

  // The trials, thin, and all of them together, bold.
  function curvesOf(model, state, arm) {
    const trials = model.trials(arm.slug, state.load, state.rounds).filter((trial) => trial[state.latency]);
    const counted = trials.filter((trial) => trial.measurement !== "INVALID");
    const thin =
      trials.length > 1
        ? trials.map((trial) => ({
            arm,
            bold: false,
            invalid: trial.measurement === "INVALID",
            name: arm.slug + ", round " + trial.round,
            ...curve(model.distribution([trial], state.latency), arm.slug + ", round " + trial.round),
          }))
        : [];
    const whole = counted.length ? model.distribution(counted, state.latency) : null;
    const bold =
      whole && whole.total
        ? [{ arm, bold: true, ...curve(whole, arm.slug + (counted.length > 1 ? ", all chosen rounds" : "")) }]
        : [];
    return [...thin, ...bold];
  }

  // y is null among the unanswered, where the curve ends.
  function curve(distribution, name) {
    const points = [];
    const last = Math.floor(Math.log10(Math.max(distribution.total, 1)) * STEPS_PER_DECADE);
    for (let step = Math.ceil(Math.log10(START) * STEPS_PER_DECADE); step <= last; step += 1) {
      const inverse = 10 ** (step / STEPS_PER_DECADE);
      const found = at(distribution, 1 - 1 / inverse);
      const figure = found.ns === null ? "> timeout" : format.latency(found.ns);
      const above = found.supported ? "" : " (only " + found.support + " above)";
      points.push({
        x: inverse,
        y: found.ns === null ? null : found.ns / 1e6,
        supported: found.supported,
        text:
          name + ", " + format.percentile(Number(found.q.toPrecision(found.q > 0.99 ? 5 : 3))) + ": " + figure + above,
      });
      if (found.ns === null) break;
    }
    return { points, total: distribution.total };
  }

  function datasets({ arm, bold, invalid, points }, out) {
    const placed = points.map((point) => ({ ...point, y: point.y === null ? out : point.y }));
    const within = placed.filter((point) => point.supported);
    // They share a point, so that the line has no gap.
    const beyond = placed.slice(Math.max(within.length - 1, 0));
    const base = { showLine: true, pointRadius: 0, pointHoverRadius: bold ? 4 : 0, pointHitRadius: bold ? 8 : 0 };
    const colour = invalid
      ? theme.faded("beyond", 0.5)
      : bold
        ? theme.colour(arm.colour)
        : theme.faded(arm.colour, 0.38);
    const grey = theme.faded("beyond", bold ? 0.9 : 0.35);
    return [
      {
        ...base,
        data: within,
        borderColor: colour,
        pointHoverBackgroundColor: colour,
        borderWidth: bold ? 2.6 : 1,
        borderDash: arm.again ? [9, 4] : [],
        order: bold ? 1 : 3,
      },
      {
        ...base,
        data: beyond,
        borderColor: grey,
        pointHoverBackgroundColor: grey,
        borderWidth: bold ? 1.6 : 1,
        borderDash: [4, 4],
        order: bold ? 2 : 4,
      },
    ];
  }

  function ranged({ from, to }) {
    return format.latency(from) + (to === null ? " at least" : "–" + format.latency(to));
  }

  // In brackets what the bars show.
  function tableOf(model, state) {
    const heads = ["arm", "batches", ...LISTED.map(format.percentile), "largest"];
    const rows = shown(model, state).map((arm) => {
      const trials = model
        .trials(arm.slug, state.load, state.rounds)
        .filter((trial) => trial.measurement !== "INVALID");
      const whole = model.distribution(trials, state.latency);
      if (!whole) return [arm.slug, ...heads.slice(1).map(() => format.NOTHING)];
      const figures = LISTED.map((q) => {
        const found = at(whole, q);
        if (!found.supported) return "too few";
        const figure = found.ns === null ? "> timeout" : format.latency(found.ns);
        const bar = Tailrace.intervals.of(model.spread(trials, state.latency, q));
        return bar ? [figure, el("span", { class: "range" }, "(" + ranged(bar) + ")")] : figure;
      });
      const largest = whole.unanswered
        ? format.count(whole.unanswered) + " unanswered"
        : format.latency(whole.values[whole.values.length - 1]);
      return [arm.slug, format.count(whole.total), ...figures, largest];
    });
    return scrolling("Percentiles of the chosen rounds together", table(heads, rows));
  }

  Tailrace.spectrum = { figure };
})();
