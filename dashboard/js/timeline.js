// Latency over time, by when batches were due: a small chart for every arm, all with the same
// axes. Faults are marked where they happened by `events.js`.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, table, scrolling, details } = Tailrace.dom;
  const format = Tailrace.format;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;

  const events = Tailrace.events;

  const HEIGHT = 210;
  const LOOK =
    "spikes in which lateness (the generator's own delay) rises with the latencies are this machine's, not the pipeline's; a p99 that climbs from left to right is a queue that grows. " +
    "Red ticks on top: batches due then were not answered in time.";
  // What matters most lies on top.
  const CURVES = [
    { key: "p50", name: "p50", colour: "series-1", width: 1.8 },
    { key: "p99", name: "p99", colour: "series-2", width: 1.8 },
    { key: "lateness", name: "largest lateness", colour: "series-4", width: 1 },
    // With several rounds it would hide the others.
    { key: "max", name: "largest ack (of a single round)", colour: "beyond", width: 1, alone: true },
  ];

  function figure(page) {
    const { model } = page;
    const grid = el("div", { class: "multiples" });
    const make = el(
      "figure",
      { class: "picture", id: "timeline" },
      charts.title("timeline", "Latency over time"),
      el("figcaption", null, el("strong", null, "What to look for: "), LOOK, Tailrace.zoom.HOW),
      el(
        "p",
        { class: "key" },
        CURVES.map(({ name, colour }) =>
          el("span", { class: "entry" }, el("span", { class: "swatch " + colour, "aria-hidden": "true" }), name),
        ),
        el("span", { class: "entry" }, "one line a round; always ack, whatever latency is chosen"),
      ),
      grid,
    );
    if (!page.charts) {
      const names = page.files.filter((file) => /^plots\/timeline-.*\.svg$/.test(file));
      for (const name of names)
        grid.append(
          el("img", {
            class: "plot",
            src: page.href(name),
            alt: "Latency over time, as drawn when the run was made",
            loading: "lazy",
          }),
        );
      if (names.length === 0)
        grid.append(el("p", { class: "small" }, "This picture needs Chart.js, which is not here."));
      return make;
    }
    let drawn = [];
    page.redraws.push(() => {
      drawn.forEach((chart) => chart.destroy());
      drawn = draw(model, page.chosen.state, grid);
    });
    return make;
  }

  function draw(model, state, grid) {
    const cells = model.groups
      .flatMap(({ arms }) => arms)
      .filter((arm) => !state.hidden.has(arm.slug))
      .map((arm) => ({
        arm,
        trials: model.trials(arm.slug, state.load, state.rounds).filter((trial) => trial.timeline.due_ms.length),
      }))
      .filter(({ trials }) => trials.length);
    grid.replaceChildren();
    const values = cells.flatMap(({ trials }) =>
      trials.flatMap(({ timeline }) => [...timeline.p50, ...timeline.max, ...timeline.lateness]),
    );
    const ms = values.filter((ns) => ns).map((ns) => ns / 1e6);
    if (ms.length === 0) {
      grid.append(el("p", { class: "small note" }, "No timeline for this choice."));
      return [];
    }
    const until = Math.max(...cells.flatMap(({ trials }) => trials.map((trial) => trial.window_ns / 1e9)));
    return cells.map((cell) => one(model, state, grid, cell, ms, until));
  }

  function one(model, state, grid, { arm, trials }, ms, until) {
    const canvas = el("canvas", {
      role: "img",
      "aria-label":
        "Latency over time of " +
        arm.slug +
        " under " +
        model.load(state.load).label +
        ". The figures stand in the table below.",
    });
    const place = el("div", { class: "chart" }, canvas);
    const faults = events.of(trials);
    const above = events.above(faults);
    place.style.height = HEIGHT + above + "px";
    const ended = trials
      .filter((trial) => trial.ended_early)
      .map((trial) => el("p", { class: "small alarm" }, "Round " + trial.round + " ended early: " + trial.ended_early));
    grid.append(
      el(
        "div",
        { class: "cell" },
        el("h4", null, arm.slug),
        place,
        events.list(faults),
        ended,
        details("The same as a table", () => tableOf(arm, trials)),
      ),
    );
    const x = { ...charts.axis(""), type: "linear", min: 0, max: until };
    x.ticks = { ...x.ticks, callback: (value) => String(Number(value.toFixed(3))) + " s", maxTicksLimit: 6 };
    const chart = new window.Chart(canvas, {
      type: "scatter",
      data: {
        datasets: CURVES.filter((curve) => !curve.alone || trials.length === 1).flatMap((curve, order) =>
          trials.map((trial) => dataset(trial, curve, order, trials.length)),
        ),
      },
      options: charts.options({
        layout: { padding: { top: above, right: 8 } },
        scales: { x, y: charts.logMs(ms, { title: "" }) },
        interaction: { mode: "nearest", axis: "xy", intersect: false },
      }),
      plugins: [events.plugin(trials, faults, until)],
    });
    Tailrace.zoom.attach(chart, place);
    return chart;
  }

  function dataset(trial, curve, order, several) {
    const { timeline } = trial;
    const data = timeline.due_ms
      .map((due, index) => {
        const ns = timeline[curve.key][index];
        return {
          x: due / 1000,
          y: ns === null ? null : Math.max(ns, 1) / 1e6,
          text:
            "round " +
            trial.round +
            ", due at " +
            format.digits(due / 1000, 3) +
            " s, " +
            curve.name +
            ": " +
            format.latency(ns),
        };
      })
      .filter((point) => point.x >= 0);
    const opacity = trial.measurement === "INVALID" ? 0.25 : several > 1 ? (curve.key === "lateness" ? 0.5 : 0.75) : 1;
    return {
      data,
      showLine: true,
      spanGaps: false,
      pointRadius: 0,
      pointHoverRadius: 4,
      borderWidth: curve.width,
      borderColor: theme.faded(curve.colour, opacity),
      pointHoverBackgroundColor: theme.colour(curve.colour),
      order,
    };
  }

  function tableOf(arm, trials) {
    const heads = [
      "due",
      "round",
      "batches due",
      "unanswered",
      "failed",
      "p50",
      "p99",
      "largest ack",
      "largest lateness",
      "backlog",
    ];
    const rows = trials.flatMap(({ round, timeline }) =>
      timeline.due_ms.map((due, index) => [
        format.digits(due / 1000, 3) + " s",
        String(round),
        format.count(timeline.scheduled[index]),
        format.count(timeline.unanswered[index]),
        format.count(timeline.failed[index]),
        ...["p50", "p99", "max", "lateness"].map((key) => format.latency(timeline[key][index])),
        format.count(timeline.backlog[index]),
      ]),
    );
    const merged = Math.max(...trials.map(({ timeline }) => timeline.merged));
    const note =
      merged > 1
        ? el("p", { class: "small" }, "Each line is the worst of " + merged + " slices of timeline.csv.")
        : null;
    return el("div", null, note, scrolling("Latency over time of " + arm.slug, table(heads, rows)));
  }

  Tailrace.timeline = { figure };
})();
