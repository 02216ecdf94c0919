// Curves of a scenario: times on the left, on a logarithmic axis, rates and counts on the right.
// Which curves there are is the scenario's to say.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;
  const { theme, format } = Tailrace;

  const COLOURS = ["series-1", "series-2", "series-3", "series-4", "series-5"];
  // A dash says again which curve is which.
  const DASHES = [[], [6, 3], [2, 3], [10, 3, 2, 3], [1, 2]];
  // Half an hour at four looks a second; older ones leave on the left.
  const POINTS_MAX = 7200;

  // A figure with its unit, or a dash.
  function text(value, unit) {
    if (value === null || value === undefined) return format.NOTHING;
    if (unit === "ns") return format.latency(value);
    return unit === "per_s" ? format.rate(value) : format.count(value);
  }

  function make() {
    const canvas = el("canvas", { role: "img", "aria-label": "The scenario over time; its figures stand beside." });
    const place = el("div", { class: "curve" }, canvas);
    let chart = null;
    let series = [];
    let points = [];

    function clear() {
      if (chart) chart.destroy();
      chart = null;
    }

    function draw() {
      // The chart's library may not be on this machine.
      place.hidden = !window.Chart;
      if (!window.Chart) return;
      const datasets = series.map(dataset);
      if (chart) {
        chart.data.datasets.forEach((one, index) => (one.data = datasets[index].data));
        chart.update("none");
        return;
      }
      chart = new window.Chart(canvas, { type: "line", data: { datasets }, options: options(series) });
    }

    // Where there was nothing to see, the curve has a gap.
    function dataset(one, index) {
      const seen = points.filter((point) => one.key in point.values);
      const scale = one.unit === "ns" ? 1e6 : 1;
      const shown = (value) => (value === null ? NaN : value / scale);
      return {
        label: one.label,
        data: seen.map((point) => ({ x: point.t_s, y: shown(point.values[one.key]) })),
        yAxisID: one.unit === "ns" ? "times" : "amounts",
        borderColor: theme.colour(COLOURS[index]),
        backgroundColor: theme.colour(COLOURS[index]),
        borderDash: DASHES[index],
        borderWidth: 2,
        pointRadius: 1.5,
      };
    }

    theme.onChange(() => {
      clear();
      if (place.isConnected) draw();
    });
    return {
      place,
      begin: (curves) => {
        clear();
        series = curves;
        points = [];
      },
      points: () => points,
      add: (point) => {
        points.push(point);
        if (points.length > POINTS_MAX) points.shift();
      },
      set: (whole) => (points = whole),
      draw,
    };
  }

  function options(series) {
    const colour = theme.colour("muted");
    const title = (words) => ({ display: true, text: words, color: colour });
    const has = (times) => series.some((one) => (one.unit === "ns") === times);
    const scales = {
      x: {
        type: "linear",
        title: title("seconds since it began"),
        ticks: { color: colour, maxTicksLimit: 10 },
        grid: { color: theme.colour("grid") },
      },
    };
    if (has(true)) {
      scales.times = {
        type: "logarithmic",
        position: "left",
        title: title("milliseconds"),
        ticks: { color: colour, maxTicksLimit: 6, callback: (value) => String(Number(value.toPrecision(3))) },
        grid: { color: theme.colour("grid") },
      };
    }
    if (has(false)) {
      scales.amounts = {
        position: "right",
        beginAtZero: true,
        title: title("a second, or waiting"),
        ticks: { color: colour, maxTicksLimit: 6, callback: (value) => format.count(value) },
        grid: { drawOnChartArea: false },
      };
    }
    return {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      parsing: false,
      scales,
      plugins: { legend: { labels: { color: theme.colour("ink"), boxWidth: 30, boxHeight: 2 } }, tooltip: { enabled: false } },
    };
  }

  Tailrace.lines = { make, text };
})();
