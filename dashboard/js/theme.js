// Light or dark: the system's choice until a reader makes one, which is then remembered. Loaded
// in the head, before anything is painted. Charts ask `Tailrace.theme` for colours and are told
// when they change. Read css/theme.css for the colours themselves.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const KEY = "tailrace-theme";
  const CHOICES = ["system", "light", "dark"];
  const listeners = [];
  const colours = new Map();
  let shown = "system";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  // A browser may forbid storage for files; then the choice lasts as long as the page.
  function remembered() {
    try {
      const choice = window.localStorage.getItem(KEY);
      return CHOICES.includes(choice) ? choice : "system";
    } catch {
      return "system";
    }
  }

  function remember(choice) {
    try {
      window.localStorage.setItem(KEY, choice);
    } catch {
      // See remembered().
    }
  }

  function apply(choice) {
    shown = choice;
    paint(choice);
    changed();
  }

  function paint(choice) {
    const root = document.documentElement;
    if (choice === "system") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", choice);
  }

  // For as long as a printer needs it, whatever the choice; null: the choice again.
  function force(choice) {
    paint(choice || shown);
    colours.clear();
  }

  function changed() {
    colours.clear();
    for (const listener of listeners) listener();
  }

  // Variables hold both colours; only a painted element knows which one counts.
  function colour(name) {
    if (!colours.has(name)) colours.set(name, painted(name));
    return colours.get(name);
  }

  function painted(name) {
    const probe = document.createElement("span");
    probe.hidden = true;
    probe.style.color = "var(--" + name + ")";
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  }

  // The same colour, partly transparent.
  function faded(name, opacity) {
    const parts = colour(name)
      .match(/[\d.]+/g)
      .slice(0, 3);
    return "rgba(" + parts.join(", ") + ", " + opacity + ")";
  }

  // Connects a <select> with the choices.
  function connect(select) {
    select.value = remembered();
    select.addEventListener("change", () => {
      remember(select.value);
      apply(select.value);
    });
  }

  dark.addEventListener("change", changed);
  apply(remembered());
  Tailrace.theme = { colour, faded, connect, force, onChange: (listener) => listeners.push(listener) };
})();
