// The question, what was expected, and the answer in sentences; warnings and what was left out.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, prose, seal, details, table, scrolling } = Tailrace.dom;
  const format = Tailrace.format;

  function section(model) {
    const { manifest, summary } = model.run;
    const { experiment } = manifest;
    return el(
      "section",
      { id: "answer", "aria-labelledby": "question" },
      el(
        "p",
        { class: "eyebrow" },
        [experiment.name, format.moment(manifest.started_utc), manifest.machine.cpu].filter(Boolean).join(" · "),
      ),
      el("h1", { id: "question" }, prose(experiment.question)),
      background(experiment),
      debug(manifest),
      broken(summary),
      answers(summary, experiment),
      verdicts(summary),
      warnings(summary),
      omitted(experiment),
      el("p", { class: "small" }, attempts(manifest)),
    );
  }

  function background(experiment) {
    const parts = [];
    if (experiment.prediction)
      parts.push(
        el(
          "p",
          { class: "prediction" },
          el("strong", null, "Predicted before the run: "),
          prose(experiment.prediction),
        ),
      );
    if (experiment.about)
      parts.push(
        details("What this experiment is about", () => el("div", null, paragraphs(experiment.about)), {
          class: "quiet",
        }),
      );
    return parts;
  }

  function paragraphs(text) {
    return String(text)
      .split(/\n\s*\n/)
      .map((part) => el("p", null, prose(part.trim())));
  }

  // Figures of a debug build are no figures.
  function debug(manifest) {
    return manifest.build.profile === "debug"
      ? el(
          "p",
          { class: "banner alarm" },
          "Made with a debug build: its figures show how the pages look, and nothing else.",
        )
      : null;
  }

  function broken(summary) {
    return summary.rows
      .filter((row) => row.audit === "BROKEN")
      .map((row) =>
        el(
          "p",
          { class: "banner alarm" },
          "BROKEN audit: ",
          el("code", null, row.arm),
          " under ",
          el("code", null, row.load),
          " lost or doubled batches that it had acknowledged. It is not ranked.",
        ),
      );
  }

  function answers(summary, experiment) {
    const primary = summary.answer ? [answered(summary.answer)] : [];
    const others = summary.sentences.filter((sentence) => !summary.answer || sentence !== summary.answer.sentence);
    const items = [...primary, ...others.map((sentence) => el("li", null, prose(sentence)))];
    return items.length
      ? el("ul", { class: "answers" }, items)
      : el("p", { id: "unanswered" }, silence(summary, experiment));
  }

  // Why no sentence compares anything.
  function silence(summary, experiment) {
    const alone = experiment.arms.filter((arm) => !arm.floor).length < 2;
    if (alone && summary.verdicts.length)
      return "One arm, so there is nothing to compare: the answer is what was expected, and what came.";
    if (alone) return "One arm, so there is nothing to compare: its figures stand below.";
    return "The run says nothing in a sentence: too little of it is valid.";
  }

  // Many comparisons make a long sentence: they stand in a table, too.
  function answered({ sentence, comparisons }) {
    if (comparisons.length < 2) return el("li", { class: "primary" }, prose(sentence));
    const rows = comparisons.map((one) => [
      one.arm,
      one.against,
      one.ratio ? format.ratio(one.ratio) : one.why_not || format.NOTHING,
      one.p_holm === null ? format.NOTHING : format.digits(one.p_holm, 2),
    ]);
    const heads = ["arm", "divided by", "ratio (lowest–highest round)", "chance of it without a difference (Holm)"];
    return el(
      "li",
      null,
      prose(sentence),
      details("The comparisons as a table", () => scrolling("Comparisons", table(heads, rows))),
    );
  }

  function verdicts(summary) {
    if (!summary.verdicts || summary.verdicts.length === 0) return null;
    return el(
      "div",
      { class: "verdicts" },
      el("h2", null, "What was expected, and what came"),
      el(
        "ul",
        null,
        summary.verdicts.map((one) =>
          el(
            "li",
            null,
            seal(one.verdict),
            el(
              "div",
              null,
              el("p", { class: "that" }, prose(one.expectation.that)),
              el("p", { class: "small" }, prose(one.sentence)),
            ),
          ),
        ),
      ),
    );
  }

  function warnings(summary) {
    if (summary.warnings.length === 0) return null;
    return el(
      "div",
      { class: "warnings" },
      el("h2", null, "Before you believe it"),
      el(
        "ul",
        null,
        summary.warnings.map((text) => el("li", null, prose(text))),
      ),
    );
  }

  function omitted(experiment) {
    return experiment.left_out.length
      ? el(
          "p",
          { class: "small" },
          "Left out: ",
          experiment.left_out.map((text, index) => [index ? "; " : "", ...prose(text)]),
          ".",
        )
      : null;
  }

  function attempts({ attempts_before: before, command }) {
    const told =
      before === 0
        ? "The first run of this experiment in its folder."
        : format.plural(before, "earlier run") +
          " of this experiment " +
          (before === 1 ? "stands" : "stand") +
          " in the same folder.";
    return [told + " Made by ", el("code", null, command.join(" ")), "."];
  }

  Tailrace.answer = { section };
})();
