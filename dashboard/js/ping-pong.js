// The open loop beside a closed ping-pong, of calibrations that have both: p50 of each pair, and whether
// the median of their differences is within what is allowed.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, table, scrolling, seal } = Tailrace.dom;
  const format = Tailrace.format;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;
  const { signed } = Tailrace.calibration;

  // Heights in pixels: of one loop's lane, between protocols, of the axis.
  const LANE = 24;
  const GAP = 14;
  const AXIS = 46;
  const PROTOCOLS = 52;
  const LOOPS = [
    { key: "closed_p50_ns", name: "ping-pong", colour: "series-2" },
    { key: "open_p50_ns", name: "open loop", colour: "series-1" },
  ];
  const LOOK =
    "how far the open loop's marks (each a round) are right of the ping-pong's, which asks again when it has its answer and so has nothing to be late for. " +
    "The grey band ends where the median of the differences would no longer pass.";

  function section(page) {
    const { ping_pongs: all } = page.model.calibration;
    return page.charts ? figure(page, all) : rounds(all);
  }

  // As in report.md.
  function sentence(one) {
    const invalid = one.rounds.filter((round) => round.seal === "INVALID").length;
    return [
      el("strong", null, one.protocol),
      " at " + format.rate(one.rate_per_s) + ": p50 is " + signed(one.difference_ns) + " from a closed ping-pong's (at most +" + format.latency(one.difference_ns_max) + "), lateness p99 " + format.latency(one.lateness_p99_ns) + " (at most " + format.latency(one.lateness_p99_ns_max) + "): ",
      Tailrace.verdicts.mark(one.verdict),
      invalid ? "; " + invalid + " of " + format.plural(one.rounds.length, "round") + " INVALID and left out" : null,
    ];
  }

  function figure(page, all) {
    return charts.figure(page, {
      id: "rounds",
      title: "Open loop beside ping-pong",
      look: LOOK,
      key: [
        ...LOOPS.map(({ name, colour }) =>
          el("span", { class: "entry" }, el("span", { class: "swatch " + colour, "aria-hidden": "true" }), name),
        ),
        el("span", { class: "entry" }, el("span", { class: "mark band", "aria-hidden": "true" }), "allowed of the open loop"),
      ],
      plots: [],
      label: () => "p50 of the open loop beside that of a closed ping-pong, by round and protocol.",
      draw: () => draw(all),
      table: () => rounds(all),
    });
  }

  function draw(all) {
    const block = LANE * LOOPS.length + GAP;
    const height = block * all.length;
    const y = (index, loop) => index * block + GAP / 2 + (loop + 0.5) * LANE;
    const bands = all.map((one) => {
      const middle = median(one.rounds.filter((round) => round.seal !== "INVALID").map((round) => round.closed_p50_ns));
      return middle === null ? null : [middle / 1e6, (middle + one.difference_ns_max) / 1e6];
    });
    const datasets = LOOPS.map(({ key, name, colour }, loop) => ({
      data: all.flatMap((one, index) =>
        one.rounds
          .map((round, number) => ({ round, number }))
          .filter(({ round }) => round[key] !== null)
          .map(({ round, number }) => ({
            x: round[key] / 1e6,
            y: y(index, loop),
            text: one.protocol + ", round " + (number + 1) + ", " + name + ": p50 " + format.latency(round[key]) + (round.seal === "INVALID" ? " (INVALID)" : ""),
          })),
      ),
      pointRadius: 5,
      pointHoverRadius: 7,
      pointBorderWidth: 1.6,
      pointBorderColor: theme.colour(colour),
      pointBackgroundColor: loop ? theme.faded(colour, 0.55) : "transparent",
    }));
    const values = [...datasets.flatMap(({ data }) => data.map(({ x }) => x)), ...bands.flatMap((band) => band || [])];
    const x = { ...charts.axis("p50, from zero"), type: "linear", min: 0, max: Math.max(0.01, ...values) * 1.06 };
    x.ticks = { ...x.ticks, callback: (value) => charts.ms(value), maxTicksLimit: 7, includeBounds: false };
    const config = {
      type: "scatter",
      data: { datasets },
      options: charts.options({
        layout: { autoPadding: false, padding: { left: PROTOCOLS, right: 16, top: 0, bottom: 0 } },
        scales: { x, y: { type: "linear", reverse: true, min: 0, max: height, display: false } },
      }),
      plugins: [backdrop(all, bands, block)],
    };
    return { height: height + AXIS, config };
  }

  function backdrop(all, bands, block) {
    return {
      id: "backdrop",
      beforeDatasetsDraw({ ctx: context, scales }) {
        context.save();
        context.textBaseline = "middle";
        all.forEach((one, index) => {
          const [top, bottom] = [index * block + GAP / 2, (index + 1) * block - GAP / 2].map((at) => scales.y.getPixelForValue(at));
          if (bands[index]) {
            const [from, to] = bands[index].map((ms) => scales.x.getPixelForValue(ms));
            context.fillStyle = theme.faded("beyond", 0.25);
            context.fillRect(from, (top + bottom) / 2, to - from, (bottom - top) / 2);
          }
          context.fillStyle = theme.colour("ink");
          context.font = charts.css(12, 600);
          context.fillText(charts.fit(context, one.protocol, PROTOCOLS - 6), 0, (top + bottom) / 2);
        });
        context.restore();
      },
    };
  }

  function median(values) {
    const known = values.filter((ns) => ns !== null).sort((a, b) => a - b);
    if (known.length === 0) return null;
    const half = Math.floor(known.length / 2);
    return known.length % 2 ? known[half] : (known[half - 1] + known[half]) / 2;
  }

  function rounds(all) {
    const heads = ["protocol", "round", "ping-pong p50", "open loop p50", "more", "lateness p99", "seal"];
    const rows = all.flatMap((one) =>
      one.rounds.map((round, index) => {
        const { open_p50_ns: open, closed_p50_ns: closed } = round;
        return {
          class: round.seal === "INVALID" ? "struck" : null,
          cells: [
            one.protocol,
            String(index + 1),
            format.latency(closed),
            format.latency(open),
            signed(open === null || closed === null ? null : open - closed),
            format.latency(round.lateness_p99_ns),
            seal(round.seal),
          ],
        };
      }),
    );
    return scrolling("Rounds of open loop and ping-pong", table(heads, rows, "Every round of the open loop and the ping-pong"));
  }

  Tailrace.pingPong = { section, sentence };
})();
