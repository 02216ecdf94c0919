// One run in the overview: its place among the attempts at the same question, its seals, and what
// is needed to choose it.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, prose, seal } = Tailrace.dom;
  const format = Tailrace.format;

  const address = (run) => "run.html?run=" + encodeURIComponent(run.place);

  // A figure of an INVALID or debug run is none.
  const counts = (run) => !run.problem && run.measurement !== "INVALID" && !run.debug_build;

  function unreadable(run) {
    return [el("h2", null, run.name), el("p", { class: "small" }, "Cannot be shown: " + run.problem)];
  }

  // "9 runs, 2 INVALID": there is no file drawer.
  function attempts(all) {
    const invalid = all.filter((run) => run.measurement === "INVALID").length;
    const debug = all.filter((run) => run.debug_build).length;
    return [
      format.plural(all.length, "run"),
      invalid ? invalid + " INVALID" : null,
      debug ? debug + " of a debug build" : null,
    ]
      .filter(Boolean)
      .join(", ");
  }

  function headline(run) {
    return [
      run.broken.length
        ? el(
            "p",
            { class: "alarm" },
            "BROKEN audit: " + run.broken.join(", ") + " lost or doubled acknowledged batches.",
          )
        : null,
      run.answer
        ? el("p", { class: run.measurement === "INVALID" ? "sentence struck" : "sentence" }, prose(run.answer))
        : null,
      el(
        "p",
        { class: "tags" },
        run.arms.map((arm) => el("code", { class: "tag" }, arm)),
      ),
    ];
  }

  // Beside `newest`, whose question and arms head the list.
  function item(run, all, newest, picked) {
    const number = all.length - all.indexOf(run);
    return el(
      "li",
      { class: run.measurement === "INVALID" ? "invalid" : null },
      el(
        "p",
        { class: "what" },
        el("a", { href: address(run) }, "run " + number + " of " + all.length),
        el("span", { class: "small" }, format.moment(run.started_utc)),
        run.measurement ? seal(run.measurement) : null,
        run.audit ? seal(run.audit) : null,
        picked.many && run.floor ? picked.box(run) : null,
      ),
      run.question === newest.question ? null : el("p", null, prose(run.question)),
      el(
        "dl",
        { class: "strip" },
        facts(run).flatMap(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, value))),
      ),
    );
  }

  function facts(run) {
    const { machine } = run;
    return [
      ...(run.verdicts.length ? [["expected", verdicts(run)]] : []),
      ["rounds", String(run.rounds)],
      ["earlier attempts when it was made", String(run.attempts_before)],
      ["machine", machine.cpu + (machine.virtualization ? ", " + machine.virtualization : "")],
      ["build", run.debug_build ? "debug build: no figures" : run.revision],
      ["run", run.name],
    ];
  }

  // "2 confirmed, 1 refuted"
  function verdicts(run) {
    const kinds = [
      ["confirmed", "confirmed"],
      ["refuted", "refuted"],
      ["cannot_tell", "cannot be told"],
    ];
    const counted = kinds.map(([verdict, words]) => [run.verdicts.filter((one) => one === verdict).length, words]);
    return counted
      .filter(([number]) => number > 0)
      .map(([number, words]) => number + " " + words)
      .join(", ");
  }

  Tailrace.overview = { address, attempts, counts, headline, item, unreadable };
})();
