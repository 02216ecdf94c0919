// The chart of a history: a figure with a legend in text, drawn by Chart.js where the server has it,
// by plain.js otherwise. Colours come with dashes, so that neither stands alone.

import { el } from "../dom.js";
import { Plain } from "./plain.js";
import { SERIES_MAX } from "./series.js";
import { moment } from "./range.js";
import { timeTicks } from "./ticks.js";

const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [14, 4], [4, 2]];
/** Colours in an order in which neighbours differ most; all stand out 3 to 1 from a card. */
const COLOURS = [1, 2, 3, 4, 7, 1];
/** Pixels that a label of time wants for itself. */
const LABEL_WIDTH = 64;
const DOT = 2.5;

/** A chart below `home`; answers { draw(picture), hidden }. A picture is { series, from_ms, to_ms,
    zone, format, label }, see series.js. */
export function historyChart(theme) {
  const canvas = el("canvas", { role: "img" });
  const legend = el("ul", { class: "legend" });
  const home = el("figure", { class: "history-chart" }, legend, el("div", { class: "plot" }, canvas));
  let chart = null;
  theme.onChange(() => chart?.restyle(looks(theme)));
  return {
    home,
    draw(picture) {
      // Made when there is something to draw: a canvas that nobody sees has no size.
      chart ??= new (window.Chart ? Rich : Plain)(canvas, looks(theme));
      canvas.setAttribute("aria-label", picture.label);
      legend.replaceChildren(...picture.series.map(({ name }, i) => entry(name, i)));
      chart.draw(picture);
    },
  };
}

function entry(name, i) {
  const line = el("span", { class: "swatch", "aria-hidden": "true" });
  line.style.setProperty("--colour", `var(--series-${COLOURS[i]})`);
  line.style.setProperty("--style", ["solid", "dashed", "dotted", "dashed", "dashed", "dotted"][i]);
  return el("li", null, line, " ", name);
}

function looks(theme) {
  return {
    lines: Array.from({ length: SERIES_MAX }, (_, i) => ({ colour: theme.colour(`series-${COLOURS[i]}`), dash: DASHES[i] })),
    grid: theme.colour("grid"),
    ink: theme.colour("muted"),
    font: getComputedStyle(document.body).fontFamily,
  };
}

/** One chart of Chart.js. */
class Rich {
  #chart;
  #looks;
  #picture = null;

  constructor(canvas, looks) {
    this.#looks = looks;
    this.#chart = new window.Chart(canvas, { type: "line", data: { datasets: [] }, options: this.#options() });
  }

  draw(picture) {
    this.#picture = picture;
    const { lines } = this.#looks;
    this.#chart.data.datasets = picture.series.map(({ name, points }, i) => ({
      label: name, data: points, borderWidth: 2, borderColor: lines[i].colour, backgroundColor: lines[i].colour,
      borderDash: lines[i].dash, pointHitRadius: 8, pointRadius: points.map((_, at) => (isAlone(points, at) ? DOT : 0)),
    }));
    const { x, y } = this.#chart.options.scales;
    [x.min, x.max] = [picture.from_ms, picture.to_ms];
    for (const scale of [x, y]) {
      scale.grid.color = this.#looks.grid;
      scale.ticks.color = this.#looks.ink;
      scale.ticks.font = { family: this.#looks.font, size: 12 };
    }
    this.#chart.update("none");
  }

  restyle(looks) {
    this.#looks = looks;
    if (this.#picture) this.draw(this.#picture);
  }

  #options() {
    const marks = (axis) => {
      const { from_ms, to_ms, zone } = this.#picture ?? { from_ms: 0, to_ms: 1, zone: "utc" };
      const found = timeTicks(from_ms, to_ms, Math.max(2, axis.width / LABEL_WIDTH), zone);
      axis.ticks = found.map(({ x, label }) => ({ value: x, label }));
    };
    const format = (value) => this.#picture?.format(value) ?? String(value);
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
            title: ([item]) => (item ? moment(item.parsed.x, this.#picture.zone) : ""),
            label: (item) => `${item.dataset.label}: ${format(item.parsed.y)}`,
          },
        },
      },
      scales: {
        x: { type: "linear", grid: {}, afterBuildTicks: marks, ticks: { autoSkip: false, maxRotation: 0, callback: (_, at, all) => all[at].label } },
        y: { beginAtZero: true, grid: {}, ticks: { maxTicksLimit: 6, callback: format } },
      },
    };
  }
}

/** A value between gaps: no line would show it. */
function isAlone(points, at) {
  return points[at].y !== null && (points[at - 1]?.y ?? null) === null && (points[at + 1]?.y ?? null) === null;
}
