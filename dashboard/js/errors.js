// Error of every percentile against what is allowed: a small chart for each server, all with the same
// axis, ours beside the other tools'. A server is explained by what it does.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;
  const symlog = Tailrace.symlog;
  const { percentile, signed, range, where } = Tailrace.calibration;

  // Heights in pixels: of a tool's lane where there are several, of a lone one, between percentiles,
  // of the axis.
  const LANE = 18;
  const LONE = 30;
  const GAP = 8;
  const AXIS = 46;
  // Room for a percentile and its theory, for the percentile alone, for the tools' names.
  const QUANTILES = 80;
  const QUANTILES_NARROW = 42;
  const NAMES = [30, 76];
  // With less room beside the tools' names theory stands in the table only.
  const NARROW = 300;
  // An error so many times what is allowed has its figure beside it.
  const NAMED = 10;
  const RADIUS = 4.5;

  // What the servers of known behaviour do (loadgen/measure/src/known.rs).
  const DOES = {
    "at-once": "answers at once",
    constant: "answers after a millisecond",
    slower: "answers after 1.2 milliseconds",
    freeze: "answers after a millisecond, but stands still for one second in every ten",
    "two-valued": "answers after 1 ms or, two times in a hundred, after 20 ms",
    "heavy-tail": "answers after 1 to 25 ms; the rarer, the longer",
    "slow-accept": "answers after a millisecond, but accepts one connection in 20 ms",
    bursts: "gathers answers and gives them all at once, every 1.118 ms",
  };

  const LOOK =
    "how far the marks are from 0, which is theory, and whether they lie in the grey band of what is allowed. Left of it a tool saw less than there was. " +
    "The axis is even around 0 and logarithmic beyond, so that 0.1 ms and 900 ms can both be read: one step outward is ten times as wrong.";

  function figure(page) {
    const { model } = page;
    const grid = el("div", { class: "multiples errors" });
    const make = el(
      "figure",
      { class: "picture", id: "errors" },
      charts.title("errors", "Measured less theory"),
      el("figcaption", null, el("strong", null, "What to look for: "), LOOK),
      keys(model),
      page.charts ? grid : el("p", { class: "small" }, "This picture needs Chart.js, which is not here; the table has its figures."),
    );
    if (!page.charts) return make;
    let drawn = [];
    const redraw = () => {
      drawn.forEach((chart) => chart.destroy());
      drawn = draw(page, grid);
    };
    page.redraws.push(redraw);
    // What stands left of the lanes, and how many ticks there are, follows the width.
    page.resizes.push(redraw);
    return make;
  }

  function keys(model) {
    const mark = (kind, text) =>
      el("span", { class: "entry" }, el("span", { class: "mark " + kind, "aria-hidden": "true" }), text);
    return el(
      "p",
      { class: "key" },
      model.tools.map(({ name, colour }) =>
        el("span", { class: "entry" }, el("span", { class: "swatch " + colour, "aria-hidden": "true" }), name),
      ),
      mark("filled", "within"),
      mark("struck", "beyond"),
      mark("hollow", "not judged"),
      mark("band", "allowed"),
      el("span", { class: "entry" }, "one mark a protocol and schedule"),
    );
  }

  function draw(page, grid) {
    const { model } = page;
    const trials = model.chosen(page.chosen.state);
    const servers = model.servers.filter((server) => trials.some((one) => one.server === server));
    grid.replaceChildren();
    if (servers.length === 0) {
      grid.append(el("p", { class: "small note" }, "No trial is like this; choose less."));
      return [];
    }
    const errors = trials.flatMap(({ points }) => points.filter((point) => point.error_ns !== null).map(({ error_ns: ns }) => ns / 1e6));
    // All have their places before the first is drawn, so that each knows its width.
    const cells = servers.map((server) => place(grid, server));
    return cells.map((cell) => one(model, cell, trials.filter(({ server }) => server === cell.server), errors));
  }

  function place(grid, server) {
    const chart = el("div", { class: "chart" });
    const does = Object.hasOwn(DOES, server) ? DOES[server] : null;
    grid.append(
      el("div", { class: "cell" }, el("h4", null, server), does ? el("p", { class: "small does" }, does) : null, chart),
    );
    return { server, chart };
  }

  function one(model, { server, chart: place }, trials, errors) {
    const width = place.clientWidth;
    const rows = layout(model, trials, width);
    const canvas = el("canvas", {
      role: "img",
      "aria-label":
        "Errors on the server " + server + ", by percentile and tool. The same figures stand in the table “Every figure” below.",
    });
    place.style.height = rows.height + AXIS + "px";
    place.append(canvas);
    const plot = width - rows.left - 14;
    return new window.Chart(canvas, {
      type: "scatter",
      data: { datasets: rows.tools.map((tool) => dataset(tool, rows, trials)) },
      options: charts.options({
        layout: { autoPadding: false, padding: { left: rows.left, right: 14, top: 0, bottom: 0 } },
        scales: {
          x: symlog.axis(errors, plot, "measured less theory"),
          y: { type: "linear", reverse: true, min: 0, max: rows.height, display: false },
        },
      }),
      plugins: [backdrop(rows), misses(rows)],
    });
  }

  function layout(model, trials, width) {
    const tools = model.tools.filter(({ name }) => trials.some((one) => one.tool === name));
    const lane = tools.length > 1 ? LANE : LONE;
    // All charts leave the same room, so that their axes can be compared.
    const names = model.tools.length > 1 ? charts.room(model.tools.map(({ name }) => name), 11, NAMES) + 10 : 0;
    const narrow = width - names < NARROW;
    const quantiles = narrow ? QUANTILES_NARROW : QUANTILES;
    const block = lane * tools.length + GAP;
    const blocks = model.quantiles.map((q, index) => {
      const points = trials.flatMap((one) => one.points.filter((point) => point.q === q));
      const top = index * block + GAP / 2;
      const allowed = points.map((point) => point.allowed_ns).filter((ns) => ns !== null);
      return { q, top, bottom: top + block - GAP, points, allowed };
    });
    const y = (q, tool) => {
      const found = blocks.find((one) => one.q === q);
      return found.top + (tools.indexOf(tool) + 0.5) * lane;
    };
    return { tools, narrow, blocks, y, names, left: quantiles + names, height: block * blocks.length };
  }

  const STYLES = { within: "circle", beyond: "crossRot", open: "circle" };

  function dataset(tool, rows, trials) {
    const marks = trials
      .filter((one) => one.tool === tool.name)
      .flatMap((one) => one.points.filter((point) => point.error_ns !== null).map((point) => ({ one, point })));
    const sorts = marks.map(({ point }) => Tailrace.verdicts.of(point.verdict).sort);
    // One that does not count, since its measurement does not, is pale.
    const colour = ({ one }) => theme.faded(tool.colour, one.record.seal === "INVALID" ? 0.35 : 0.9);
    return {
      data: marks.map(({ one, point }) => ({
        x: symlog.at(point.error_ns / 1e6),
        y: rows.y(point.q, tool),
        text: text(one, point),
        error_ns: point.error_ns,
        far: point.allowed_ns !== null && Math.abs(point.error_ns) > NAMED * point.allowed_ns,
        protocol: one.protocol,
      })),
      pointStyle: sorts.map((sort) => STYLES[sort]),
      pointRadius: sorts.map((sort) => (sort === "beyond" ? RADIUS + 1 : RADIUS)),
      pointHoverRadius: RADIUS + 3,
      pointBorderWidth: sorts.map((sort) => (sort === "beyond" ? 2.4 : 1.6)),
      pointBorderColor: marks.map(colour),
      pointBackgroundColor: marks.map((mark, index) => (sorts[index] === "within" ? colour(mark) : "transparent")),
    };
  }

  function text(one, point) {
    return [
      one.tool + ", " + percentile(point.q) + ": " + signed(point.error_ns),
      Tailrace.format.latency(point.measured_ns) + " where theory has " + Tailrace.format.latency(point.theory_ns),
      "allowed ±" + Tailrace.format.latency(point.allowed_ns) + "; " + Tailrace.verdicts.of(point.verdict).word,
      where(one),
    ];
  }

  // Bands, the line of theory, percentiles and names of tools.
  function backdrop(rows) {
    return {
      id: "backdrop",
      beforeDatasetsDraw(chart) {
        const { ctx: context, chartArea, scales } = chart;
        context.save();
        for (const block of rows.blocks) {
          band(context, scales, block, chartArea);
          words(context, scales, block, rows, chartArea);
        }
        const zero = scales.x.getPixelForValue(0);
        context.fillStyle = theme.colour("muted");
        context.fillRect(zero - 0.5, chartArea.top, 1, chartArea.height);
        context.restore();
      },
    };
  }

  // Where theory differs from protocol to protocol, what each of them may err is darker than what one may.
  function band(context, scales, { top, bottom, allowed }, { left, right }) {
    if (allowed.length === 0) return;
    const most = [...new Set([Math.max(...allowed), Math.min(...allowed)])];
    context.fillStyle = theme.faded("beyond", most.length > 1 ? 0.2 : 0.3);
    for (const ns of most) {
      const ends = [-ns, ns].map((end) => scales.x.getPixelForValue(symlog.at(end / 1e6)));
      const [from, to] = [Math.max(ends[0], left), Math.min(ends[1], right)];
      const [high, low] = [top, bottom].map((end) => scales.y.getPixelForValue(end));
      context.fillRect(from, high, to - from, low - high);
    }
  }

  function words(context, scales, { q, top, bottom, points }, rows, chartArea) {
    const middle = scales.y.getPixelForValue((top + bottom) / 2);
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.fillStyle = theme.colour("ink");
    context.font = charts.css(12, 600);
    context.fillText(percentile(q), 0, rows.narrow ? middle : middle - 7);
    context.fillStyle = theme.colour("muted");
    context.font = charts.css(11);
    if (!rows.narrow) context.fillText(charts.fit(context, range(points.map((point) => point.theory_ns)), QUANTILES - 6), 0, middle + 8);
    if (!rows.names) return;
    context.textAlign = "right";
    for (const tool of rows.tools)
      context.fillText(charts.fit(context, tool.name, rows.names - 8), chartArea.left - 8, scales.y.getPixelForValue(rows.y(q, tool)));
  }

  // The furthest miss of each lane with its figure, where there is room beside it.
  function misses(rows) {
    return {
      id: "misses",
      afterDatasetsDraw(chart) {
        const { ctx: context, chartArea, scales } = chart;
        context.save();
        context.font = charts.css(11, 600);
        context.textBaseline = "middle";
        for (const { data } of chart.data.datasets) {
          for (const level of new Set(data.map(({ y }) => y))) {
            const lane = data.filter((point) => point.y === level);
            const far = lane.filter((point) => point.far).sort((a, b) => Math.abs(b.error_ns) - Math.abs(a.error_ns))[0];
            if (far) name(context, scales, chartArea, far, lane);
          }
        }
        context.restore();
      },
    };
  }

  function name(context, scales, chartArea, far, lane) {
    const label = signed(far.error_ns, 2) + " " + far.protocol;
    const width = context.measureText(label).width;
    const from = scales.x.getPixelForValue(far.x);
    // Toward the middle first: outside there is seldom room.
    for (const side of far.x < 0 ? [1, -1] : [-1, 1]) {
      const start = side > 0 ? from + 9 : from - 9 - width;
      const free = lane.every((other) => {
        const x = scales.x.getPixelForValue(other.x);
        return other === far || x < start - 6 || x > start + width + 6;
      });
      if (!free || start < chartArea.left || start + width > chartArea.right) continue;
      context.fillStyle = theme.colour("ink");
      context.textAlign = "left";
      context.fillText(label, start, scales.y.getPixelForValue(far.y));
      return;
    }
  }

  Tailrace.errors = { figure };
})();
