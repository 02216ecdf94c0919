// What became of every batch, in the log and in the store, and how far the figures can be trusted:
// ledger and seals.
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

  // How a batch can end other than acknowledged. One that nothing ended as is no column.
  const ENDS = [
    ["refused", (trial) => refused(trial.outcomes)],
    ["timed out", (trial) => trial.outcomes.timed_out],
    ["broken", (trial) => trial.outcomes.broken],
    ["overflowed", (trial) => trial.outcomes.overflowed],
    ["censored", (trial) => trial.outcomes.censored],
  ];
  // What an audit of the log found.
  const FOUND = [
    ["missing in the log", (trial) => ranged(trial.ledger.missing)],
    ["twice in the log", (trial) => ranged(trial.ledger.twice)],
    ["kept unasked", (trial) => trial.ledger.indeterminate],
  ];

  function ledger(model) {
    const ends = ENDS.filter(([, of]) => sum(model.run.trials, of) > 0);
    const never = ENDS.filter((end) => !ends.includes(end)).map(([name]) => name);
    const heads = [
      "arm",
      "load",
      "due",
      "acknowledged",
      ...[...ends, ...FOUND].map(([name]) => name),
      "seen live of due",
      "audit",
    ];
    const rows = lines(model, ({ arm, load, trials }) => {
      const audited = trials.filter((trial) => trial.ledger.present !== null);
      const due = sum(trials, (trial) => trial.ledger.live_due);
      return {
        class: trials.some((trial) => trial.audit === "BROKEN") ? "broken" : null,
        cells: [
          arm.slug,
          load.slug,
          format.count(sum(trials, (trial) => trial.outcomes.scheduled)),
          format.count(sum(trials, (trial) => trial.outcomes.acked)),
          ...ends.map(([, of]) => format.count(sum(trials, of))),
          ...FOUND.map(([, of]) => (audited.length ? format.count(sum(audited, of)) : format.NOTHING)),
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
        "Every batch that was due ended as exactly one outcome" +
          (never.length ? "; none was " + listed(never) : "") +
          ". Acknowledged ones were then looked for in the log, warm-up included. “Kept unasked” are in the log though never acknowledged, which is no fault.",
      ),
      scrolling("Outcomes", table(heads, rows, "Outcomes of all rounds"), "dense"),
      stored(model),
      reasonsNotAudited(model),
    );
  }

  // "a, b or c"
  function listed(words) {
    return words.length < 2 ? words.join("") : words.slice(0, -1).join(", ") + " or " + words[words.length - 1];
  }

  // What the store held when it had caught up: of arms that have one.
  function stored(model) {
    const kept = (trials) => trials.map((trial) => trial.ledger.store).filter(Boolean);
    if (kept(model.run.trials).length === 0) return null;
    const heads = [
      "arm",
      "load",
      "batches in the store",
      "rows in the store",
      "rows that belong there",
      "missing",
      "twice",
      "kept unasked",
      "drained after the window, at most",
    ];
    const rows = lines(model, ({ arm, load, trials }) => {
      const stores = kept(trials);
      const all = (of) => (stores.length ? format.count(sum(stores, of)) : format.NOTHING);
      const drained = stores.map((store) => store.drained_ms);
      return [
        arm.slug,
        load.slug,
        all((store) => store.present || 0),
        all((store) => store.metrics),
        all((store) => store.metrics_expected),
        all((store) => ranged(store.missing)),
        all((store) => ranged(store.twice)),
        all((store) => store.indeterminate),
        stores.length === 0 ? format.NOTHING : drained.includes(null) ? "never" : format.latency(Math.max(...drained) * 1e6),
      ];
    });
    return [el("h3", null, "In the store"), scrolling("In the store", table(heads, rows, "What the store held in the end"))];
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
        .flatMap(({ arm, ledger }) => [
          ledger.not_audited && arm + ": " + ledger.not_audited,
          ledger.store && ledger.store.not_audited && arm + ", store: " + ledger.store.not_audited,
        ])
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
