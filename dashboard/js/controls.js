// What a reader chooses: the load, the rounds, the latency, the arms. Kept in the address after
// `#`, so that a view can be passed on (`links.js`). Sections subscribe and draw themselves again.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;

  function choice(model) {
    const listeners = [];
    const state = restored(model);

    function change(part) {
      Object.assign(state, part);
      keep(model, state);
      for (const listener of listeners) listener(state);
    }

    // What an address says now: of a link that was followed within the page.
    function restore() {
      if (!window.location.hash.includes("=")) return;
      Object.assign(state, restored(model));
      for (const listener of listeners) listener(state);
    }

    const subscribe = (listener) => (listeners.push(listener), listener(state));
    return { state, change, restore, parts: () => parts(model, state), subscribe };
  }

  // From the address, as far as it names what is there; else everything, under the load of which
  // the answer speaks: the highest without a subscriber.
  function restored(model) {
    const asked = new URLSearchParams(window.location.hash.slice(1));
    const highest = model.headline.reduce((most, load) => (load.rate_per_s > most.rate_per_s ? load : most));
    const load = model.load(asked.get("load")) || highest;
    const rounds = (asked.get("rounds") || "")
      .split(",")
      .map(Number)
      .filter((round) => model.rounds.includes(round));
    const latency = Tailrace.run.LATENCIES.find(({ key }) => key === asked.get("latency"));
    const without = (asked.get("without") || "").split(",").filter((slug) => model.arm(slug));
    return {
      load: load.slug,
      rounds: new Set(rounds.length ? rounds : model.rounds),
      latency: latency && measured(model, load.slug, latency.key) ? latency.key : "ack",
      hidden: new Set(without),
    };
  }

  // The choice as an address has it.
  function parts(model, state) {
    const said = new URLSearchParams({ load: state.load, latency: state.latency });
    if (state.rounds.size < model.rounds.length) said.set("rounds", [...state.rounds].sort().join(","));
    if (state.hidden.size) said.set("without", [...state.hidden].join(","));
    return said;
  }

  function keep(model, state) {
    try {
      window.history.replaceState(null, "", "#" + parts(model, state));
    } catch {
      // A browser may forbid it for files; the choice then is not in the address.
    }
  }

  function measured(model, load, latency) {
    return model.run.trials.some((trial) => trial.load === load && trial[latency]);
  }

  function render(model, chosen) {
    const bar = el("form", { class: "controls", "aria-label": "What the charts show" });
    bar.addEventListener("submit", (event) => event.preventDefault());
    bar.append(loads(model, chosen), latencies(model, chosen));
    if (model.rounds.length > 1) bar.append(rounds(model, chosen));
    bar.append(arms(model, chosen));
    return bar;
  }

  function loads(model, chosen) {
    const options = model.loads.map((load) =>
      el("option", { value: load.slug }, load.label + ": " + Tailrace.format.rate(load.rate_per_s)),
    );
    const select = el("select", { id: "load" }, options);
    chosen.subscribe((state) => (select.value = state.load));
    select.addEventListener("change", () => {
      const latency = measured(model, select.value, chosen.state.latency) ? chosen.state.latency : "ack";
      chosen.change({ load: select.value, latency });
    });
    return el("label", { class: "field" }, "Load", select);
  }

  function latencies(model, chosen) {
    const select = el("select", { id: "latency" });
    for (const { key, name } of Tailrace.run.LATENCIES) select.append(el("option", { value: key }, name));
    chosen.subscribe((state) => {
      for (const option of select.options) option.disabled = !measured(model, state.load, option.value);
      select.value = state.latency;
    });
    select.addEventListener("change", () => chosen.change({ latency: select.value }));
    return el("label", { class: "field" }, "Latency", select);
  }

  // At least one round stays.
  function rounds(model, chosen) {
    const boxes = model.rounds.map((round) => {
      const box = el("input", { type: "checkbox", value: round, name: "round" });
      chosen.subscribe((state) => (box.checked = state.rounds.has(round)));
      box.addEventListener("change", () => {
        const picked = new Set(
          boxes
            .map(({ input }) => input)
            .filter((one) => one.checked)
            .map((one) => Number(one.value)),
        );
        if (picked.size === 0) {
          box.checked = true;
          return;
        }
        chosen.change({ rounds: picked });
      });
      return { input: box, label: el("label", { class: "chip" }, box, String(round)) };
    });
    return el(
      "fieldset",
      { class: "field chips" },
      el("legend", null, "Rounds"),
      boxes.map(({ label }) => label),
    );
  }

  function arms(model, chosen) {
    const boxes = model.groups
      .flatMap(({ arms }) => arms)
      .filter(model.ran)
      .map((arm) => {
        const box = el("input", { type: "checkbox", value: arm.slug, name: "arm" });
        chosen.subscribe((state) => (box.checked = !state.hidden.has(arm.slug)));
        box.addEventListener("change", () => {
          const hidden = new Set(chosen.state.hidden);
          if (box.checked) hidden.delete(arm.slug);
          else hidden.add(arm.slug);
          chosen.change({ hidden });
        });
        return el("label", { class: "chip" }, box, mark(arm), arm.slug);
      });
    return el("fieldset", { class: "field chips" }, el("legend", null, "Arms in the curves"), boxes);
  }

  // The arm's colour as a small square; the shape is drawn by the charts.
  function mark(arm) {
    return el("span", { class: "swatch " + arm.colour, "aria-hidden": "true" });
  }

  Tailrace.controls = { choice, render, mark, measured };
})();
