// What it cost: bars of two parts in the rows of the dot plot, every trial a dot at its total.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, table, scrolling } = Tailrace.dom;
  const format = Tailrace.format;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;
  const lanes = Tailrace.lanes;
  const { medianOf } = Tailrace.run;

  // spec: { id, title, look, unit (axis), parts: [{ name, of(trial) }], text(value), tick(value),
  // loads(state), besideDots, plots }. A part that is null was not ours to measure.
  function figure(page, spec) {
    const { model } = page;
    return charts.figure(page, {
      id: spec.id,
      title: spec.title,
      look: spec.look,
      key: [entry("solid", spec.parts[0].name), entry("pale", spec.parts[1].name), entry("dot", "one trial")],
      plots: spec.plots,
      label: (state) =>
        "Bars: " +
        spec.title +
        " under " +
        spec
          .loads(state)
          .map((load) => load.label)
          .join(" and ") +
        ".",
      draw: (state, room) => draw(model, state, room, spec),
      table: (state) => tableOf(model, state, spec),
    });
  }

  function entry(kind, text) {
    return el("span", { class: "entry" }, el("span", { class: "mark " + kind, "aria-hidden": "true" }), text);
  }

  function counted(model, state, arm, load) {
    return model.trials(arm.slug, load.slug, state.rounds).filter((trial) => trial.measurement !== "INVALID");
  }

  function bar(model, state, spec, arm, load) {
    const trials = counted(model, state, arm, load);
    const parts = spec.parts.map((part) => medianOf(trials.map(part.of)));
    const totals = trials.map((trial) => ({ trial, total: total(spec, trial) })).filter(({ total }) => total !== null);
    return { load, parts, totals };
  }

  function total(spec, trial) {
    const parts = spec.parts.map((part) => part.of(trial)).filter((value) => value !== null && value !== undefined);
    return parts.length ? parts.reduce((sum, value) => sum + value, 0) : null;
  }

  function draw(model, state, { narrow, wide }, spec) {
    const loads = spec.loads(state);
    const unnamed = wide && spec.besideDots;
    const rows = lanes.layout(model, { narrow: narrow && !unnamed, lanes: loads.length, unnamed });
    const bars = rows.rows.flatMap((row) =>
      loads.map((load, index) => ({
        row,
        y: row.middle + (index - (loads.length - 1) / 2) * 20,
        ...bar(model, state, spec, row.arm, load),
      })),
    );
    const drawn = bars.filter(({ parts }) => parts.some((part) => part !== null));
    if (drawn.length === 0) {
      const counts = rows.rows.some(({ arm }) => loads.some((load) => counted(model, state, arm, load).length));
      return {
        note: counts ? "Nothing of this was ours to measure." : "No trial of this choice counts: every one is INVALID.",
      };
    }
    const most = Math.max(
      ...drawn.flatMap(({ parts, totals }) => [(parts[0] || 0) + (parts[1] || 0), ...totals.map(({ total }) => total)]),
    );
    const x = {
      ...charts.axis(spec.unit),
      type: "linear",
      min: 0,
      suggestedMax: most * (loads.length > 1 ? 1.6 : 1.3),
    };
    x.ticks = {
      ...x.ticks,
      callback: (value) => (spec.tick ? spec.tick(value) : format.count(value)),
      maxTicksLimit: 6,
    };
    const config = {
      type: "scatter",
      data: { datasets: drawn.flatMap((one) => datasets(one, spec, loads.length > 1 && one.load.slug !== state.load)) },
      options: charts.options({ layout: lanes.layoutOf(rows), scales: { x, y: lanes.scale(rows) } }),
      plugins: [lanes.plugin(rows), labels(drawn, spec, loads.length > 1)],
    };
    return { height: rows.total, config };
  }

  function datasets({ row, y, load, parts, totals }, spec, aside) {
    const [first, second] = [parts[0] || 0, parts[1] || 0];
    const line = (from, to, name, value, opacity) => ({
      data: [
        { x: from, y, text: row.arm.slug + ", " + load.label + ", " + name + ": " + spec.text(value) },
        { x: to, y, text: row.arm.slug + ", " + load.label + ", " + name + ": " + spec.text(value) },
      ],
      showLine: true,
      borderWidth: 12,
      borderCapStyle: "butt",
      borderColor: theme.faded(row.arm.colour, opacity),
      pointRadius: 0,
      pointHitRadius: 8,
      order: 2,
    });
    const dots = totals.map(({ trial, total }) => ({
      x: total,
      y: y + spreadOf(trial.round),
      text: row.arm.slug + ", round " + trial.round + ": " + spec.text(total),
    }));
    const found = [line(0, first, spec.parts[0].name, first, aside ? 0.6 : 1)];
    if (second > 0) found.push(line(first, first + second, spec.parts[1].name, second, aside ? 0.22 : 0.4));
    found.push({
      data: dots,
      pointRadius: 2,
      pointHoverRadius: 4,
      pointBackgroundColor: theme.colour("ink"),
      pointBorderColor: theme.colour("card"),
      pointBorderWidth: 0.5,
      order: 1,
    });
    return found;
  }

  // Three places are enough to see dots that would hide each other.
  function spreadOf(round) {
    return ((round % 3) - 1) * 5;
  }

  // The figure at the end of its bar, with the load where there is more than one.
  function labels(bars, spec, several) {
    return {
      id: "labels",
      afterDatasetsDraw(chart) {
        const context = chart.ctx;
        const { x, y } = chart.scales;
        context.save();
        context.font = charts.css(11);
        context.fillStyle = theme.colour("muted");
        context.textBaseline = "middle";
        for (const { parts, totals, load, y: at } of bars) {
          const sum = (parts[0] || 0) + (parts[1] || 0);
          const from = x.getPixelForValue(Math.max(sum, ...totals.map(({ total }) => total))) + 8;
          const text = spec.text(sum) + (several ? " at " + format.rate(load.rate_per_s) : "");
          context.fillText(charts.fit(context, text, chart.width - from - 2), from, y.getPixelForValue(at));
        }
        context.restore();
      },
    };
  }

  function tableOf(model, state, spec) {
    const heads = ["arm", "load", spec.parts[0].name, spec.parts[1].name, "trials"];
    const rows = model.groups.flatMap(({ promise, arms }) => [
      { heading: promise },
      ...arms.flatMap((arm) =>
        spec.loads(state).map((load) => {
          const { parts, totals } = bar(model, state, spec, arm, load);
          const each = totals.map(({ total }) => spec.text(total)).join(", ");
          return [
            arm.slug,
            load.label,
            ...parts.map((part) => (part === null ? format.NOTHING : spec.text(part))),
            each || format.NOTHING,
          ];
        }),
      ),
    ]);
    return scrolling(spec.title, table(heads, rows));
  }

  const cpu = (page) =>
    figure(page, {
      id: "cpu",
      title: "CPU for each metric",
      look: "within a promise, whose bar is shorter in every trial, at each load: at a low rate each metric pays its own wake-up, so the same pipeline costs more.",
      unit: "CPU µs for each acknowledged metric",
      parts: [
        { name: "server", of: (trial) => trial.cost.server_cpu_us_per_metric },
        { name: "backend", of: (trial) => trial.cost.backend_cpu_us_per_metric },
      ],
      text: format.micros,
      loads: () => page.model.headline,
      besideDots: true,
      plots: [],
    });

  const wire = (page) =>
    figure(page, {
      id: "wire",
      title: "Bytes on the wire for each metric",
      look: "what the transport adds around the same metric. Payload of the connection, without TCP/IP headers.",
      unit: "bytes for each metric",
      parts: [
        { name: "sent", of: (trial) => trial.cost.sent_bytes_per_metric },
        { name: "received", of: (trial) => trial.cost.received_bytes_per_metric },
      ],
      text: format.bytes,
      loads: (state) => [page.model.load(state.load)],
      plots: ["cost"],
    });

  const memory = (page) =>
    figure(page, {
      id: "memory",
      title: "Peak memory",
      look: "memory that grows with the load is a queue. Largest resident memory of each process during the trial.",
      unit: "largest resident memory",
      parts: [
        { name: "server", of: (trial) => trial.cost.server_peak_rss_bytes },
        { name: "backend", of: (trial) => trial.cost.backend_peak_rss_bytes },
      ],
      text: format.memory,
      tick: format.memory,
      loads: (state) => [page.model.load(state.load)],
      plots: [],
    });

  Tailrace.bars = { cpu, wire, memory };
})();
