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

  Tailrace.load = { runs, run, calibration, charts };
})();
