// Scenarios of high load: what each does and teaches, a button to play it, and how it goes. What
// came out is outcome.js.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, prose } = Tailrace.dom;

  // Seconds of a phase: shorter ones show the same on fewer answers.
  const PHASES = ["1", "2", "5"];
  const USUAL = "2";

  // `play(scenario, phase_s)` is called by each button.
  function render(scenarios, play) {
    const phase = el(
      "select",
      { id: "phase" },
      PHASES.map((seconds) => el("option", { value: seconds, selected: seconds === USUAL }, seconds + " s")),
    );
    return [
      el(
        "p",
        null,
        "Each scenario starts a real server of its own, loads it, and says afterwards whether what was expected came. ",
        "The figures are those of this machine, now. On the command line it is ",
        el("code", null, "tailrace demo"),
        ".",
      ),
      el("label", { class: "field short" }, "Length of each phase", phase),
      el("div", { class: "scenarios" }, scenarios.map((one) => card(one, () => play(one.name, Number(phase.value))))),
    ];
  }

  function card(one, play) {
    const title = "scenario-" + one.name;
    const button = el("button", { type: "button", class: "go", id: "play-" + one.name, "aria-describedby": title }, "Play");
    button.disabled = Boolean(one.missing);
    button.addEventListener("click", play);
    return el(
      "section",
      { class: "scenario", "aria-labelledby": title },
      el("h3", { id: title }, one.title, el("span", { class: "small" }, " about " + Math.round(one.estimated_s) + " s")),
      el("p", null, prose(one.happens)),
      el("p", null, el("strong", null, "Look at: "), prose(one.look)),
      el("p", null, el("strong", null, "It teaches: "), prose(one.teaches)),
      one.missing ? el("p", { class: "small care" }, "Cannot be played here: " + one.missing) : null,
      el("p", { class: "foot" }, button),
    );
  }

  // Shows the scenario that is played, in `place`.
  function make(place, scenarios) {
    const lines = Tailrace.lines.make();
    let number = 0;
    let parts = null;
    let planned = null;

    function begin(stand) {
      number = stand.number;
      planned = null;
      const about = scenarios().find((one) => one.name === stand.name) || { title: stand.name, expects: [], series: [] };
      const told = el("p", { class: "now", role: "status" }, about.title + ": getting ready …");
      const bar = el("progress", { max: 1, value: 0, "aria-label": "How much of the scenario is over" });
      const figures = el("dl", { class: "strip" });
      const stop = el("button", { type: "button", id: "stop" }, "Stop the scenario");
      stop.addEventListener("click", () => Tailrace.api.stop().catch(() => {}));
      lines.begin(about.series);
      const ended = el("div", null, expected(about.expects));
      const steps = el("ol", { class: "steps" });
      parts = { about, told, bar, figures, stop, ended, steps };
      place.replaceChildren(told, bar, figures, el("p", null, stop), lines.place, ended, Tailrace.outcome.steps(steps));
    }

    function tell({ stand, fresh, lines: told }) {
      if (fresh || number !== stand.number || !parts) begin(stand);
      for (const line of told) take(line);
      lines.draw();
      if (stand.state === "running") {
        parts.stop.disabled = stand.stopping;
        if (stand.stopping) parts.told.textContent = "Stopping …";
      } else end(stand);
    }

    function take(line) {
      planned = line.planned_s;
      if (line.progress === "step") {
        parts.told.textContent = parts.about.title + ": " + line.text;
        parts.steps.append(el("li", null, el("span", { class: "small" }, line.done_s.toFixed(1) + " s"), " ", line.text));
        progress(line.done_s);
      } else if (line.progress === "point") {
        lines.add(line);
        show(line.values);
        progress(line.t_s);
      }
    }

    function progress(done_s) {
      parts.bar.value = planned ? Math.min(done_s / planned, 1) : 0;
    }

    function show(values) {
      const known = parts.about.series.filter((one) => one.key in values);
      parts.figures.replaceChildren(
        ...known.map((one) =>
          el("div", null, el("dt", null, one.label), el("dd", null, Tailrace.lines.text(values[one.key], one.unit))),
        ),
      );
    }

    function end(stand) {
      parts.stop.disabled = true;
      parts.bar.value = 1;
      parts.figures.replaceChildren();
      const report = stand.report;
      if (report && report.points.length) {
        lines.set(measured(report.points, lines.points()));
        lines.draw();
      }
      parts.told.textContent = parts.about.title + ": " + Tailrace.outcome.headline(stand);
      parts.ended.replaceChildren(
        ...(report ? Tailrace.outcome.render(report, report.points.length ? report.points : lines.points()) : [expected(parts.about.expects), said(stand)]),
      );
    }

    return { tell };
  }

  // The curves as they were measured, and as they were seen where nothing better is known.
  function measured(points, seen) {
    const known = new Set(points.flatMap((point) => Object.keys(point.values)));
    const rest = seen.map((point) => ({
      t_s: point.t_s,
      values: Object.fromEntries(Object.entries(point.values).filter(([key]) => !known.has(key))),
    }));
    return [...points, ...rest].sort((a, b) => a.t_s - b.t_s);
  }

  // What should be true, before it is known.
  function expected(sentences) {
    return el(
      "div",
      null,
      el("h3", null, "What is expected"),
      el(
        "ul",
        { class: "verdicts" },
        sentences.map((that) => el("li", null, prose(that))),
      ),
    );
  }

  function said(stand) {
    if (!stand.code || !stand.said.length) return "";
    return el("pre", { tabindex: "0" }, stand.said.join("\n"));
  }

  Tailrace.demo = { render, make };
})();
