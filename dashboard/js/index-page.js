// The overview: experiments as questions with their answers, and below each all of its runs, the
// newest first, the spoilt ones too. A reader narrows it down, and picks two runs to hold against
// each other. One run is drawn by `overview-run.js`.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, prose } = Tailrace.dom;
  const format = Tailrace.format;
  const overview = Tailrace.overview;

  // Runs of a question that stand open under its answer; the others are unfolded on demand.
  const SHOWN = 1;

  async function start() {
    const place = document.getElementById("runs");
    Tailrace.theme.connect(document.getElementById("theme"));
    try {
      const { runs, calibrations } = await Tailrace.load.runs();
      if (runs.length) show(place, runs);
      else
        place.replaceChildren(
          el("p", null, "No run has been recorded yet: ", el("code", null, "tailrace race"), " makes one."),
        );
      instrument(place, calibrations);
    } catch (error) {
      place.replaceChildren(el("p", { class: "banner alarm" }, error.message));
    }
    place.removeAttribute("aria-busy");
  }

  // Below the runs, with a way there from above: without it nobody would look for it.
  function instrument(place, calibrations) {
    const section = Tailrace.overviewCalibration.section(calibrations);
    if (!section) return;
    place.after(section);
    place.before(
      el(
        "p",
        { class: "way" },
        el("a", { href: "#calibrations" }, "How far is the instrument itself off?"),
        " " + format.plural(calibrations.length, "calibration") + " below.",
      ),
    );
    if (window.location.hash === "#calibrations") section.scrollIntoView();
  }

  function show(place, runs) {
    const questions = grouped(runs);
    const list = el("ol", { class: "runs" });
    const counted = el("p", { class: "small", role: "status" });
    const picked = picker(runs);
    const update = (asked) => {
      const kept = questions
        .map((question) => ({ ...question, runs: question.runs.filter((run) => matches(run, asked)) }))
        .filter((question) => question.runs.length > 0);
      list.replaceChildren(...kept.map((question) => card(question, picked)));
      const shown = kept.reduce((total, question) => total + question.runs.length, 0);
      counted.textContent =
        format.plural(shown, "run") + " of " + runs.length + ", " + format.plural(kept.length, "question");
    };
    const bar = filters(update);
    place.replaceChildren(bar.form, picked.bar, counted, list);
    update(bar.asked());
  }

  // Experiments in the order of their newest run; what cannot be read stands for itself.
  function grouped(runs) {
    const questions = new Map();
    for (const run of runs) {
      const key = run.problem ? "unreadable " + run.place : run.experiment;
      if (!questions.has(key)) questions.set(key, { key, runs: [], all: [] });
      questions.get(key).runs.push(run);
    }
    for (const question of questions.values()) question.all = question.runs;
    return [...questions.values()];
  }

  // What a reader looks for: words in question, arms, name and answer; a seal; readable runs only
  // where a seal is asked for.
  function matches(run, { words, seal }) {
    if (seal === "counts" && (run.problem || run.measurement === "INVALID" || run.debug_build)) return false;
    if (seal === "BROKEN" && (run.problem || run.audit !== "BROKEN")) return false;
    if (words.length === 0) return true;
    const parts = [run.name, run.experiment, run.question, run.answer, run.problem, ...(run.arms || [])];
    const text = parts.filter(Boolean).join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  }

  // The choice stays in the address, so that a narrowed list can be passed on.
  function filters(update) {
    const kept = new URLSearchParams(window.location.hash.slice(1));
    const search = el("input", { type: "search", id: "search", autocomplete: "off", spellcheck: "false" });
    search.value = kept.get("words") || "";
    const seal = el(
      "select",
      { id: "seal" },
      el("option", { value: "" }, "all"),
      el("option", { value: "counts" }, "those whose figures count"),
      el("option", { value: "BROKEN" }, "those with a BROKEN audit"),
    );
    seal.value = ["counts", "BROKEN"].includes(kept.get("seal")) ? kept.get("seal") : "";
    const asked = () => ({ words: search.value.toLowerCase().split(/\s+/).filter(Boolean), seal: seal.value });
    const changed = () => {
      keep({ words: search.value, seal: seal.value });
      update(asked());
    };
    search.addEventListener("input", changed);
    seal.addEventListener("change", changed);
    const form = el(
      "form",
      { class: "controls", "aria-label": "Which runs are listed", role: "search" },
      el("label", { class: "field wide" }, "Words in question, answer, arms or name", search),
      el("label", { class: "field" }, "Runs", seal),
    );
    form.addEventListener("submit", (event) => event.preventDefault());
    return { form, asked };
  }

  function keep(choice) {
    const parts = new URLSearchParams(Object.entries(choice).filter(([, value]) => value));
    try {
      window.history.replaceState(null, "", parts.size ? "#" + parts : window.location.pathname);
    } catch {
      // A browser may forbid it for files; the choice then is not in the address.
    }
  }

  function card({ all, runs, key }, picked) {
    const [first] = runs;
    if (first.problem) return el("li", { class: "card" }, overview.unreadable(first));
    const newest = runs.find(overview.counts) || first;
    const shown = runs.slice(0, SHOWN);
    const rest = runs.slice(SHOWN);
    return el(
      "li",
      { class: "card", "data-experiment": key },
      el("p", { class: "eyebrow" }, first.experiment + " · " + overview.attempts(all)),
      el("h2", null, el("a", { href: overview.address(newest) }, prose(newest.question))),
      overview.headline(newest),
      el(
        "ol",
        { class: "attempts" },
        shown.map((run) => overview.item(run, all, newest, picked)),
      ),
      rest.length
        ? Tailrace.dom.details(format.plural(rest.length, "earlier run"), () =>
            el(
              "ol",
              { class: "attempts" },
              rest.map((run) => overview.item(run, all, newest, picked)),
            ),
          )
        : null,
    );
  }

  // Two runs that are to stand beside each other.
  function picker(runs) {
    const chosen = [];
    const link = el("a", { class: "button", id: "compare" }, "Compare the two");
    const told = el("span", { class: "small" });
    const bar = el("p", { class: "picked", hidden: true }, told, " ", link);
    const boxes = new Map();
    function change() {
      bar.hidden = chosen.length === 0;
      link.hidden = chosen.length !== 2;
      if (chosen.length === 2) {
        const [a, b] = chosen.map((run) => encodeURIComponent(run.place));
        link.href = "compare.html?a=" + a + "&b=" + b;
      }
      told.textContent =
        chosen.length === 2
          ? chosen[0].name + " against " + chosen[1].name
          : "Pick a second run to hold " + (chosen[0] ? chosen[0].name : "it") + " against.";
    }
    function box(run) {
      const input = el("input", { type: "checkbox", "aria-label": "Compare " + run.name });
      input.checked = chosen.includes(run);
      input.addEventListener("change", () => {
        if (input.checked) chosen.push(run);
        else chosen.splice(chosen.indexOf(run), 1);
        // The older pick makes room for a third one.
        if (chosen.length > 2) {
          const left = boxes.get(chosen.shift());
          if (left) left.checked = false;
        }
        change();
      });
      boxes.set(run, input);
      return el("label", { class: "pick" }, input, "compare");
    }
    return { bar, box, many: runs.filter((run) => !run.problem).length > 1 };
  }

  start();
})();
