// Loading data: as scripts, because a page that was opened from a file may not fetch. The list of
// runs names every other script; nothing is loaded that it does not name.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  // Version of the data that these pages understand.
  const FORMAT = 4;

  function script(path) {
    return new Promise((loaded, failed) => {
      const element = document.createElement("script");
      element.src = path;
      element.onload = () => loaded();
      element.onerror = () => failed(new Error(path + " cannot be loaded; write the site again with `tailrace site`"));
      document.head.append(element);
    });
  }

  function understood(data, path) {
    if (data && data.format === FORMAT) return data;
    throw new Error(path + " was written by another version; write the site again with `tailrace site`");
  }

  async function runs() {
    await script("data/runs.js");
    return understood(window.TAILRACE_RUNS, "data/runs.js");
  }

  async function run(entry) {
    const path = "data/" + entry.place + ".js";
    await script(path);
    return understood(window.TAILRACE_RUN, path);
  }

  async function calibration(entry) {
    const path = "data/" + entry.place + ".js";
    await script(path);
    return understood(window.TAILRACE_CALIBRATION, path);
  }

  // Whether Chart.js is there now.
  async function charts(list) {
    const path = list.charts.script;
    if (!path) return false;
    await script(path);
    return typeof window.Chart === "function";
  }

  // A page of one recording: shows the one that the address names, or says why not. word: what it is; entries:
  // where it stands in the list; load(entry): its data; home: the list; show(main, { list, entry, data, charts }).
  async function page({ word, entries, load, home, show }) {
    const { el } = Tailrace.dom;
    const main = document.getElementById("main");
    Tailrace.theme.connect(document.getElementById("theme"));
    try {
      const list = await runs();
      const entry = asked(word, list[entries]);
      const data = await load(entry);
      show(main, { list, entry, data, charts: await charts(list).catch(() => false) });
    } catch (error) {
      main.replaceChildren(
        el("h1", null, "This " + word + " cannot be shown"),
        el("p", { class: "banner alarm" }, error.message),
        el("p", null, el("a", { href: home }, "All " + entries)),
      );
    }
    main.removeAttribute("aria-busy");
  }

  // Only one of the list: the address never says what is loaded.
  function asked(word, entries) {
    const name = new URLSearchParams(window.location.search).get("run");
    const entry = entries.find((one) => one.place === name || one.name === name);
    if (!entry)
      throw new Error(
        name
          ? "There is no " + word + " “" + name + "” on this site."
          : "The address names no " + word + "; choose one from the list.",
      );
    if (entry.problem) throw new Error(entry.problem);
    return entry;
  }

  Tailrace.load = { runs, run, calibration, charts, page };
})();
