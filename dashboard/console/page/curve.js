// The running trial as curves: p50, p99 and the generator's own lateness over time, on a
// logarithmic axis; the vertical line is where one trial ended and the next began.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;
  const theme = Tailrace.theme;

  const CURVES = [
    ["p50_ns", "p50", "series-1"],
    ["p99_ns", "p99", "series-2"],
    ["lateness_p99_ns", "the generator's own lateness (p99)", "floor"],
  ];
  // Two minutes at two lines a second; older points leave on the left.
  const POINTS_MAX = 240;

  function make() {
    const canvas = el("canvas", { role: "img", "aria-label": "Latency of the running trial; its figures stand above." });
    const place = el("div", { class: "curve" }, canvas);
    let chart = null;
    let points = [];

    function draw() {
      if (!window.Chart) return;
      const data = { labels: points.map((_, index) => index), datasets: CURVES.map(dataset) };
      if (chart) {
        chart.data = data;
        chart.update("none");
        return;
      }
      chart = new window.Chart(canvas, { type: "line", data, options: options() });
    }

    function dataset([key, label, colour]) {
      return {
        label,
        data: points.map((point) => (point[key] ? point[key] / 1e6 : null)),
        borderColor: theme.colour(colour),
        backgroundColor: theme.colour(colour),
        borderWidth: 2,
        pointRadius: 0,
        spanGaps: false,
      };
    }

    theme.onChange(() => {
      if (chart) chart.destroy();
      chart = null;
      draw();
    });
    return {
      place,
      clear: () => (points = []),
      add: (line) => {
        points.push(line);
        if (points.length > POINTS_MAX) points = points.slice(-POINTS_MAX);
      },
      draw,
    };
  }

  function options() {
    const ticks = { color: theme.colour("muted") };
    return {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      scales: {
        x: { display: false },
        y: {
          type: "logarithmic",
          ticks: { ...ticks, callback: (value) => Number(value.toPrecision(3)) + " ms", maxTicksLimit: 6 },
          grid: { color: theme.colour("grid") },
        },
      },
      plugins: { legend: { labels: { color: theme.colour("ink") } }, tooltip: { enabled: false } },
    };
  }

  Tailrace.curve = { make };
})();
