// What became of every batch, and how far the figures can be trusted: ledger and seals.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, prose, table, scrolling, seal, details } = Tailrace.dom;
  const format = Tailrace.format;

  // Reasons that are seen at once; a noisy machine has a dozen.
  const TOLD = 3;

  const sum = (trials, of) => trials.reduce((total, trial) => total + of(trial), 0);
  const refused = (outcomes) => Object.values(outcomes.refused).reduce((total, count) => total + count, 0);
  const ranged = (ranges) => ranges.reduce((total, [first, last]) => total + last - first + 1, 0);

  function lines(model, cells) {
    return model.groups.flatMap(({ promise, arms }) => {
      const rows = arms.flatMap((arm) =>
        model.loads
          .map((load) => ({ arm, load, trials: model.trials(arm.slug, load.slug) }))
          .filter(({ trials }) => trials.length),
      );
      return rows.length ? [{ heading: promise }, ...rows.map(cells)] : [];
    });
  }

  function ledger(model) {
    const heads = [
      "arm",
      "load",
      "due",
      "acknowledged",
      "refused",
      "timed out",
      "broken",
      "overflowed",
      "censored",
      "missing in the log",
      "twice in the log",
      "kept unasked",
      "seen live of due",
      "audit",
    ];
    const rows = lines(model, ({ arm, load, trials }) => {
      const outcome = (name) => format.count(sum(trials, (trial) => trial.outcomes[name]));
      const audited = trials.filter((trial) => trial.ledger.present !== null);
      const kept = (of) => (audited.length ? format.count(sum(audited, of)) : format.NOTHING);
      const due = sum(trials, (trial) => trial.ledger.live_due);
      return {
        class: trials.some((trial) => trial.audit === "BROKEN") ? "broken" : null,
        cells: [
          arm.slug,
          load.slug,
          outcome("scheduled"),
          outcome("acked"),
          format.count(sum(trials, (trial) => refused(trial.outcomes))),
          outcome("timed_out"),
          outcome("broken"),
          outcome("overflowed"),
          outcome("censored"),
          kept((trial) => ranged(trial.ledger.missing)),
          kept((trial) => ranged(trial.ledger.twice)),
          kept((trial) => trial.ledger.indeterminate),
          due
            ? format.count(sum(trials, (trial) => trial.ledger.live_seen)) + " of " + format.count(due)
            : format.NOTHING,
          seal(worst(trials)),
        ],
      };
    });
    return el(
      "div",
      null,
      el(
        "p",
        null,
        "Every batch that was due ended as exactly one outcome; acknowledged ones were then looked for in the log, warm-up included. “Kept unasked” are in the log though never acknowledged, which is no fault.",
      ),
      scrolling("Outcomes", table(heads, rows, "Outcomes of all rounds")),
      reasonsNotAudited(model),
    );
  }

  function worst(trials) {
    return (
      ["BROKEN", "NOT_AUDITED", "KEPT"].find((verdict) => trials.some((trial) => trial.audit === verdict)) ||
      "NOT_AUDITED"
    );
  }

  function reasonsNotAudited(model) {
    const reasons = new Set(
      model.run.trials
        .map((trial) => trial.ledger.not_audited && trial.arm + ": " + trial.ledger.not_audited)
        .filter(Boolean),
    );
    return reasons.size
      ? el(
          "ul",
          { class: "small" },
          [...reasons].map((reason) => el("li", null, prose(reason))),
        )
      : null;
  }

  function seals(model) {
    const groups = model.groups.map(({ promise, arms }) => [
      el("h3", null, promise),
      el(
        "ul",
        { class: "sealed" },
        arms.flatMap((arm) => model.loads.map((load) => one(model, arm, load))),
      ),
    ]);
    return el(
      "div",
      null,
      el(
        "p",
        null,
        "Measurement judges the instrument: VALID, SUSPECT (read with care) or INVALID (kept, struck through, in no figure). Audit judges the system: KEPT or BROKEN.",
      ),
      groups,
    );
  }

  function one(model, arm, load) {
    const trials = model.trials(arm.slug, load.slug);
    if (trials.length === 0) return null;
    const measurement = ["INVALID", "SUSPECT", "VALID"].find((verdict) =>
      trials.some((trial) => trial.measurement === verdict),
    );
    const counted = trials.filter((trial) => trial.measurement !== "INVALID").length;
    const told = reasons(model.row(arm.slug, load.slug), trials);
    return el(
      "li",
      null,
      el(
        "p",
        { class: "what" },
        el("strong", null, arm.slug),
        " under ",
        load.slug,
        el("span", { class: "seals" }, seal(measurement), " ", seal(worst(trials))),
        el(
          "span",
          { class: "small" },
          counted +
            " of " +
            trials.length +
            " trials count" +
            (told.length ? "" : "; every check passed in all of them"),
        ),
      ),
      told.length ? list(told.slice(0, TOLD)) : null,
      told.length > TOLD
        ? details(format.plural(told.length - TOLD, "more reason"), () => list(told.slice(TOLD)))
        : null,
    );
  }

  function list(texts) {
    return el(
      "ul",
      { class: "reasons" },
      texts.map((text) => el("li", null, prose(text))),
    );
  }

  // The summary's reasons; for loads without a row, the checks that object.
  function reasons(row, trials) {
    if (row) return row.reasons;
    return [...new Set(trials.flatMap((trial) => trial.checks.map((check) => check.verdict + ": " + check.sentence)))];
  }

  Tailrace.accounts = { ledger, seals };
})();
