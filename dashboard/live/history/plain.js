// A history chart as plain lines on a canvas, for when Chart.js is not installed: the same picture
// without its comfort. Same functions as the rich one in chart.js.

import { cleared } from "../lines.js";
import { timeTicks, valueScale } from "./ticks.js";

/** Room for the axes' labels, in CSS pixels. */
const ROOM = { left: 68, right: 12, top: 10, bottom: 24 };
const GRID_LINES = 5;
/** Pixels that a label of time wants for itself. */
const LABEL_WIDTH = 64;
/** Size of a value that has no neighbours. */
const DOT = 2.5;

export class Plain {
  #canvas;
  #looks;
  #picture = null;

  constructor(canvas, looks) {
    [this.#canvas, this.#looks] = [canvas, looks];
    new ResizeObserver(() => this.draw(this.#picture)).observe(canvas.parentElement);
  }

  restyle(looks) {
    this.#looks = looks;
    this.draw(this.#picture);
  }

  /** `picture`: { series, from_ms, to_ms, zone, format }. */
  draw(picture) {
    this.#picture = picture;
    if (!picture || this.#canvas.clientWidth === 0) return;
    const [pen, width, height] = cleared(this.#canvas);
    const values = picture.series.flatMap(({ points }) => points.map(({ y }) => y).filter((y) => y !== null));
    const { low, high, step } = valueScale(least(values), most(values), GRID_LINES);
    const { from_ms, to_ms } = picture;
    const x = (ms) => ROOM.left + ((ms - from_ms) / (to_ms - from_ms || 1)) * (width - ROOM.left - ROOM.right);
    const y = (value) => height - ROOM.bottom - ((value - low) / (high - low)) * (height - ROOM.top - ROOM.bottom);
    this.#grid(pen, width, { low, high, step }, x, y);
    picture.series.forEach((one, i) => this.#line(pen, one.points, this.#looks.lines[i], x, y));
  }

  #grid(pen, width, { low, high, step }, x, y) {
    const { grid, ink, font } = this.#looks;
    const { from_ms, to_ms, zone, format } = this.#picture;
    Object.assign(pen, { strokeStyle: grid, fillStyle: ink, font: `12px ${font}`, textBaseline: "middle", textAlign: "right" });
    for (let value = low; value <= high + step / 1e3; value += step) {
      stroke(pen, [[ROOM.left, y(value)], [width - ROOM.right, y(value)]]);
      pen.fillText(format(value), ROOM.left - 6, y(value));
    }
    Object.assign(pen, { textBaseline: "top", textAlign: "center" });
    const room = (width - ROOM.left - ROOM.right) / LABEL_WIDTH;
    for (const { x: ms, label } of timeTicks(from_ms, to_ms, Math.max(2, room), zone)) {
      stroke(pen, [[x(ms), y(low)], [x(ms), y(high)]]);
      const half = pen.measureText(label).width / 2;
      pen.fillText(label, Math.min(x(ms), width - half), y(low) + 6);
    }
  }

  #line(pen, points, { colour, dash }, x, y) {
    Object.assign(pen, { strokeStyle: colour, fillStyle: colour, lineWidth: 2 });
    pen.setLineDash(dash);
    for (const part of parts(points)) {
      if (part.length > 1) stroke(pen, part.map((point) => [x(point.x), y(point.y)]));
      else dot(pen, x(part[0].x), y(part[0].y));
    }
    pen.setLineDash([]);
    pen.lineWidth = 1;
  }
}

// Not by Math.min(...values): that takes as many arguments as there are values.
const least = (values) => values.reduce((low, value) => Math.min(low, value), Infinity);
const most = (values) => values.reduce((high, value) => Math.max(high, value), -Infinity);

/** Points without a gap between them. */
function parts(points) {
  const found = [[]];
  for (const point of points) {
    if (point.y === null) found.push([]);
    else found.at(-1).push(point);
  }
  return found.filter((part) => part.length > 0);
}

function stroke(pen, places) {
  pen.beginPath();
  places.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
}

function dot(pen, x, y) {
  pen.beginPath();
  pen.arc(x, y, DOT, 0, 2 * Math.PI);
  pen.fill();
}
