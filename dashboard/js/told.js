// What each tool would have told its user, beside what was true: of one server, on an even scale from
// zero, so that a second that nobody saw is as long as a second. It is the one that a reader chose, else
// the one on which a tool is furthest off.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;
  const format = Tailrace.format;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;
  const { percentile, signed, where, setting, OURS } = Tailrace.calibration;

  // Heights in pixels: of a bar with its gap, between percentiles, of the axis.
  const BAR = 17;
  const GAP = 12;
  const AXIS = 44;
  // Room beyond the longest bar for its figure and the tool's name, in pixels, and left of the bars.
  const FIGURES = 108;
  const NAMES = 48;
  const LOOK =
    "bars that are shorter than the grey one, which is the truth: so much of the waiting that tool did not see. " +
    "A clock that starts when a request is sent, and a loop that asks for nothing while it waits, both forget those who had to wait.";

  const exists = (model) => model.trials.some((one) => !one.ours);

  function figure(page) {
    const grid = el("div", { class: "multiples" });
    const server = el("code");
    const make = el(
      "figure",
      { class: "picture", id: "told" },
      charts.title("told", "What each tool would have told you"),
      el("figcaption", null, el("strong", null, "What to look for: "), LOOK),
      el("p", { class: "small" }, "Server ", server, "; choose another above."),
      key(page.model),
      page.charts ? grid : el("p", { class: "small" }, "This picture needs Chart.js, which is not here; the table has its figures."),
    );
    let drawn = [];
    page.redraws.push(() => {
      const groups = compared(page.model, page.chosen.state);
      server.textContent = groups.server;
      if (!page.charts) return;
      drawn.forEach((chart) => chart.destroy());
      grid.replaceChildren();
      if (groups.list.length === 0)
        grid.append(el("p", { class: "small note" }, "No other tool ran under this choice."));
      const most = Math.max(...groups.list.flat().flatMap(({ points }) => points.flatMap((point) => [point.theory_ns, point.measured_ns])));
      drawn = groups.list.map((group) => one(page.model, grid, group, groups.server, most / 1e6));
    });
    return make;
  }

  function key(model) {
    return el(
      "p",
      { class: "key" },
      el("span", { class: "entry" }, el("span", { class: "mark truth", "aria-hidden": "true" }), "theory: the truth"),
      model.tools.map(({ name, colour }) =>
        el("span", { class: "entry" }, el("span", { class: "swatch " + colour, "aria-hidden": "true" }), name),
      ),
    );
  }

  // Settings under which others ran, too, on one server; each a list of trials, ours first.
  function compared(model, state) {
    const trials = model.chosen({ ...state, server: "", tool: "" });
    const groups = new Map();
    for (const one of trials) {
      const name = setting(one);
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(one);
    }
    const all = [...groups.values()].filter((group) => group.some((one) => !one.ours));
    const server = state.server || furthest(all) || "";
    return { server, list: all.filter(([first]) => first.server === server) };
  }

  function furthest(groups) {
    let [server, most] = [null, -1];
    for (const one of groups.flat()) {
      for (const { error_ns: ns } of one.ours ? [] : one.points) {
        if (ns !== null && Math.abs(ns) > most) [server, most] = [one.server, Math.abs(ns)];
      }
    }
    return server;
  }

  function one(model, grid, group, server, most) {
    const [first] = group;
    const canvas = el("canvas", {
      role: "img",
      "aria-label":
        "What each tool told of the server " + server + " over " + where(first) + ", beside theory. The same figures stand in the table “Every figure” below.",
    });
    const place = el("div", { class: "chart" }, canvas);
    const bars = group.length + 1;
    place.style.height = model.quantiles.length * (bars * BAR + GAP) + AXIS + "px";
    grid.append(el("div", { class: "cell" }, el("h4", null, where(first)), place));
    const width = place.clientWidth - NAMES;
    const max = (most * width) / Math.max(width - FIGURES, width / 3);
    const x = { ...charts.axis("latency, from zero"), type: "linear", min: 0, max };
    x.ticks = { ...x.ticks, callback: (value) => charts.ms(value), maxTicksLimit: 6, includeBounds: false };
    const y = { ...charts.axis(""), type: "category", labels: model.quantiles.map(percentile) };
    y.grid = { display: false };
    y.ticks = { ...y.ticks, color: theme.colour("ink"), font: charts.font(12, 600) };
    return new window.Chart(canvas, {
      type: "bar",
      data: { datasets: [truth(group), ...group.map((trial) => dataset(model, trial))] },
      options: charts.options({ indexAxis: "y", scales: { x, y } }),
      plugins: [figures()],
    });
  }

  const SHAPE = { borderWidth: 0, barPercentage: 0.92, categoryPercentage: 0.84, minBarLength: 2 };

  // Of this generator's trial; another tool's begins elsewhere in the server's rule and may have a slightly
  // different one, which its error is measured by.
  function truth(group) {
    const trial = group.find(({ ours }) => ours) || group[0];
    const data = trial.points.map(({ q, theory_ns: ns }) => ({
      x: ns === null ? null : ns / 1e6,
      y: percentile(q),
      told: format.latency(ns, 2),
      text: "theory, " + percentile(q) + ": " + format.latency(ns),
    }));
    return { ...SHAPE, data, backgroundColor: theme.faded("beyond", 0.55) };
  }

  function dataset(model, trial) {
    const { colour } = model.tool(trial.tool);
    const data = trial.points.map(({ q, measured_ns: ns, error_ns: error, verdict }) => ({
      x: ns === null ? null : ns / 1e6,
      y: percentile(q),
      told: format.latency(ns, 2) + (trial.tool === OURS ? "" : " " + trial.tool),
      text: trial.tool + ", " + percentile(q) + ": " + format.latency(ns) + ", " + signed(error) + " from theory; " + Tailrace.verdicts.of(verdict).word,
    }));
    return { ...SHAPE, data, backgroundColor: theme.faded(colour, 0.9) };
  }

  // Each bar's figure at its end: those that cannot be seen are the point.
  function figures() {
    return {
      id: "figures",
      afterDatasetsDraw(chart) {
        const { ctx: context, chartArea } = chart;
        context.save();
        context.font = charts.css(11);
        context.textBaseline = "middle";
        context.fillStyle = theme.colour("ink");
        chart.data.datasets.forEach(({ data }, index) =>
          chart.getDatasetMeta(index).data.forEach((bar, at) => {
            if (data[at].x === null) return;
            context.fillText(charts.fit(context, data[at].told, chartArea.right - bar.x), bar.x + 5, bar.y);
          }),
        );
        context.restore();
      },
    };
  }

  Tailrace.told = { exists, figure };
})();
