// The page of a run: its sections, in order. Which one is asked for `load.js` finds out.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;

  function show(main, { list, entry, data: run, charts }) {
    const model = Tailrace.run.model(run);
    const page = {
      model,
      charts,
      files: run.files,
      redraws: [],
      resizes: [],
      chosen: Tailrace.controls.choice(model),
      href: (path) => ["files", entry.place, ...path.split("/")].map(encodeURIComponent).join("/"),
    };
    document.title = model.experiment.question + " · Tailrace";
    const sections = [
      ["picture", "Latency and cost", picture(page)],
      ...behind(page),
      ["figures", "Figures", Tailrace.tables.section(model, page.chosen)],
      ["distribution", "Distribution", Tailrace.spectrum.figure(page)],
      ["time", "Over time", Tailrace.timeline.figure(page)],
      ...(Tailrace.knee.exists(model) ? [["rate", "Against rate", Tailrace.knee.figure(page)]] : []),
      ["cost", "Cost", el("div", { class: "pair" }, Tailrace.cost.wire(page), Tailrace.cost.memory(page))],
      ["doubts", "What would change this answer", Tailrace.doubts.section(model)],
      ["ledger", "Ledger", Tailrace.accounts.ledger(model)],
      ["seals", "Seals", seals(model, list)],
      ["trials", "Trials", Tailrace.record.trials(page)],
      ["manifest", "Manifest", Tailrace.record.manifest(model)],
      ["downloads", "Downloads", Tailrace.record.downloads(page)],
    ];
    main.replaceChildren(
      Tailrace.answer.section(model),
      missing(charts, list),
      Tailrace.controls.render(model, page.chosen),
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

  // Of runs with a subscriber, and of those with a store.
  function behind(page) {
    if (!Tailrace.way.exists(page.model)) return [];
    const exposure = Tailrace.exposure.exists(page.model) ? Tailrace.exposure.figure(page) : null;
    return [["behind", "Behind the acknowledgement", el("div", null, Tailrace.way.figure(page), exposure)]];
  }

  // Seals judge one trial; what the instrument does anywhere is a calibration's answer.
  function seals(model, list) {
    const { machine } = model.run.manifest;
    return el("div", null, Tailrace.overviewCalibration.nearest(list, machine), Tailrace.accounts.seals(model));
  }

  function picture(page) {
    return el("div", { class: "first" }, Tailrace.dots.figure(page), Tailrace.cost.cpu(page));
  }

  function missing(charts, list) {
    if (charts) return "";
    const why = list.charts.missing || "it cannot be loaded";
    return el(
      "p",
      { class: "banner care", id: "no-charts" },
      "Chart.js is missing here (" +
        why +
        "), so the plots of the run's folder stand in its place; they do not follow the choices below.",
    );
  }

  function contents(sections) {
    const links = [["answer", "Answer"], ...sections].map(([id, title]) =>
      el("li", null, el("a", { "data-at": id }, title)),
    );
    document.getElementById("contents").replaceChildren(el("ul", null, links));
  }

  Tailrace.load.page({ word: "run", entries: "runs", load: Tailrace.load.run, home: "index.html", show });
})();
