// Bars in the rows of the dot plot: parts one behind the other, the first darkest, every trial a
// dot at its total. What they show is said by `cost.js` and `exposure.js`.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, table, scrolling } = Tailrace.dom;
  const format = Tailrace.format;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;
  const lanes = Tailrace.lanes;
  const intervals = Tailrace.intervals;
  const { medianOf } = Tailrace.run;

  // How dark the parts are: of the load in the controls, and of another one beside it.
  const DARK = [1, 0.4, 0.18];
  const ASIDE = [0.6, 0.22, 0.1];
  // Marks of the parts in the key, as in css/pages.css.
  const MARKS = ["solid", "pale", "faint"];

  const known = (value) => value !== null && value !== undefined;

  // spec: { id, title, look, unit (axis), parts: [{ name, of(trial) }], text(value), tick(value),
  // loads(state), besideDots, plots, error(trial): half of a trial's own interval, in the unit of
  // the axis, beside(trials): more at the end of the bar, columns: [[head, cell(trials)]],
  // binary: ticks at powers of two }.
  // A part that is null was not ours to measure.
  function figure(page, spec) {
    const { model } = page;
    return charts.figure(page, {
      id: spec.id,
      title: spec.title,
      look: spec.look,
      key: [
        ...measured(model, spec).map((part) => entry(MARKS[spec.parts.indexOf(part)], part.name)),
        entry("dot", "one trial"),
        spec.error ? entry("whisker", "95 % of what the sample leaves open") : null,
      ],
      plots: spec.plots,
      label: (state) =>
        "Bars: " + spec.title + " under " + spec.loads(state).map((load) => load.label).join(" and ") + ".",
      draw: (state, room) => draw(model, state, room, spec),
      table: (state) => tableOf(model, state, spec),
    });
  }

  // Parts that any trial has: no arm with workers, no word of them.
  function measured(model, spec) {
    const found = spec.parts.filter((part) => model.run.trials.some((trial) => known(part.of(trial))));
    return found.length ? found : spec.parts.slice(0, 1);
  }

  function entry(kind, text) {
    return el("span", { class: "entry" }, el("span", { class: "mark " + kind, "aria-hidden": "true" }), text);
  }

  function counted(model, state, arm, load) {
    return model.trials(arm.slug, load.slug, state.rounds).filter((trial) => trial.measurement !== "INVALID");
  }

  // The bar ends at the median of the totals; its parts share that length as their medians do.
  function bar(model, state, spec, arm, load) {
    const trials = counted(model, state, arm, load);
    const totals = trials.map((trial) => ({ trial, total: total(spec, trial) })).filter(({ total }) => total !== null);
    const sum = medianOf(totals.map(({ total }) => total));
    const parts = spec.parts.map((part) => medianOf(trials.map(part.of)));
    const whole = parts.reduce((all, part) => all + (part || 0), 0);
    const scaled = parts.map((part) => (part === null || !whole ? part : (part / whole) * sum));
    return { load, trials, parts: scaled, sum, totals };
  }

  function total(spec, trial) {
    const parts = spec.parts.map((part) => part.of(trial)).filter(known);
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
    const drawn = bars.filter(({ sum }) => sum !== null);
    if (drawn.length === 0) {
      const counts = rows.rows.some(({ arm }) => loads.some((load) => counted(model, state, arm, load).length));
      return {
        note: counts ? "Nothing of this was ours to measure." : "No trial of this choice counts: every one is INVALID.",
      };
    }
    const config = {
      type: "scatter",
      data: { datasets: drawn.flatMap((one) => datasets(one, spec, loads.length > 1 && one.load.slug !== state.load)) },
      options: charts.options({
        layout: lanes.layoutOf(rows),
        scales: { x: axis(drawn, spec, loads.length > 1), y: lanes.scale(rows) },
      }),
      plugins: [
        lanes.plugin(rows, null, (row) => !drawn.some((one) => one.row === row)),
        ...(spec.error ? [errors(drawn, spec)] : []),
        labels(drawn, spec, loads.length > 1),
      ],
    };
    return { height: rows.total, config };
  }

  // From zero, so that lengths compare, with room for the figures at the ends.
  function axis(bars, spec, several) {
    const most = Math.max(...bars.flatMap((bar) => [bar.sum, ...bar.totals.map(({ total }) => total)]));
    const x = { ...charts.axis(spec.unit), type: "linear", min: 0, suggestedMax: most * (several || spec.beside ? 1.6 : 1.3) };
    x.ticks = {
      ...x.ticks,
      callback: (value) => (spec.tick ? spec.tick(value) : format.count(value)),
      maxTicksLimit: 6,
      stepSize: spec.binary ? binaryStep(x.suggestedMax) : undefined,
    };
    return x;
  }

  // A power of two, so that memory has round ticks too.
  function binaryStep(most) {
    return 2 ** Math.ceil(Math.log2(most / 5));
  }

  function datasets({ row, y, load, parts, totals }, spec, aside) {
    let from = 0;
    const lines = parts.flatMap((value, index) => {
      if (!value) return [];
      const text = row.arm.slug + ", " + load.label + ", " + spec.parts[index].name + ": " + spec.text(value);
      const ends = [from, (from += value)];
      return [
        {
          data: ends.map((x) => ({ x, y, text })),
          showLine: true,
          borderWidth: 12,
          borderCapStyle: "butt",
          borderColor: theme.faded(row.arm.colour, (aside ? ASIDE : DARK)[index]),
          pointRadius: 0,
          pointHitRadius: 8,
          order: 2,
        },
      ];
    });
    const dots = totals.map(({ trial, total }) => ({
      x: total,
      y: y + spreadOf(trial.round),
      text: row.arm.slug + ", round " + trial.round + ": " + spec.text(total),
    }));
    return [...lines, trialDots(dots)];
  }

  function trialDots(data) {
    return {
      data,
      pointRadius: 2,
      pointHoverRadius: 4,
      pointBackgroundColor: theme.colour("ink"),
      pointBorderColor: theme.colour("card"),
      pointBorderWidth: 0.5,
      order: 1,
    };
  }

  // Three places are enough to see dots that would hide each other.
  function spreadOf(round) {
    return ((round % 3) - 1) * 5;
  }

  // What a sample leaves open, around each trial's dot.
  function errors(bars, spec) {
    return {
      id: "errors",
      afterDatasetsDraw({ ctx: context, scales }) {
        context.save();
        context.strokeStyle = theme.colour("ink");
        for (const { y, totals } of bars)
          for (const { trial, total } of totals) {
            const half = spec.error(trial);
            if (!half) continue;
            const [from, to] = [Math.max(total - half, 0), total + half].map((value) => scales.x.getPixelForValue(value));
            const at = scales.y.getPixelForValue(y + spreadOf(trial.round));
            intervals.draw(context, { at, from, to, level: true });
          }
        context.restore();
      },
    };
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
        for (const { sum, trials, totals, load, y: at } of bars) {
          const ends = totals.map(({ trial, total }) => total + ((spec.error && spec.error(trial)) || 0));
          const from = x.getPixelForValue(Math.max(sum, ...ends)) + 8;
          const text =
            spec.text(sum) +
            (several ? " at " + format.rate(load.rate_per_s) : "") +
            (spec.beside ? spec.beside(trials) : "");
          context.fillText(charts.fit(context, text, chart.width - from - 2), from, y.getPixelForValue(at));
        }
        context.restore();
      },
    };
  }

  function tableOf(model, state, spec) {
    const parts = measured(model, spec);
    const columns = spec.columns || [];
    const heads = ["arm", "load", ...parts.map(({ name }) => name), "trials", ...columns.map(([head]) => head)];
    const rows = model.groups.flatMap(({ promise, arms }) => [
      { heading: promise },
      ...arms.filter(model.ran).flatMap((arm) =>
        spec.loads(state).map((load) => {
          const one = bar(model, state, spec, arm, load);
          const each = one.totals.map(({ total }) => spec.text(total)).join(", ");
          return [
            arm.slug,
            load.label,
            ...parts.map((part) => {
              const value = one.parts[spec.parts.indexOf(part)];
              return value === null ? format.NOTHING : spec.text(value);
            }),
            each || format.NOTHING,
            ...columns.map(([, cell]) => cell(one.trials)),
          ];
        }),
      ),
    ]);
    return scrolling(spec.title, table(heads, rows));
  }

  Tailrace.bars = { figure };
})();
