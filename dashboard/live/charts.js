// The fleet's charts: mean as a line, lowest to highest host as a band. Drawn by Chart.js where
// the server has it, by lines.js otherwise; nothing else knows which.

import { GAP_S, SECONDS_SHOWN } from "./fleet.js";
import { bytes, bytesPerSecond, percent } from "./format.js";
import { Lines } from "./lines.js";

/** What is drawn, in this order. `top` is the end of a scale that has one. What belongs together has
    one colour, and only those are used that stand out 3 to 1 from the card. */
const SPECS = [
  { metric: "cpu.usage", title: "CPU", format: percent, top: 100, series: 1 },
  { metric: "memory.used", title: "Memory used", format: bytes, series: 4 },
  { metric: "disk.io", title: "Disk reads and writes", format: bytesPerSecond, series: 3 },
  { metric: "disk.usage", title: "Disk full", format: percent, top: 100, series: 3 },
  { metric: "network.rx", title: "Network in", format: bytesPerSecond, series: 2 },
  { metric: "network.tx", title: "Network out", format: bytesPerSecond, series: 2 },
];

/** Makes the panels below `home` and answers what draws them. */
export function charts(home, theme) {
  const made = SPECS.map((spec) => panel(home, spec, theme));
  theme.onChange(() => made.forEach(({ chart, spec }) => chart.restyle(colours(spec, theme))));
  return (fleet) => made.forEach((one) => draw(one, fleet.points(one.spec.metric)));
}

function panel(home, spec, theme) {
  const part = document.getElementById("chart-template").content.firstElementChild.cloneNode(true);
  part.querySelector("h3").textContent = spec.title;
  part.querySelector("code").textContent = spec.metric;
  const canvas = part.querySelector("canvas");
  home.append(part);
  const Kind = window.Chart ? Rich : Lines;
  const chart = new Kind(canvas, spec, colours(spec, theme));
  const [mean, range] = [part.querySelector(".mean"), part.querySelector(".range")];
  return { spec, chart, canvas, mean, range };
}

function draw({ spec, chart, canvas, mean, range }, points) {
  chart.draw(points);
  const last = points.at(-1);
  const text = last ? spec.format(last.mean) : "–";
  const spread = last ? `${spec.format(last.lowest)} to ${spec.format(last.highest)}` : "no values yet";
  mean.textContent = text;
  range.textContent = spread;
  canvas.setAttribute("aria-label", `${spec.title}: mean ${text}, ${spread}`);
}

function colours(spec, theme) {
  const name = `series-${spec.series}`;
  return {
    line: theme.colour(name),
    band: theme.faded(name, 0.22),
    grid: theme.colour("grid"),
    ink: theme.colour("muted"),
    font: getComputedStyle(document.body).fontFamily,
  };
}

/** One chart of Chart.js. */
class Rich {
  #chart;
  #spec;

  constructor(canvas, spec, looks) {
    this.#spec = spec;
    const bare = { borderWidth: 0, pointRadius: 0, pointHitRadius: 0, spanGaps: GAP_S };
    const datasets = [
      { ...bare, label: "lowest", data: [] },
      { ...bare, label: "highest", data: [], fill: "-1" },
      { ...bare, label: "mean", data: [], borderWidth: 2, pointHitRadius: 8, tension: 0.2 },
    ];
    this.#chart = new window.Chart(canvas, { type: "line", data: { datasets }, options: options(spec) });
    this.restyle(looks);
  }

  draw(points) {
    const [lowest, highest, mean] = this.#chart.data.datasets;
    lowest.data = points.map((point) => ({ x: point.x, y: point.lowest }));
    highest.data = points.map((point) => ({ x: point.x, y: point.highest }));
    mean.data = points.map((point) => ({ x: point.x, y: point.mean }));
    this.#chart.update("none");
  }

  restyle(looks) {
    const [, highest, mean] = this.#chart.data.datasets;
    highest.backgroundColor = looks.band;
    mean.borderColor = mean.backgroundColor = looks.line;
    for (const scale of Object.values(this.#chart.options.scales)) {
      scale.grid.color = looks.grid;
      scale.ticks.color = looks.ink;
      scale.ticks.font = { family: looks.font, size: 12 };
    }
    this.#chart.update("none");
  }
}

function options(spec) {
  const ago = (value) => (value === 0 ? "now" : `${value} s`);
  return {
    animation: false,
    parsing: false,
    normalized: true,
    maintainAspectRatio: false,
    interaction: { mode: "index", intersect: false, axis: "x" },
    plugins: {
      legend: { display: false },
      tooltip: {
        callbacks: {
          title: ([item]) => `${Math.round(-item.parsed.x)} s ago`,
          label: (item) => `${item.dataset.label} ${spec.format(item.parsed.y)}`,
        },
      },
    },
    scales: {
      x: {
        type: "linear", min: -SECONDS_SHOWN, max: 0, grid: {},
        ticks: { stepSize: 30, callback: ago, maxRotation: 0 },
      },
      y: {
        beginAtZero: true, max: spec.top, grid: {},
        ticks: { maxTicksLimit: 5, callback: (value) => spec.format(value) },
      },
    },
  };
}
