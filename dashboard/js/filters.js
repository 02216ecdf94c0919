// What a reader of a calibration chooses: protocol, server, rate, arrivals, tool. Kept in the address
// after `#`, so that a view can be passed on (`links.js`). The same for runs is `controls.js`.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;
  const { FILTERS } = Tailrace.calibration;

  // Filters that leave a choice, with what may be chosen: an empty one is all.
  function offered(model) {
    return FILTERS.map((filter) => ({
      ...filter,
      values: [...new Map(model.trials.map((one) => [String(filter.of(one)), filter.of(one)])).entries()],
    })).filter(({ values }) => values.length > 1);
  }

  function choice(model) {
    const listeners = [];
    const filters = offered(model);
    const state = restored(filters);
    const parts = () => new URLSearchParams(filters.map(({ key }) => [key, state[key]]).filter(([, value]) => value));

    function change(part) {
      Object.assign(state, part);
      keep(parts());
      for (const listener of listeners) listener(state);
    }

    // What an address says now: of a link that was followed within the page.
    function restore() {
      if (!window.location.hash.includes("=")) return;
      Object.assign(state, restored(filters));
      for (const listener of listeners) listener(state);
    }

    return { state, filters, change, restore, parts, subscribe: (listener) => (listeners.push(listener), listener(state)) };
  }

  // From the address, as far as it names what is there.
  function restored(filters) {
    const asked = new URLSearchParams(window.location.hash.slice(1));
    const known = ({ key, values }) => values.some(([value]) => value === asked.get(key));
    return Object.fromEntries(filters.map((filter) => [filter.key, known(filter) ? asked.get(filter.key) : ""]));
  }

  function keep(parts) {
    try {
      window.history.replaceState(null, "", parts.size ? "#" + parts : window.location.pathname + window.location.search);
    } catch {
      // A browser may forbid it for files; the choice then is not in the address.
    }
  }

  function render(chosen) {
    const form = el("form", { class: "controls", "aria-label": "What the pictures and the table show" });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.append(...chosen.filters.map((filter) => field(chosen, filter)));
    return chosen.filters.length ? form : "";
  }

  function field(chosen, { key, name, values, told }) {
    const options = values.map(([value, raw]) => el("option", { value }, told ? told(raw) : value));
    const select = el("select", { id: key }, el("option", { value: "" }, "all"), options);
    chosen.subscribe((state) => (select.value = state[key]));
    select.addEventListener("change", () => chosen.change({ [key]: select.value }));
    return el("label", { class: "field" }, name, select);
  }

  Tailrace.filters = { choice, render };
})();
