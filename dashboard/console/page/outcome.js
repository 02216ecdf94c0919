// What came of a scenario: each expectation with what was seen, the sentences, the figures, and
// the curves as a table.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, prose, seal, scrolling, table, details } = Tailrace.dom;

  const CODES = {
    3: "something that it needs is missing.",
    130: "it was stopped before its outcome.",
  };

  function headline(stand) {
    const checks = (stand.report && stand.report.checks) || [];
    if (!checks.length) return CODES[stand.code] || "it failed before its outcome.";
    const held = checks.filter((check) => check.holds).length;
    return held === checks.length
      ? "all came as expected."
      : held + " of " + checks.length + " came as expected.";
  }

  function render(report, points) {
    return [
      el("h3", null, "What was expected, and what came"),
      el("ul", { class: "verdicts", id: "outcome" }, report.checks.map(check)),
      el(
        "ul",
        { class: "answers" },
        report.sentences.map((text) => el("li", null, prose(text))),
      ),
      el("p", { class: "small" }, seal(report.instrument.verdict), " ", prose(report.instrument.sentence)),
      el("h3", null, "Figures of this run"),
      scrolling("Figures of this run", table(["figure", "value"], report.figures.map(figure))),
      el("p", { class: "small" }, "Played on ", el("code", null, report.played_on), " in " + report.took_s.toFixed(1) + " s."),
      points.length ? details("The curves as a table", () => course(report.series, points)) : "",
    ];
  }

  function check(one) {
    const word = one.holds ? ["confirmed", "so it was"] : ["refuted", "not so"];
    return el(
      "li",
      null,
      el("span", { class: "seal " + word[0] }, word[1]),
      " ",
      el("strong", null, prose(one.that)),
      el("p", null, prose(one.seen)),
    );
  }

  function figure(one) {
    return [one.name, Tailrace.lines.text(one.value, one.unit)];
  }

  function course(series, points) {
    const heads = ["second", ...series.map((one) => one.label)];
    const rows = points.map((point) => [
      point.t_s.toFixed(1),
      ...series.map((one) => Tailrace.lines.text(point.values[one.key], one.unit)),
    ]);
    return scrolling("The curves as a table", table(heads, rows));
  }

  // What was done when; open while it is done.
  function steps(list) {
    return el("details", { open: true }, el("summary", null, "Step by step"), list);
  }

  Tailrace.outcome = { headline, render, steps };
})();
