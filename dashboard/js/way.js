// The way of a batch, side by side: due to acknowledged, to seen by a subscriber, to known as
// committed. From trials with a subscriber; the load is the chosen one if it has one, else the
// first that has. What lies exposed on that way is `exposure.js`.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { table, scrolling } = Tailrace.dom;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;
  const lanes = Tailrace.lanes;
  const marks = Tailrace.marks;

  const STAGES = [
    { latency: "ack", shape: "circle", says: "the sender has its answer" },
    { latency: "live", shape: "rectRot", says: "a subscriber has the batch" },
    { latency: "durable", shape: "rect", says: "a subscriber was told that the store has it" },
  ];
  // Height of one lane, and room for its name at the right, in pixels.
  const LANE = 28;
  const NAMES = 58;
  const LOOK =
    "how far behind its acknowledgement a batch is seen, and how far behind it is safe: between ack and durable it is only as safe as the log. All three run from when the batch was due; durable includes the notification, so it is an upper bound.";

  // Batches were followed beyond the acknowledgement.
  const exists = (model) => model.run.trials.some((trial) => trial.live || trial.durable);

  // The load of which the section speaks.
  function loadOf(model, state) {
    const followed = (load) => model.run.trials.some((trial) => trial.load === load.slug && trial.live);
    return [model.load(state.load), ...model.loads].find(followed) || model.load(state.load);
  }

  // What is known of these trials, in the order of the way.
  const stages = (trials) => STAGES.filter(({ latency }) => trials.some((trial) => trial[latency]));

  function figure(page) {
    const { model } = page;
    return charts.figure(page, {
      id: "way",
      title: "Acknowledged, seen, committed",
      look: LOOK,
      key: [
        ...STAGES.map(({ latency, shape, says }) => marks.key("stage " + shape, latency + ": " + says)),
        ...marks.keys(),
      ],
      plots: ["way"],
      label: (state) =>
        "Dot plot: p50 and p99 of ack, live and durable of each arm under " + loadOf(model, state).label + ".",
      draw: (state, room) => draw(model, state, room),
      table: (state) => tableOf(model, state),
    });
  }

  function draw(model, state, { narrow }) {
    const load = loadOf(model, state);
    const high = ({ slug }) => stages(model.trials(slug, load.slug)).length * LANE;
    const rows = lanes.layout(model, { narrow, high });
    const all = rows.rows.flatMap(({ arm, middle }) => lanesOf(model, state, load, arm, middle));
    const axis = marks.axis(all, narrow ? "from due, log scale" : "from due, log scale; load: " + load.label);
    if (!axis) return { note: "No trial of these rounds followed a batch beyond its acknowledgement." };
    const layout = lanes.layoutOf(rows);
    layout.padding.right = NAMES;
    return {
      height: rows.total,
      config: {
        type: "scatter",
        data: { datasets: all.flatMap((lane) => marks.datasets(lane, axis.place)) },
        options: charts.options({ layout, scales: { x: axis.x, y: lanes.scale(rows) } }),
        plugins: [
          lanes.plugin(rows, (chart, context) => axis.beyond && marks.strip(chart, context, axis.edge)),
          marks.bars(all, axis),
          names(all),
        ],
      },
    };
  }

  function lanesOf(model, state, load, arm, middle) {
    const trials = model.trials(arm.slug, load.slug, state.rounds);
    const found = stages(trials);
    return found.map(({ latency, shape }, index) => ({
      latency,
      ...marks.lane(model, trials, {
        latency,
        name: arm.slug + ", " + latency,
        y: middle + (index - (found.length - 1) / 2) * LANE,
        room: LANE,
        shape,
        colour: arm.colour,
      }),
    }));
  }

  // The stage of each lane, at its right: shape alone would be too little.
  function names(all) {
    return {
      id: "names",
      afterDatasetsDraw({ ctx: context, chartArea, scales }) {
        context.save();
        context.font = charts.css(11);
        context.fillStyle = theme.colour("muted");
        context.textBaseline = "middle";
        for (const { latency, y } of all)
          context.fillText(latency, chartArea.right + 12, scales.y.getPixelForValue(y));
        context.restore();
      },
    };
  }

  function tableOf(model, state) {
    const load = loadOf(model, state);
    const rows = model.groups.flatMap(({ promise, arms }) => [
      { heading: promise + ", " + load.label },
      ...arms.flatMap((arm) => {
        const trials = model.trials(arm.slug, load.slug, state.rounds);
        return stages(trials).map(({ latency }) => [arm.slug, latency, ...marks.cells(model, trials, latency)]);
      }),
    ]);
    return scrolling("Acknowledged, seen, committed", table(["arm", "latency", ...marks.HEADS], rows));
  }

  Tailrace.way = { exists, loadOf, figure };
})();
