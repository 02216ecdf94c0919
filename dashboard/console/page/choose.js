// The questions that come with the lab, one to be chosen.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, prose } = Tailrace.dom;

  const minutes = (seconds) =>
    seconds < 90 ? "about " + seconds + " s" : "about " + Math.round(seconds / 60) + " min";

  // `chosen(experiment)` is called with each choice.
  function render(experiments, chosen) {
    return el(
      "fieldset",
      { class: "questions" },
      el("legend", { class: "unseen" }, "Questions"),
      experiments.map((one) => card(one, chosen)),
    );
  }

  function card(one, chosen) {
    const input = el("input", { type: "radio", name: "question", value: one.name });
    input.addEventListener("change", () => chosen(one));
    return el(
      "label",
      { class: "question" },
      input,
      el(
        "span",
        null,
        el("strong", null, prose(one.question)),
        el("span", { class: "small" }, one.name + " · " + one.arms + " arms · " + minutes(one.estimated_s)),
        one.missing.map((line) => el("span", { class: "small care" }, "left out: " + line)),
      ),
    );
  }

  Tailrace.choose = { render, minutes };
})();
