// The page of a calibration: finds out which one is asked for, loads it, and puts the sections in order.
// The same for a run is `run-page.js`.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;

  async function start() {
    const main = document.getElementById("main");
    Tailrace.theme.connect(document.getElementById("theme"));
    try {
      const list = await Tailrace.load.runs();
      const entry = asked(list);
      const data = await Tailrace.load.calibration(entry);
      const charts = await Tailrace.load.charts(list).catch(() => false);
      show(main, { list, entry, data, charts });
    } catch (error) {
      main.replaceChildren(
        el("h1", null, "This calibration cannot be shown"),
        el("p", { class: "banner alarm" }, error.message),
        el("p", null, el("a", { href: "index.html#calibrations" }, "All calibrations")),
      );
    }
    main.removeAttribute("aria-busy");
  }

  // Only a calibration of the list: the address never says what is loaded.
  function asked(list) {
    const name = new URLSearchParams(window.location.search).get("run");
    const entry = list.calibrations.find((one) => one.place === name || one.name === name);
    if (!entry)
      throw new Error(
        name
          ? "There is no calibration “" + name + "” on this site."
          : "The address names no calibration; choose one from the list.",
      );
    if (entry.problem) throw new Error(entry.problem);
    return entry;
  }

  function show(main, { list, entry, data, charts }) {
    const model = Tailrace.calibration.model(data);
    const page = {
      model,
      charts,
      files: data.files,
      redraws: [],
      resizes: [],
      chosen: Tailrace.filters.choice(model),
      href: (path) => ["files", entry.place, ...path.split("/")].map(encodeURIComponent).join("/"),
    };
    document.title = "Calibration, " + Tailrace.format.moment(model.calibration.started_utc) + " · Tailrace";
    const sections = parts(page);
    main.replaceChildren(
      Tailrace.instrument.answer(model),
      missing(charts, list),
      Tailrace.filters.render(page.chosen),
      ...sections.map(([id, title, content]) =>
        el(
          "section",
          { id, "aria-labelledby": id + "-title" },
          el("h2", { class: "titled" }, el("span", { id: id + "-title" }, title), Tailrace.links.to(id, title)),
          content,
        ),
      ),
    );
    contents(sections);
    Tailrace.charts.connect(page);
    Tailrace.print.connect(page);
    Tailrace.links.connect(page);
  }

  // A calibration of ping-pongs has no cells, most others have no ping-pongs.
  function parts(page) {
    const { model } = page;
    const { calibration } = model;
    const pictures = () => [Tailrace.errors.figure(page), Tailrace.told.exists(model) ? Tailrace.told.figure(page) : null];
    return [
      ...(model.trials.length
        ? [
            ["picture", "Against theory", el("div", null, pictures())],
            ["figures", "Every figure", Tailrace.everyFigure.section(page)],
          ]
        : []),
      ...(calibration.ping_pongs.length ? [["ping-pong", "Beside a ping-pong", Tailrace.pingPong.section(page)]] : []),
      ...(calibration.floors.length ? [["floors", "Floors", Tailrace.instrument.floors(model)]] : []),
      ["seals", "Seals", Tailrace.instrument.seals(model)],
      ["made", "How it was made", Tailrace.instrument.made(page)],
      ["downloads", "Downloads", Tailrace.instrument.downloads(page)],
    ];
  }

  function missing(charts, list) {
    if (charts) return "";
    const why = list.charts.missing || "it cannot be loaded";
    return el("p", { class: "banner care", id: "no-charts" }, "Chart.js is missing here (" + why + "), so there are tables without pictures.");
  }

  function contents(sections) {
    const links = [["answer", "Answer"], ...sections].map(([id, title]) => el("li", null, el("a", { "data-at": id }, title)));
    document.getElementById("contents").replaceChildren(el("ul", null, links));
  }

  start();
})();
