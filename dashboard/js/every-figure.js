// The whole table of a calibration: a row for each trial, by server, as in report.md, ours first; and each
// percentile by itself with everything that the record says of it.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, table, scrolling, seal, details } = Tailrace.dom;
  const format = Tailrace.format;
  const { percentile, signed } = Tailrace.calibration;

  function section(page) {
    const { model } = page;
    const place = el("div");
    const told = el("p", { class: "small", role: "status" });
    page.chosen.subscribe((state) => {
      const trials = model.chosen(state);
      told.textContent =
        format.plural(trials.length, "trial") +
        " of " +
        format.count(model.trials.length) +
        (model.several ? "" : ", all at " + model.schedule) +
        ". Each percentile: error, below it theory and, unless it is within, what the error is taken for. Sent: in the window, below it what was due. Woken late: the share of batches for whose release or answer the kernel woke the generator more than 50 µs late.";
      place.replaceChildren(
        whole(model, trials),
        el("p", { class: "small" }, "A maximum below 10 ms is the machine's; none is judged."),
        details("Every percentile by itself, with what is allowed and what the clocks of both sides say", () =>
          single(trials),
        ),
      );
    });
    return el("div", null, told, place, el("h3", null, "What the words mean"), words(model));
  }

  function words(model) {
    const verdicts = model.trials.flatMap(({ points, record }) => [
      ...points.map(({ verdict }) => verdict),
      ...(record.released_verdict ? [record.released_verdict] : []),
    ]);
    return Tailrace.verdicts.key(verdicts, model.allowed);
  }

  function whole(model, trials) {
    const heads = [
      "tool",
      "protocol",
      ...(model.several ? ["rate and arrivals"] : []),
      ...model.quantiles.map(percentile),
      "largest",
      "lateness (p99)",
      "seal",
      "sent",
      // Only records since it is noted have it.
      ...(trials.some(knowsWoken) ? ["woken late"] : []),
    ];
    const rows = model.servers.flatMap((server) => {
      const found = trials.filter((one) => one.server === server);
      return found.length ? [{ heading: server }, ...found.map((one) => row(model, one, trials.some(knowsWoken)))] : [];
    });
    return scrolling("Every figure as a table", table(heads, rows, "Error of every percentile of every trial"), "dense figured");
  }

  const knowsWoken = (one) => Number.isFinite(one.record.woken_late_share);

  function row(model, one, withWoken) {
    const { record } = one;
    const name = [el("span", { class: "swatch " + model.tool(one.tool).colour, "aria-hidden": "true" }), one.tool];
    const figures = record.failed
      ? model.quantiles.map((q, index) => (index ? "" : record.failed))
      : model.quantiles.map((q) => figure(one.points.find((point) => point.q === q)));
    return {
      class: record.seal === "INVALID" ? "struck" : null,
      cells: [
        name,
        one.protocol,
        ...(model.several ? [format.rate(one.rate) + " " + one.schedule] : []),
        ...figures,
        ...(one.ours ? ours(record) : peers(record)),
        ...(withWoken ? [knowsWoken(one) ? format.digits(one.record.woken_late_share * 100, 2) + " %" : format.NOTHING] : []),
      ],
    };
  }

  // What only our own trials know.
  function ours(record) {
    return [
      format.latency(record.max_ns, 2),
      [
        format.latency(record.lateness_p50_ns, 2),
        el("span", { class: "range" }, "(" + format.latency(record.lateness_p99_ns, 2) + ")"),
      ],
      seal(record.seal),
      [
        sent(record.released, record.released_theory),
        record.released_verdict === "pass" ? null : Tailrace.verdicts.short(record.released_verdict),
      ],
    ];
  }

  function peers(record) {
    const nothing = [format.NOTHING, format.NOTHING, format.NOTHING];
    return [...nothing, [sent(record.sent, record.sent_theory), el("span", { class: "small" }, loop(record))]];
  }

  const loop = (record) => (record.closed_loop ? "closed loop" : "open loop");
  const sent = (number, due) => [format.count(number), el("span", { class: "range" }, "of " + format.count(due) + " ")];

  function figure(point) {
    if (!point) return format.NOTHING;
    return [
      signed(point.error_ns, 2),
      el(
        "span",
        { class: "range" },
        "(" + format.latency(point.theory_ns, 2) + ") ",
        point.verdict === "pass" ? null : Tailrace.verdicts.short(point.verdict),
      ),
    ];
  }

  const SINGLE = [
    "server",
    "tool",
    "protocol",
    "rate and arrivals",
    "percentile",
    "theory",
    "measured",
    "error",
    "allowed",
    "theory by the server's own clock",
    "and with late wake-ups",
    "left to the generator",
    "taken for",
  ];

  function single(trials) {
    const rows = trials.flatMap((one) =>
      one.points.map((point) => [
        one.server,
        one.tool,
        one.protocol,
        format.rate(one.rate) + " " + one.schedule,
        percentile(point.q),
        format.latency(point.theory_ns),
        format.latency(point.measured_ns),
        signed(point.error_ns),
        "±" + format.latency(point.allowed_ns),
        format.latency(point.served_ns),
        woken(point),
        signed(point.left_ns),
        Tailrace.verdicts.mark(point.verdict),
      ]),
    );
    return scrolling("Every percentile", table(SINGLE, rows, "Every percentile by itself"), "dense");
  }

  // At once, or one after the other: one figure where both are the same.
  function woken({ woken_ns: least, worked_off_ns: most }) {
    const both = [least, most].map((ns) => format.latency(ns));
    return both[0] === both[1] ? both[0] : both.join(" to ");
  }

  Tailrace.everyFigure = { section };
})();
