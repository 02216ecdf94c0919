// The run while it goes on: what runs, how much is over, the figures as they move, the trials that
// ended; then the result, with the prediction scored.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, prose, seal, scrolling, table } = Tailrace.dom;
  const format = Tailrace.format;

  const CODES = {
    0: "It ended well.",
    1: "The run failed, or part of it could not be measured.",
    3: "Something that it needs is missing.",
    4: "The measurement is INVALID: the machine was too busy for it. It is kept, and counts for nothing.",
    5: "The audit is BROKEN: something that was acknowledged is lost or doubled.",
    130: "It was stopped; what was measured until then is kept.",
  };

  function make(place) {
    const curve = Tailrace.curve.make();
    let number = 0;
    let trials = [];
    let now = null;
    let parts = null;

    function begin() {
      const told = el("p", { class: "now", role: "status" });
      const bar = el("progress", { max: 1, value: 0, "aria-label": "How much of the run is over" });
      const figures = el("dl", { class: "strip" });
      const stop = el("button", { type: "button", id: "stop" }, "Stop the run");
      stop.addEventListener("click", () => Tailrace.api.stop().catch(() => {}));
      const ended = el("div");
      parts = { told, bar, figures, stop, ended };
      place.replaceChildren(told, bar, figures, el("p", null, stop), curve.place, ended);
    }

    function tell({ stand, fresh, lines }) {
      if (stand.state === "idle") {
        place.replaceChildren(el("p", { class: "small" }, "Nothing runs yet."));
        return;
      }
      if (fresh || number !== stand.number || !parts) {
        number = stand.number;
        trials = [];
        now = null;
        curve.clear();
        begin();
      }
      for (const line of lines) take(line);
      if (stand.state === "running") show(stand);
      else end(stand);
      curve.draw();
    }

    function take(line) {
      if (line.progress === "trial") trials.push(line);
      else {
        now = line;
        if (line.runs) curve.add(line);
      }
    }

    function show(stand) {
      parts.told.textContent = stand.stopping
        ? "Stopping; what was measured is being saved …"
        : now && now.arm
          ? stand.name + ": " + now.arm + " under " + now.load + ", round " + now.round + " of " + now.rounds
          : stand.name + ": getting ready, finding out what each arm takes …";
      parts.stop.disabled = stand.stopping;
      if (now) figures();
      parts.ended.replaceChildren(trials.length ? table_() : "");
    }

    function figures() {
      parts.bar.value = now.planned_s ? Math.min(now.done_s / now.planned_s, 1) : 0;
      const left = Math.max(Math.round(now.planned_s - now.done_s), 0);
      const facts = [
        ["p50 now", format.latency(now.p50_ns)],
        ["p99 now", format.latency(now.p99_ns)],
        ["due", now.due_per_s === null ? format.NOTHING : format.rate(now.due_per_s)],
        ["answered", now.answered_per_s === null ? format.NOTHING : format.rate(now.answered_per_s)],
        ["failed", format.count(now.failed)],
        ["generator's lateness p99", format.latency(now.lateness_p99_ns)],
        ["measuring time left", left + " s"],
      ];
      parts.figures.replaceChildren(
        ...facts.map(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, value))),
      );
    }

    function table_() {
      const heads = ["trial", "round", "answered of due", "p50", "p99", "measurement"];
      const rows = trials.map((trial) => [
        trial.arm + " under " + trial.load,
        String(trial.round),
        format.share(trial.answered, trial.scheduled),
        format.latency(trial.p50_ns),
        format.latency(trial.p99_ns),
        seal(trial.measurement),
      ]);
      return scrolling("Trials that ended", table(heads, rows));
    }

    function end(stand) {
      parts.stop.disabled = true;
      parts.bar.value = 1;
      parts.told.textContent = stand.name + ": " + (CODES[stand.code] || "It ended unexpectedly.");
      parts.figures.replaceChildren();
      const link = stand.run ? "site/run.html?run=" + encodeURIComponent(stand.run) : null;
      parts.ended.replaceChildren(
        ...[
          scored(stand.verdicts),
          said(stand.sentences),
          link ? el("p", null, el("a", { id: "result", class: "go", href: link }, "Open the result")) : null,
          stand.code ? failed(stand.said) : null,
          trials.length ? table_() : null,
        ].filter(Boolean),
      );
    }

    return { tell };
  }

  function scored(verdicts) {
    if (!Array.isArray(verdicts) || verdicts.length === 0) return null;
    return el(
      "ul",
      { class: "verdicts", id: "scored" },
      verdicts.map((one) =>
        el("li", null, seal(one.verdict), " ", el("strong", null, prose(one.expectation.that)), el("p", { class: "small" }, prose(one.sentence))),
      ),
    );
  }

  function said(sentences) {
    if (!Array.isArray(sentences)) return null;
    return el(
      "ul",
      { class: "answers" },
      sentences.map((text) => el("li", null, prose(text))),
    );
  }

  function failed(lines) {
    return lines.length ? el("pre", { tabindex: "0" }, lines.join("\n")) : null;
  }

  Tailrace.watch = { make };
})();
