// Arms of one's own: what differs between them is the question. Which pipelines, shapes of traffic,
// links and stores there are is the program's to say.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;

  function field(label, input, hint) {
    return el("label", { class: "field" }, label, input, hint ? el("span", { class: "small" }, hint) : null);
  }

  function number(name, value, least) {
    return el("input", { type: "number", name, value, min: least, step: "any", inputmode: "decimal" });
  }

  function choice(name, options) {
    return el(
      "select",
      { name },
      options.map(({ value, text }) => el("option", { value }, text)),
    );
  }

  // Fills the form with what the program `known` offers; `done(build)` gets what was put together,
  // `null` while it is incomplete.
  function render(form, known, done) {
    const { pipelines, choices } = known;
    const question = el("input", { type: "text", name: "asked", maxlength: 300, autocomplete: "off" });
    question.value = "Which of these needs less?";
    const arms = el("div", { class: "arms" });
    const more = el("button", { type: "button", id: "more-arms" }, "Another arm");
    more.addEventListener("click", () => {
      arms.append(arm(arms, form, known, pipelines[arms.children.length % pipelines.length]));
      form.dispatchEvent(new Event("change"));
    });
    form.replaceChildren(
      field("The question", question),
      arms,
      more,
      el(
        "div",
        { class: "row" },
        field("Batches a second", number("rate", "", 1), "empty: 2,000, and 60 % of what the slowest takes"),
        field("They come", choice("arrivals", choices.arrivals)),
      ),
      el(
        "datalist",
        { id: "links" },
        choices.round_trips_ms.map(({ value, text }) => el("option", { value }, text)),
      ),
    );
    arms.append(...choices.compared.map((pipeline) => arm(arms, form, known, pipeline)));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", () => done(read(form)));
    return () => done(read(form));
  }

  function arm(arms, form, { pipelines, choices }, pipeline) {
    const select = choice(
      "pipeline",
      pipelines.map((name) => ({ value: name, text: name })),
    );
    select.value = pipeline;
    const link = number("link", "", 0);
    link.setAttribute("list", "links");
    const batch = number("batch", 1, 1);
    batch.max = choices.batch_metrics_max;
    const stores = [{ value: "", text: "the log is the end" }, ...choices.stores];
    const away = el("button", { type: "button", class: "away" }, "Remove");
    const whole = el(
      "fieldset",
      { class: "arm row" },
      el("legend", null, "An arm"),
      field("Pipeline", select),
      field("Metrics a batch", batch),
      field("Connections", number("connections", "", 1), "empty: fair"),
      field("In flight on each", number("in_flight", "", 1), "empty: fair"),
      field("Round trip, ms", link, "empty: none"),
      field("Store", choice("store", stores)),
      away,
    );
    away.addEventListener("click", () => {
      if (arms.children.length < 2) return;
      whole.remove();
      form.dispatchEvent(new Event("change"));
    });
    return whole;
  }

  function read(form) {
    const asked = form.elements.namedItem("asked").value.trim();
    const rate = form.querySelector("[name=rate]").value;
    if (!asked) return null;
    return {
      question: asked,
      arms: [...form.querySelectorAll(".arm")].map(armOf),
      rate_per_s: rate === "" ? null : Number(rate),
      arrivals: form.querySelector("[name=arrivals]").value,
    };
  }

  function armOf(whole) {
    const value = (name) => whole.querySelector("[name=" + name + "]").value;
    const whole_number = (name) => (value(name) === "" ? null : Number(value(name)));
    return {
      pipeline: value("pipeline"),
      batch: whole_number("batch"),
      connections: whole_number("connections"),
      in_flight: whole_number("in_flight"),
      link: value("link") === "" || Number(value("link")) === 0 ? null : value("link") + "ms",
      store: value("store") || null,
    };
  }

  Tailrace.build = { render };
})();
