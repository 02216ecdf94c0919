// The list of runs, the newest first.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, prose, seal } = Tailrace.dom;
  const format = Tailrace.format;

  async function start() {
    const place = document.getElementById("runs");
    Tailrace.theme.connect(document.getElementById("theme"));
    try {
      const { runs } = await Tailrace.load.runs();
      place.replaceChildren(
        runs.length
          ? el("ol", { class: "runs" }, runs.map(item))
          : el("p", null, "No run has been recorded yet: ", el("code", null, "tailrace race"), " makes one."),
      );
    } catch (error) {
      place.replaceChildren(el("p", { class: "banner alarm" }, error.message));
    }
    place.removeAttribute("aria-busy");
  }

  function item(run) {
    return el("li", { class: "card" }, run.problem ? unreadable(run) : recorded(run));
  }

  function unreadable(run) {
    return [el("h2", null, run.name), el("p", { class: "small" }, "Cannot be shown: " + run.problem)];
  }

  function recorded(run) {
    const href = "run.html?run=" + encodeURIComponent(run.place);
    return [
      el("p", { class: "eyebrow" }, run.experiment + " · " + format.moment(run.started_utc)),
      el("h2", null, el("a", { href }, prose(run.question))),
      run.broken.length
        ? el(
            "p",
            { class: "alarm" },
            "BROKEN audit: " + run.broken.join(", ") + " lost or doubled acknowledged batches.",
          )
        : null,
      run.answer ? el("p", { class: "sentence" }, prose(run.answer)) : null,
      el(
        "p",
        { class: "tags" },
        run.arms.map((arm) => el("code", { class: "tag" }, arm)),
      ),
      el(
        "dl",
        { class: "strip" },
        facts(run).flatMap(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, value))),
      ),
    ];
  }

  function facts(run) {
    const { machine } = run;
    const build = run.debug_build ? "debug build: no figures" : run.revision;
    return [
      ["measurement", run.measurement ? seal(run.measurement) : format.NOTHING],
      ["audit", run.audit ? seal(run.audit) : format.NOTHING],
      ...(run.verdicts.length ? [["expected", verdicts(run)]] : []),
      ["rounds", String(run.rounds)],
      ["earlier attempts", String(run.attempts_before)],
      ["machine", machine.cpu + (machine.virtualization ? ", " + machine.virtualization : "")],
      ["build", build],
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

  start();
})();
