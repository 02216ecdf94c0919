// The first picture: one row an arm by promise, p50 hollow and p99 filled, every trial a small
// dot, the floor a grey band behind all of them.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { table, scrolling } = Tailrace.dom;
  const format = Tailrace.format;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;
  const lanes = Tailrace.lanes;
  const marks = Tailrace.marks;

  // Room for the trials of a row, in pixels.
  const ROOM = 40;
  const LOOK =
    "how far an arm is from the grey band (the floor: a bare echo on this machine, from its lowest p50 to its highest p99), " +
    "and whether the small dots (trials) of two arms overlap. Where they do, the arms cannot be told apart. Compare within a promise only.";
  const FLOORLESS =
    "whether the small dots (trials) of two arms overlap. Where they do, the arms cannot be told apart. No bare echo ran, so nothing says how much of it is the machine. Compare within a promise only.";

  function figure(page) {
    const { model } = page;
    const floor = model.floor && model.ran(model.floor);
    return charts.figure(page, {
      id: "dots",
      title: "Latency of every arm",
      look: floor ? LOOK : FLOORLESS,
      key: floor ? [...marks.keys(), marks.key("band", "floor")] : marks.keys(),
      plots: ["dots"],
      label: (state) => "Dot plot: p50 and p99 of each arm under " + model.load(state.load).label + ".",
      draw: (state, room) => draw(model, state, room),
      table: (state) => tableOf(model, state),
    });
  }

  function trialsOf(model, state, arm) {
    return model.trials(arm.slug, state.load, state.rounds);
  }

  // Beside the bars, the rows are as high as theirs.
  function draw(model, state, { narrow, wide }) {
    const rows = lanes.layout(model, { narrow: narrow && !wide, lanes: wide ? model.headline.length : 1 });
    const all = rows.rows.map(({ arm, middle }) =>
      marks.lane(model, trialsOf(model, state, arm), {
        latency: state.latency,
        name: arm.slug,
        y: middle,
        room: ROOM,
        shape: arm.shape,
        colour: arm.colour,
      }),
    );
    const title = Tailrace.run.LATENCIES.find(({ key }) => key === state.latency).axis + ", log scale";
    const axis = marks.axis(all, title);
    if (!axis) return { note: "No trial under this load has this latency; choose another." };
    const config = {
      type: "scatter",
      data: { datasets: all.flatMap((lane) => marks.datasets(lane, axis.place)) },
      options: charts.options({ layout: lanes.layoutOf(rows), scales: { x: axis.x, y: lanes.scale(rows) } }),
      plugins: [
        lanes.plugin(
          rows,
          (chart, context) => {
            band(chart, context, model, state, rows);
            if (axis.beyond) marks.strip(chart, context, axis.edge);
          },
          ({ arm }) => trialsOf(model, state, arm).length === 0,
        ),
        marks.bars(all, axis),
      ],
    };
    return { height: rows.total, config };
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

  function tableOf(model, state) {
    const rows = model.groups.flatMap(({ promise, arms }) => [
      { heading: promise },
      ...arms.map((arm) => {
        const trials = trialsOf(model, state, arm);
        return [arm.slug, format.count(trials.length), ...marks.cells(model, trials, state.latency)];
      }),
    ]);
    return scrolling("Latency of every arm", table(["arm", "trials", ...marks.HEADS], rows));
  }

  Tailrace.dots = { figure };
})();
