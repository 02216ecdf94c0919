// What would run, for how long, and what the reader expects of it: in words, and as a ratio that
// the run can score.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, prose, scrolling, table } = Tailrace.dom;
  const format = Tailrace.format;

  const FIGURES = [
    ["cpu", "CPU per metric"],
    ["p50", "typical latency (p50)"],
    ["p99", "slow 1 % (p99)"],
    ["wire_bytes", "bytes on the wire per metric"],
  ];

  // `start(part)` gets prediction, expectation, rounds and window.
  // A comparison of the reader's own has no authors who predicted anything.
  function render(plan, own, start) {
    const words = el("textarea", { id: "words", rows: 3, maxlength: 3000 });
    const rounds = el("input", { type: "number", id: "rounds", min: 1, max: 20, value: plan.rounds });
    const expect = expectation(plan);
    const go = el("button", { type: "button", id: "start", class: "go" }, "Start the run");
    go.addEventListener("click", () =>
      start({ prediction: words.value, expect: expect.read(), rounds: Number(rounds.value) || null }),
    );
    return el(
      "div",
      null,
      el("p", null, el("strong", null, prose(plan.question))),
      own ? null : predicted(plan.prediction),
      planned(plan),
      el("label", { class: "field" }, "What do you expect, and why?", words),
      expect.form,
      el("label", { class: "field short" }, "Rounds", rounds),
      el("p", null, go, " ", el("span", { id: "takes" }, "It takes " + Tailrace.choose.minutes(plan.estimated_s) + ".")),
    );
  }

  // Hidden until asked for: whoever reads it first has nothing left to predict.
  function predicted(text) {
    return Tailrace.dom.details("What the authors predicted", () => el("p", null, prose(text)));
  }

  function planned(plan) {
    const rows = plan.arms.map((arm) => [
      arm.slug,
      arm.pipeline,
      arm.connections + " × " + arm.in_flight_per_connection,
      String(arm.batch_metrics),
    ]);
    const loads = plan.loads
      .map((load) => {
        const rate =
          load.rate_per_s === null
            ? Math.round(load.share_of_slowest * 100) + " % of the slowest arm's most"
            : format.rate(load.rate_per_s);
        return load.slug + ": " + rate;
      })
      .join("; ");
    return el(
      "div",
      null,
      scrolling("Arms", table(["arm", "pipeline", "connections × in flight", "metrics a batch"], rows)),
      el("p", { class: "small" }, "Loads: " + loads + "."),
      plan.left_out.map((line) => el("p", { class: "small care" }, "left out: " + line)),
    );
  }

  function select(name, options, value) {
    const made = el(
      "select",
      { name, "aria-label": name },
      options.map(([key, text]) => el("option", { value: key }, text)),
    );
    if (value !== undefined) made.value = value;
    return made;
  }

  function expectation(plan) {
    const slugs = plan.arms.filter((arm) => !arm.floor).map((arm) => [arm.slug, arm.slug]);
    if (slugs.length < 2) return { form: null, read: () => null };
    const figure = select("figure", FIGURES);
    const arm = select("arm", slugs, slugs[1][0]);
    const against = select("against", slugs, slugs[0][0]);
    const side = select("side", [
      ["below", "at most"],
      ["above", "at least"],
    ]);
    const ratio = el("input", { type: "number", name: "ratio", min: 0, step: 0.05, "aria-label": "times" });
    const loads = plan.loads.filter((load) => !load.live_per_s);
    const load = select("load", (loads.length ? loads : plan.loads).map((one) => [one.slug, one.slug]));
    load.value = load.options[load.options.length - 1].value;
    const form = el(
      "fieldset",
      { class: "row expect" },
      el("legend", null, "As a ratio that can be scored (leave the number empty for none)"),
      figure,
      " of ",
      arm,
      " is ",
      side,
      ratio,
      " times that of ",
      against,
      " under ",
      load,
    );
    const read = () => {
      if (ratio.value === "") return null;
      const bounds = { above: null, below: null, [side.value]: Number(ratio.value) };
      return { figure: figure.value, arm: arm.value, against: against.value, load: load.value, ...bounds };
    };
    return { form, read };
  }

  Tailrace.predict = { render };
})();
