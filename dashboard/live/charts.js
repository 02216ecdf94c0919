// Charts of the last two minutes: mean as a line, lowest to highest host as a band. Drawn by Chart.js where
// the server has it, by lines.js otherwise; nothing else knows which.

import { say } from "./dom.js";
import { GAP_S, SECONDS_SHOWN } from "./fleet.js";
import { brief, bytes, bytesPerSecond, formatOf, percent } from "./format.js";
import { Lines } from "./lines.js";

/** What is drawn of the fleet, in this order. `top` is the end of a scale that has one. What belongs
    together has one colour, and only those are used that stand out 3 to 1 from the card. */
const SPECS = [
  { metric: "cpu.usage", title: "CPU", format: percent, top: 100, series: 1 },
  { metric: "memory.used", title: "Memory used", format: bytes, series: 4 },
  { metric: "disk.io", title: "Disk traffic", format: bytesPerSecond, series: 3 },
  { metric: "disk.usage", title: "Disk full", format: percent, top: 100, series: 3 },
  { metric: "network.rx", title: "Network in", format: bytesPerSecond, series: 2 },
  { metric: "network.tx", title: "Network out", format: bytesPerSecond, series: 2 },
];

/** How a metric is drawn, whatever its name. */
function specOf(metric) {
  return SPECS.find((spec) => spec.metric === metric) ?? { metric, title: brief(metric), format: formatOf(metric), series: 1 };
}

/** With fewer points those of one host are marked: one that reports every minute has no line. */
const FEW = 20;

/** Every panel that is on the page: their colours follow the theme. */
const panels = new Set();
let is_following = false;

function follow(theme) {
  if (is_following) return;
  is_following = true;
  theme.onChange(() => panels.forEach((panel) => panel.restyle()));
}

/** Between two drawings of the same charts, in milliseconds: in it a line moves by two pixels. */
const PACE_MS = 450;

/** What `draw` does, but not more often than anybody sees. */
export function paced(draw) {
  let drawn = -Infinity;
  return (...what) => {
    if (performance.now() - drawn < PACE_MS) return;
    drawn = performance.now();
    draw(...what);
  };
}

/** Makes the fleet's panels below `home` and answers what draws them. */
export function charts(home, theme) {
  const made = SPECS.map(({ metric }) => new Panel(home, metric, theme));
  return paced((fleet) => made.forEach((panel) => panel.draw(fleet.points(panel.metric))));
}

/** Tells each panel whether it is on the screen, or nearly: what nobody sees is not drawn. */
const nearby = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) target.dataset.seen = isIntersecting;
}, { rootMargin: "200px" });

/** A chart with its name and what it says in words. With `single` its points are those of one host,
    which may be far apart. */
export class Panel {
  #spec;
  #part;
  #chart;
  #theme;

  constructor(home, metric, theme, { single = false } = {}) {
    this.#spec = { ...specOf(metric), single, few: single ? FEW : 0 };
    this.#theme = theme;
    this.#part = document.getElementById("chart-template").content.firstElementChild.cloneNode(true);
    this.#find("h3").textContent = this.#spec.title;
    say(this.#find("code"), this.#spec.title === brief(metric) ? "" : metric);
    this.#find("h3").title = metric;
    home.append(this.#part);
    const Kind = window.Chart ? Rich : Lines;
    this.#chart = new Kind(this.#find("canvas"), this.#spec, colours(this.#spec, theme));
    follow(theme);
    panels.add(this);
    nearby.observe(this.#part);
    // A picture has its words from the first moment.
    this.draw([]);
  }

  get metric() {
    return this.#spec.metric;
  }

  #find(selector) {
    return this.#part.querySelector(selector);
  }

  draw(points) {
    if (this.#part.dataset.seen === "true") this.#chart.draw(points);
    const { format, title, single } = this.#spec;
    const last = points.at(-1);
    const text = last ? format(last.mean) : "–";
    const spread = single ? around(points, format) : last ? `${format(last.lowest)} to ${format(last.highest)}` : "no values yet";
    say(this.#find(".mean"), text);
    say(this.#find(".spread"), spread);
    this.#find("canvas").setAttribute("aria-label", `${title}: ${single ? "last" : "mean"} ${text}, ${spread}`);
  }

  restyle() {
    this.#chart.restyle(colours(this.#spec, this.#theme));
  }

  remove() {
    panels.delete(this);
    nearby.unobserve(this.#part);
    this.#chart.end();
    this.#part.remove();
  }
}

/** In words what the line does. */
function around(points, format) {
  if (points.length === 0) return `no values in ${SECONDS_SHOWN} s`;
  const values = points.map(({ mean }) => mean);
  return `${format(Math.min(...values))} to ${format(Math.max(...values))}`;
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
      { ...bare, label: spec.single ? "value" : "mean", data: [], borderWidth: 2, pointHitRadius: 8, tension: 0.2 },
    ];
    this.#chart = new window.Chart(canvas, { type: "line", data: { datasets }, options: options(spec) });
    this.restyle(looks);
  }

  draw(points) {
    const [lowest, highest, mean] = this.#chart.data.datasets;
    lowest.data = points.map((point) => ({ x: point.x, y: point.lowest }));
    highest.data = points.map((point) => ({ x: point.x, y: point.highest }));
    mean.data = points.map((point) => ({ x: point.x, y: point.mean }));
    mean.pointRadius = points.length < this.#spec.few ? 2 : 0;
    this.#chart.update("none");
  }

  end() {
    this.#chart.destroy();
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
        // Of one host lowest, highest and value are the same.
        filter: (item) => !spec.single || item.datasetIndex === 2,
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
