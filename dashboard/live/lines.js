// Plain lines on a canvas, for when Chart.js is not installed: the same picture without its
// comfort. Same four functions as a chart of charts.js has.

import { GAP_S, SECONDS_SHOWN } from "./fleet.js";

/** Room for the axes' labels, in CSS pixels. */
const ROOM = { left: 64, right: 10, top: 8, bottom: 22 };
/** Lines of the grid at most, the axis not counted. */
const GRID_LINES = 5;
/** What a step of the grid may be, times a power of ten. */
const STEPS = [1, 2, 2.5, 5, 10];

export class Lines {
  #canvas;
  #spec;
  #colours;
  #points = [];
  #watched;

  constructor(canvas, spec, colours) {
    [this.#canvas, this.#spec, this.#colours] = [canvas, spec, colours];
    this.#watched = new ResizeObserver(() => this.draw(this.#points));
    this.#watched.observe(canvas.parentElement);
  }

  end() {
    this.#watched.disconnect();
  }

  restyle(colours) {
    this.#colours = colours;
    this.draw(this.#points);
  }

  draw(points) {
    this.#points = points;
    const [pen, width, height] = cleared(this.#canvas);
    const highest = points.reduce((most, point) => Math.max(most, point.highest), 0);
    const step = stepFor(this.#spec.top ?? (highest > 0 ? highest : 1));
    const top = this.#spec.top ?? Math.ceil((highest || 1) / step) * step;
    const x = (ago) => ROOM.left + ((ago + SECONDS_SHOWN) / SECONDS_SHOWN) * (width - ROOM.left - ROOM.right);
    const y = (value) => height - ROOM.bottom - (value / top) * (height - ROOM.top - ROOM.bottom);
    this.#grid(pen, width, top, step, x, y);
    pen.fillStyle = this.#colours.band;
    pen.strokeStyle = this.#colours.line;
    pen.lineWidth = 2;
    for (const part of parts(points)) {
      trace(pen, part.map((p) => [x(p.x), y(p.highest)]), part.toReversed().map((p) => [x(p.x), y(p.lowest)]));
      pen.fill();
      trace(pen, part.map((p) => [x(p.x), y(p.mean)]));
      pen.stroke();
      if (points.length < this.#spec.few) for (const p of part) pen.fillRect(x(p.x) - 1.5, y(p.mean) - 1.5, 3, 3);
    }
  }

  #grid(pen, width, top, step, x, y) {
    pen.strokeStyle = this.#colours.grid;
    pen.fillStyle = this.#colours.ink;
    pen.font = `12px ${this.#colours.font}`;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (let value = 0; value <= top * 1.001; value += step) {
      trace(pen, [[ROOM.left, y(value)], [width - ROOM.right, y(value)]]);
      pen.stroke();
      pen.fillText(this.#spec.format(value), ROOM.left - 6, y(value));
    }
    pen.textBaseline = "top";
    for (const ago of [-SECONDS_SHOWN, -SECONDS_SHOWN / 2, 0]) {
      pen.textAlign = ago === 0 ? "right" : ago === -SECONDS_SHOWN ? "left" : "center";
      pen.fillText(ago === 0 ? "now" : `${ago} s`, x(ago), y(0) + 6);
    }
  }
}

/** The smallest round step with which the grid has few lines. */
function stepFor(top) {
  const size = 10 ** Math.floor(Math.log10(top / GRID_LINES));
  return size * STEPS.find((step) => (step * size) * GRID_LINES >= top);
}

/** Points without a silence between them. */
function parts(points) {
  const found = [];
  for (const point of points) {
    const last = found.at(-1)?.at(-1);
    if (last && point.x - last.x <= GAP_S) found.at(-1).push(point);
    else found.push([point]);
  }
  return found;
}

function trace(pen, ...parts) {
  pen.beginPath();
  parts.flat().forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
}

/** The pen of a cleared canvas as sharp as the screen, and the canvas's width and height. */
export function cleared(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return [pen, width, height];
}
