// The percentile spectrum: the whole distribution of every arm, the rare and slow as wide as the
// common. Thin lines are trials, bold ones all chosen rounds together, merged bucket by bucket;
// beyond its support a line is grey and dashed. One that meets the unanswered leaves at the top.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { table, scrolling } = Tailrace.dom;
  const { at } = Tailrace.histogram;
  const format = Tailrace.format;
  const theme = Tailrace.theme;
  const charts = Tailrace.charts;

  // Where curves begin, as 1/(1−q): below a fifth of the batches there is nothing to compare.
  const START = 1.25;
  const STEPS_PER_DECADE = 40;
  const HEIGHT = 440;
  // Narrowest and widest room for names on the right.
  const NAMES = [60, 200];
  const LISTED = [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999];

  const LOOK =
    "where a curve turns upwards. Left is the common case; each step to the right from 90 % on is ten times rarer. Bold: the chosen rounds of an arm together; " +
    "thin: each trial; grey and dashed: fewer than 10 batches lie above, so one bad moment could have made it. A curve that leaves through the top met batches that were never answered in time.";

  function figure(page) {
    const { model } = page;
    return charts.figure(page, {
      id: "spectrum",
      title: "Percentile spectrum",
      look: LOOK,
      plots: model.headline.map((load) => "spectrum-" + load.slug),
      label: (state) => "Percentile spectrum of each arm under " + model.load(state.load).label + ".",
      draw: (state, room) => draw(model, state, room),
      table: (state) => tableOf(model, state),
      zoom: true,
    });
  }

  function shown(model, state) {
    return model.arms.filter((arm) => !state.hidden.has(arm.slug));
  }

  function draw(model, state, { narrow }) {
    const curves = shown(model, state).flatMap((arm) => curvesOf(model, state, arm));
    const values = curves.flatMap(({ points }) => points.map(({ y }) => y)).filter((y) => y !== null);
    if (values.length === 0) return { note: "No trial under this load has this latency, or every arm is hidden." };
    const most = Math.max(100, ...curves.filter((curve) => curve.bold).map((curve) => curve.total));
    const title = Tailrace.run.LATENCIES.find(({ key }) => key === state.latency).axis + ", log scale";
    const y = charts.logMs(values, { title: narrow ? "" : title, dense: true });
    const ends = curves
      .filter((curve) => curve.bold)
      .map(({ arm, points }) => ({ arm, end: points.filter((point) => point.y !== null).pop() }));
    // The strip above the largest value is where curves that met the unanswered go.
    const edge = y.max;
    const out = edge * (edge / y.min) ** 0.08;
    const beyond = curves.some(({ points }) => points.some((point) => point.y === null));
    if (beyond) y.max = out;
    const config = {
      type: "scatter",
      data: { datasets: curves.flatMap((curve) => datasets(curve, out)) },
      options: charts.options({
        layout: {
          padding: {
            right: narrow
              ? 12
              : charts.room(
                  shown(model, state).map(({ slug }) => slug),
                  12,
                  NAMES,
                ) + 40,
            top: 8,
          },
        },
        scales: { x: percentiles(most, narrow), y },
        interaction: { mode: "nearest", axis: "xy", intersect: false },
      }),
      plugins: [...(beyond ? [strip(edge, model.load(state.load))] : []), ...(narrow ? [] : [namesAtEnds(ends)])],
    };
    return { height: narrow ? 340 : HEIGHT, config };
  }

  function strip(edge, load) {
    return {
      id: "strip",
      beforeDatasetsDraw({ ctx: context, chartArea, scales }) {
        const bottom = scales.y.getPixelForValue(edge);
        context.save();
        context.fillStyle = theme.faded("alarm", 0.1);
        context.fillRect(chartArea.left, chartArea.top, chartArea.width, bottom - chartArea.top);
        context.fillStyle = theme.colour("alarm");
        context.font = charts.css(11, 600);
        context.textBaseline = "middle";
        context.textAlign = "right";
        context.fillText(
          "> timeout (" + charts.ms(load.timeout_ms) + ")",
          chartArea.right - 6,
          (chartArea.top + bottom) / 2,
        );
        context.restore();
      },
    };
  }

  function percentiles(most, narrow) {
    const marks = [
      [2, "50 %"],
      [10, "90 %"],
    ];
    for (let nines = 2; nines < 9; nines += 1)
      marks.push([10 ** nines, nines === 2 ? "99 %" : "99." + "9".repeat(nines - 2) + " %"]);
    const within = marks.filter(([inverse]) => inverse <= most);
    const names = new Map(within);
    const axis = charts.axis(
      narrow
        ? "percentile of the batches due"
        : "percentile of the batches due; to the right of 90 % every mark is ten times rarer",
    );
    return {
      ...axis,
      type: "logarithmic",
      min: START,
      max: most,
      afterBuildTicks: (scale) => (scale.ticks = within.map(([value]) => ({ value }))),
      ticks: { ...axis.ticks, autoSkipPadding: 6, callback: (value) => names.get(value) || "" },
    };
  }

  // The trials, thin, and all of them together, bold.
  function curvesOf(model, state, arm) {
    const trials = model.trials(arm.slug, state.load, state.rounds).filter((trial) => trial[state.latency]);
    const counted = trials.filter((trial) => trial.measurement !== "INVALID");
    const thin =
      trials.length > 1
        ? trials.map((trial) => ({
            arm,
            bold: false,
            invalid: trial.measurement === "INVALID",
            name: arm.slug + ", round " + trial.round,
            ...curve(model.distribution([trial], state.latency), arm.slug + ", round " + trial.round),
          }))
        : [];
    const whole = counted.length ? model.distribution(counted, state.latency) : null;
    const bold =
      whole && whole.total
        ? [{ arm, bold: true, ...curve(whole, arm.slug + (counted.length > 1 ? ", all chosen rounds" : "")) }]
        : [];
    return [...thin, ...bold];
  }

  // y is null among the unanswered, where the curve ends.
  function curve(distribution, name) {
    const points = [];
    const last = Math.floor(Math.log10(Math.max(distribution.total, 1)) * STEPS_PER_DECADE);
    for (let step = Math.ceil(Math.log10(START) * STEPS_PER_DECADE); step <= last; step += 1) {
      const inverse = 10 ** (step / STEPS_PER_DECADE);
      const found = at(distribution, 1 - 1 / inverse);
      const figure = found.ns === null ? "> timeout" : format.latency(found.ns);
      const above = found.supported ? "" : " (only " + found.support + " above)";
      points.push({
        x: inverse,
        y: found.ns === null ? null : found.ns / 1e6,
        supported: found.supported,
        text:
          name + ", " + format.percentile(Number(found.q.toPrecision(found.q > 0.99 ? 5 : 3))) + ": " + figure + above,
      });
      if (found.ns === null) break;
    }
    return { points, total: distribution.total };
  }

  function datasets({ arm, bold, invalid, points }, out) {
    const placed = points.map((point) => ({ ...point, y: point.y === null ? out : point.y }));
    const within = placed.filter((point) => point.supported);
    // They share a point, so that the line has no gap.
    const beyond = placed.slice(Math.max(within.length - 1, 0));
    const base = { showLine: true, pointRadius: 0, pointHoverRadius: bold ? 4 : 0, pointHitRadius: bold ? 8 : 0 };
    const colour = invalid
      ? theme.faded("beyond", 0.5)
      : bold
        ? theme.colour(arm.colour)
        : theme.faded(arm.colour, 0.38);
    const grey = theme.faded("beyond", bold ? 0.9 : 0.35);
    return [
      {
        ...base,
        data: within,
        borderColor: colour,
        pointHoverBackgroundColor: colour,
        borderWidth: bold ? 2.6 : 1,
        borderDash: arm.again ? [9, 4] : [],
        order: bold ? 1 : 3,
      },
      {
        ...base,
        data: beyond,
        borderColor: grey,
        pointHoverBackgroundColor: grey,
        borderWidth: bold ? 1.6 : 1,
        borderDash: [4, 4],
        order: bold ? 2 : 4,
      },
    ];
  }

  // Names at the right edge, pushed apart, each with a line to its curve.
  function namesAtEnds(ends) {
    return {
      id: "names",
      afterDatasetsDraw(chart) {
        const { chartArea, scales, ctx: context } = chart;
        const places = ends
          .filter(({ end }) => end)
          .map(({ arm, end }) => ({ arm, x: scales.x.getPixelForValue(end.x), y: scales.y.getPixelForValue(end.y) }));
        places.sort((a, b) => a.y - b.y);
        places.forEach(
          (place, index) => (place.at = Math.max(place.y, index ? places[index - 1].at + 17 : chartArea.top + 8)),
        );
        let limit = chartArea.bottom;
        for (const place of [...places].reverse()) {
          place.at = Math.min(place.at, limit);
          limit = place.at - 17;
        }
        context.save();
        context.font = charts.css(12, 600);
        context.textBaseline = "middle";
        for (const { arm, x, y, at: level } of places) {
          context.strokeStyle = theme.faded(arm.colour, 0.6);
          context.setLineDash([2, 3]);
          context.beginPath();
          // A curve that ended far from its name is known by its colour.
          if (chartArea.right - x < chartArea.width / 3) {
            context.moveTo(x, y);
            context.lineTo(chartArea.right + 14, level);
          }
          context.stroke();
          context.fillStyle = theme.colour(arm.colour);
          context.fillRect(chartArea.right + 16, level - 4, 8, 8);
          context.fillStyle = theme.colour("ink");
          context.fillText(
            charts.fit(context, arm.slug, chart.width - chartArea.right - 32),
            chartArea.right + 29,
            level,
          );
        }
        context.restore();
      },
    };
  }

  function tableOf(model, state) {
    const heads = ["arm", "batches", ...LISTED.map(format.percentile), "largest"];
    const rows = shown(model, state).map((arm) => {
      const trials = model
        .trials(arm.slug, state.load, state.rounds)
        .filter((trial) => trial.measurement !== "INVALID");
      const whole = model.distribution(trials, state.latency);
      if (!whole) return [arm.slug, ...heads.slice(1).map(() => format.NOTHING)];
      const figures = LISTED.map((q) => {
        const found = at(whole, q);
        if (!found.supported) return "too few";
        return found.ns === null ? "> timeout" : format.latency(found.ns);
      });
      const largest = whole.unanswered
        ? format.count(whole.unanswered) + " unanswered"
        : format.latency(whole.values[whole.values.length - 1]);
      return [arm.slug, format.count(whole.total), ...figures, largest];
    });
    return scrolling("Percentiles of the chosen rounds together", table(heads, rows));
  }

  Tailrace.spectrum = { figure };
})();
