// What a calibration says in the end, what stood around it, and how it was made: the answer, the floors,
// the seals with their reasons, machine and build, downloads.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, prose, table, scrolling, seal, details } = Tailrace.dom;
  const format = Tailrace.format;
  const { OURS, percentile, schedule, setting, signed, where } = Tailrace.calibration;

  const AGAINST_THEORY =
    "The generator ran, as it does in every trial, against servers whose every answer follows from a rule, so that what it should have measured can be computed; whatever it measured beyond that is its own error, or the machine's. An error passes up to ";
  const BESIDES = " and every other one is shown with what it is taken for.";
  const AGAINST_PING_PONG =
    "The generator's open loop ran on a server that answers at once, in turn with the simplest closed loop there is: one connection, one batch at a time. What the open loop takes longer, typically, is the generator's own doing, and so is its lateness; both have a limit.";

  function answer(model) {
    const { calibration } = model;
    const { tally } = calibration;
    const most = Tailrace.verdicts.most(model.allowed);
    return el(
      "section",
      { id: "answer", "aria-labelledby": "answer-title" },
      el("p", { class: "eyebrow" }, "calibration · " + format.moment(calibration.started_utc)),
      el("h1", { id: "answer-title" }, "How far is the instrument itself off?"),
      el("p", { class: "lead" }, model.trials.length ? AGAINST_THEORY + most + BESIDES : AGAINST_PING_PONG),
      el(
        "ul",
        { class: "answers" },
        model.trials.length ? lines(model, tally) : null,
        calibration.ping_pongs.map((one) => el("li", null, Tailrace.pingPong.sentence(one))),
      ),
      standing(model),
      warnings(calibration),
    );
  }

  function lines(model, tally) {
    const { judged, sentence } = counted(tally);
    const far = furthest(model.trials.filter((one) => one.ours), (point) => point.verdict === "fail");
    return [
      el("li", { class: "primary" }, judged),
      sentence ? el("li", null, sentence) : null,
      far
        ? el(
            "li",
            null,
            "Furthest beyond: ",
            el("strong", null, signed(far.point.error_ns)),
            " at " + percentile(far.point.q) + ", where theory has " + format.latency(far.point.theory_ns) + ", on ",
            el("code", null, far.one.server),
            " (" + where(far.one) + ").",
          )
        : null,
      tally.invalid_trials
        ? el("li", { class: "alarm" }, format.plural(tally.invalid_trials, "trial") + " INVALID: kept, struck through, and in the counts above.")
        : null,
    ];
  }

  // What is neither within nor beyond was not judged, whatever its name.
  const NAMES = {
    knees: "on a knee",
    too_few: "with too few batches above",
    server: "for the server",
    machine: "for the machine",
  };
  const JUDGED = ["passed", "failed", "invalid_trials"];

  function counted(tally) {
    const open = Object.entries(tally).filter(([name]) => !JUDGED.includes(name));
    const unjudged = open.reduce((total, [, number]) => total + number, 0);
    const all = tally.passed + tally.failed + unjudged;
    const kinds = open
      .filter(([, number]) => number > 0)
      .map(([name, number]) => format.count(number) + " " + (NAMES[name] || name.replaceAll("_", " ")));
    return {
      judged: "Of " + format.count(all) + " percentiles and counts, " + format.count(tally.passed) + " are within what is allowed, " + (tally.failed ? format.count(tally.failed) : "none") + " beyond.",
      sentence: unjudged ? "Not judged: " + format.count(unjudged) + " (" + kinds.join(", ") + ")." : null,
    };
  }

  function furthest(trials, wanted) {
    let found = null;
    for (const one of trials) {
      for (const point of one.points) {
        const further = !found || Math.abs(point.error_ns) > Math.abs(found.point.error_ns);
        if (point.error_ns !== null && wanted(point) && further) found = { one, point };
      }
    }
    return found;
  }

  // Every tool on the same servers under the same schedules: ours counts here only where another ran, too.
  function standing(model) {
    const { calibration } = model;
    const absent = calibration.absent.map((one) =>
      el("p", { class: "small" }, el("strong", null, one.tool), " was asked for and is not on that machine: ", prose(one.how)),
    );
    if (model.tools.every(({ ours }) => ours)) return absent;
    const shared = new Set(model.trials.filter((one) => !one.ours).map(setting));
    const rows = model.tools.map((tool) => {
      const trials = model.trials.filter((one) => one.tool === tool.name && shared.has(setting(one)));
      const points = trials.flatMap((one) => one.points);
      const sorted = (sort) => format.count(points.filter((point) => Tailrace.verdicts.of(point.verdict).sort === sort).length);
      const far = furthest(trials, () => true);
      return [
        [el("span", { class: "swatch " + tool.colour, "aria-hidden": "true" }), tool.name],
        tool.ours || !trials[0].record.closed_loop ? "open: keeps to the rate" : "closed: sends when it has an answer",
        format.count(trials.length),
        sorted("within"),
        sorted("beyond"),
        sorted("open"),
        far ? [signed(far.point.error_ns), el("span", { class: "range" }, "at " + percentile(far.point.q) + " of " + far.one.server + ", " + far.one.protocol)] : format.NOTHING,
      ];
    });
    const heads = ["tool", "loop", "trials", "percentiles within", "beyond", "not judged", "furthest from theory, whatever it is taken for"];
    return [
      el("h2", { class: "beside" }, "Beside other tools"),
      el("p", { class: "small" }, "The same servers, rate and connections for all; trials of " + OURS + " that no other tool could run are not in this table."),
      scrolling("Beside other tools", table(heads, rows, "Every tool on the servers that all of them ran on")),
      absent,
    ];
  }

  function warnings({ warnings: all }) {
    return all.length
      ? el("div", { class: "warnings" }, el("h2", null, "To be known of the surroundings"), el("ul", null, all.map((text) => el("li", null, prose(text)))))
      : null;
  }

  function floors({ calibration }) {
    const quantiles = [...new Set(calibration.floors.flatMap(({ points }) => points.map(({ q }) => q)))];
    const heads = ["rate and arrivals", ...quantiles.map(percentile), "largest", "lateness p50", "lateness p99", "seal"];
    const rows = calibration.floors.map((floor) => ({
      class: floor.seal === "INVALID" ? "struck" : null,
      cells: [
        schedule(floor),
        ...quantiles.map((q) => format.latency((floor.points.find((point) => point.q === q) || {}).ns)),
        format.latency(floor.max_ns),
        format.latency(floor.lateness_p50_ns),
        format.latency(floor.lateness_p99_ns),
        seal(floor.seal),
      ],
    }));
    return el(
      "div",
      null,
      el("p", null, "A bare TCP echo under the same schedules: what this machine does to any figure, of which no server or protocol is the cause."),
      scrolling("Floors as a table", table(heads, rows, "The bare echo under each schedule"), "figured"),
    );
  }

  // Each kind of reason once, with its first sentence and where it was met.
  function seals({ calibration }) {
    const trials = [
      ...calibration.floors.map((one) => ({ name: "floor, " + schedule(one), ...one })),
      ...calibration.cells.map((one) => ({ name: one.server + ", " + one.protocol + ", " + schedule(one), ...one })),
      ...calibration.ping_pongs.flatMap((one) => one.rounds.map((round, index) => ({ name: "ping-pong, " + one.protocol + ", round " + (index + 1), ...round }))),
    ];
    const counts = ["VALID", "SUSPECT", "INVALID"].map((name) => [name, trials.filter((one) => one.seal === name).length]);
    const kinds = [...grouped(trials).values()];
    const failed = calibration.peers.filter((peer) => peer.failed);
    return el(
      "div",
      null,
      el(
        "p",
        null,
        "Of " + format.plural(trials.length, "trial") + ": ",
        counts.filter(([, number]) => number).map(([name, number], index) => [index ? ", " : "", format.count(number) + " ", seal(name)]),
        ". VALID, SUSPECT (read with care) or INVALID (kept, struck through).",
      ),
      kinds.length ? el("ul", { class: "reasons" }, kinds.map((found) => el("li", null, kind(found)))) : el("p", { class: "small" }, "Every check passed in all of them."),
      failed.length
        ? [el("h3", null, "Tools that did not run"), el("ul", { class: "reasons" }, failed.map((peer) => el("li", null, peer.tool + " on " + peer.server + ", " + peer.protocol + ": " + peer.failed)))]
        : null,
    );
  }

  // By what stands before the figure.
  function grouped(trials) {
    const groups = new Map();
    for (const { name, reasons } of trials) {
      for (const reason of reasons) {
        const key = reason.split(/[:(,]/)[0].trim();
        if (!groups.has(key)) groups.set(key, []);
        groups.get(key).push({ name, reason });
      }
    }
    return groups;
  }

  function kind(found) {
    const [first] = found;
    if (found.length === 1) return [prose(first.reason), " – " + first.name];
    return [
      prose(first.reason),
      " – " + first.name,
      details(format.count(found.length - 1) + " more of this kind", () =>
        el("ul", { class: "reasons" }, found.slice(1).map(({ name, reason }) => el("li", null, name + ": ", prose(reason)))),
      ),
    ];
  }

  function made(page) {
    const { calibration } = page.model;
    const tools = [...new Map(calibration.peers.map((peer) => [peer.tool, peer])).values()];
    const facts = [
      ...Tailrace.record.surroundings(calibration),
      ...(calibration.spin ? [["spin", "the generator polled without sleeping shortly before each due time"]] : []),
      ["seed", String(calibration.seed)],
      ["record", "schema version " + calibration.schema_version],
      ...tools.map((peer) => [peer.tool, peer.version + "; for example " + peer.tool + " " + peer.arguments.join(" ")]),
    ];
    return el("dl", { class: "facts" }, facts.flatMap(([name, value]) => [el("dt", null, name), el("dd", null, value)]));
  }

  const KNOWN = [
    ["report.md", "the same as text, as it was on the terminal"],
    ["calibration.json", "the record"],
  ];

  function downloads(page) {
    const files = KNOWN.filter(([name]) => page.files.includes(name));
    return el("ul", { class: "downloads" }, files.map(([name, what]) => el("li", null, el("a", { href: page.href(name) }, name), " – " + what)));
  }

  Tailrace.instrument = { answer, floors, seals, made, downloads };
})();
