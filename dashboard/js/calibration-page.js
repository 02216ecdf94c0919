// The page of a calibration: its sections, in order. Which one is asked for `load.js` finds out.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;

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

  Tailrace.load.page({ word: "calibration", entries: "calibrations", load: Tailrace.load.calibration, home: "index.html#calibrations", show });
})();
