// The marks of the dot plots: p50 hollow and p99 filled, joined by a line, error bars around both,
// every trial a small dot. `dots.js` has one lane an arm, `way.js` one a latency.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;
  const format = Tailrace.format;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;
  const intervals = Tailrace.intervals;

  const QUANTILES = [0.5, 0.99];
  // Width of the strip for what lies beyond the timeout, as a factor on the logarithmic axis.
  const BEYOND = 1.8;
  // Marks may reach over the edge by so many pixels.
  const OVERHANG = 12;
  // Farthest that the dots of two neighbouring rounds stand apart, and all of a lane's, in pixels.
  const ROUND_MAX = 12;

  const key = (kind, text) =>
    el("span", { class: "entry" }, el("span", { class: "mark " + kind, "aria-hidden": "true" }), text);

  // One lane: what is said of the trials, where it stands, how it looks. `room`: the lane's height.
  // null among figures stands for "beyond the timeout".
  function lane(model, trials, { latency, name, y, room, shape, colour }) {
    const spreads = QUANTILES.map((q) => model.spread(trials, latency, q));
    const medians = spreads.map((spread) =>
      spread.median !== null ? spread.median / 1e6 : spread.beyond ? null : undefined,
    );
    const dots = trials
      .flatMap((trial) => QUANTILES.map((q) => ({ trial, q, ...model.percentile(trial, latency, q) })))
      .filter(shown);
    const bars = spreads.map(intervals.of);
    const ends = bars.flatMap((bar) => (bar ? [bar.from, bar.to] : [])).filter((ns) => ns !== null);
    return {
      name,
      y,
      room,
      shape,
      colour,
      rounds: model.rounds,
      medians,
      bars,
      dots,
      beyond: medians.includes(null) || dots.some((dot) => dot.ns === null),
      all: [
        ...medians.filter((ms) => ms !== undefined && ms !== null),
        ...dots.filter((dot) => dot.ns !== null).map((dot) => dot.ns / 1e6),
        ...ends.map((ns) => ns / 1e6),
      ],
    };
  }

  function shown({ state, ns, supported }) {
    return state === "value" || state === "beyond" || (state === "invalid" && ns !== null && supported);
  }

  // The horizontal axis of all lanes, and where a figure stands on it; null when nothing is known.
  function axis(lanes, title) {
    const values = lanes.flatMap(({ all }) => all);
    if (values.length === 0) return null;
    const x = charts.logMs(values, { title });
    const edge = x.max;
    const beyond = lanes.some((lane) => lane.beyond);
    if (beyond) x.max *= BEYOND;
    return { x, edge, beyond, place: (ms) => (ms === null ? edge * Math.sqrt(BEYOND) : ms) };
  }

  function datasets(lane, place) {
    const { y, shape } = lane;
    const colour = theme.colour(lane.colour);
    const known = lane.medians.map((ms, index) => ({ ms, index })).filter(({ ms }) => ms !== undefined);
    const points = known.map(({ ms, index }) => ({ x: place(ms), y, text: said(lane, ms, index) }));
    const fill = known.map(({ index }) => (index === 0 ? theme.colour("card") : colour));
    const base = { clip: OVERHANG };
    return [
      {
        ...base,
        data: trials(lane, place, false),
        pointRadius: 2,
        pointHoverRadius: 4,
        pointBackgroundColor: theme.colour("ink"),
        pointBorderWidth: 0,
        order: 0,
      },
      {
        ...base,
        data: trials(lane, place, true),
        pointRadius: 4,
        pointStyle: "crossRot",
        pointBorderColor: theme.colour("beyond"),
        pointBorderWidth: 1.5,
        order: 0,
      },
      {
        ...base,
        data: points,
        pointRadius: shape === "circle" ? 6.5 : 7,
        pointHoverRadius: 8,
        pointStyle: shape,
        pointBackgroundColor: fill,
        pointBorderColor: colour,
        pointBorderWidth: 2.2,
        order: 1,
      },
      {
        ...base,
        data: points,
        showLine: true,
        pointRadius: 0,
        pointHitRadius: 0,
        borderColor: theme.faded(lane.colour, 0.45),
        borderWidth: 2,
        order: 2,
      },
    ];
  }

  function said(lane, ms, index) {
    const figure = ms === null ? "> timeout" : format.latency(ms * 1e6) + " (median)";
    return lane.name + ", p" + QUANTILES[index] * 100 + ": " + figure + intervals.text(lane.bars[index]);
  }

  // Rounds from top to bottom, so that pairs of arms can be followed.
  function trials(lane, place, invalid) {
    const step = Math.min((lane.room - 14) / Math.max(lane.rounds.length - 1, 1), ROUND_MAX);
    return lane.dots
      .filter((dot) => (dot.state === "invalid") === invalid)
      .map((dot) => {
        const index = lane.rounds.indexOf(dot.trial.round) - (lane.rounds.length - 1) / 2;
        const figure = dot.ns === null ? "> timeout" : format.latency(dot.ns);
        const seal = invalid ? ", INVALID" : "";
        return {
          x: place(dot.ns === null ? null : dot.ns / 1e6),
          y: lane.y + index * step,
          text: lane.name + ", round " + dot.trial.round + ", p" + dot.q * 100 + ": " + figure + seal,
        };
      });
  }

  // Error bars, above lines and marks: on a filled mark they would not be seen otherwise.
  function bars(lanes, { edge }) {
    return {
      id: "bars",
      afterDatasetsDraw({ ctx: context, scales }) {
        context.save();
        context.lineWidth = 1.4;
        context.strokeStyle = theme.colour("ink");
        for (const lane of lanes) {
          for (const bar of lane.bars) {
            if (!bar) continue;
            const ends = [bar.from / 1e6, bar.to === null ? edge : bar.to / 1e6];
            const [from, to] = ends.map((ms) => scales.x.getPixelForValue(ms));
            const at = scales.y.getPixelForValue(lane.y);
            intervals.draw(context, { at, from, to, level: true, open: bar.to === null });
          }
        }
        context.restore();
      },
    };
  }

  // Where what lies beyond the timeout stands.
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

  // Median and range of both percentiles, as cells of a table.
  function cells(model, trials, latency) {
    return QUANTILES.flatMap((q) => {
      const spread = model.spread(trials, latency, q);
      const absent = spread.beyond ? "> timeout" : spread.unsupported ? "too few" : format.NOTHING;
      const median = spread.median === null ? absent : format.latency(spread.median);
      const bar = intervals.of(spread);
      if (!bar) return [median, format.NOTHING];
      const to = bar.to === null ? (spread.beyond ? "> timeout" : "no upper bound") : format.latency(bar.to);
      return [median, format.latency(bar.from) + "–" + to];
    });
  }

  // Made anew for every picture: an element stands in one place only.
  const keys = () => [
    key("hollow", "p50"),
    key("filled", "p99 (medians of the chosen rounds)"),
    key("whisker", "lowest–highest round; from 6 rounds on the 95 % interval of the median"),
    key("dot", "one trial, first round on top"),
    key("struck", "INVALID, does not count"),
  ];
  const HEADS = ["p50: median", "p50: its bar", "p99: median", "p99: its bar"];

  Tailrace.marks = { lane, axis, datasets, bars, strip, cells, key, keys, HEADS };
})();
