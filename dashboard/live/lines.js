// Plain lines on a canvas, for when Chart.js is not installed: the same picture without its
// comfort. Same three functions as a chart of charts.js has.

import { SECONDS_SHOWN } from "./fleet.js";

/** Room for the axes' labels, in CSS pixels. */
const ROOM = { left: 64, right: 10, top: 8, bottom: 22 };
/** Lines of the grid, the axis not counted. */
const GRID_LINES = 4;

export class Lines {
  #canvas;
  #spec;
  #colours;
  #points = [];

  constructor(canvas, spec, colours) {
    [this.#canvas, this.#spec, this.#colours] = [canvas, spec, colours];
    new ResizeObserver(() => this.draw(this.#points)).observe(canvas.parentElement);
  }

  restyle(colours) {
    this.#colours = colours;
    this.draw(this.#points);
  }

  draw(points) {
    this.#points = points;
    const [pen, width, height] = this.#prepare();
    const highest = points.reduce((most, point) => Math.max(most, point.highest), 0);
    const top = this.#spec.top ?? (highest > 0 ? highest * 1.05 : 1);
    const x = (ago) => ROOM.left + ((ago + SECONDS_SHOWN) / SECONDS_SHOWN) * (width - ROOM.left - ROOM.right);
    const y = (value) => height - ROOM.bottom - (value / top) * (height - ROOM.top - ROOM.bottom);
    this.#grid(pen, width, top, x, y);
    if (points.length === 0) return;
    pen.fillStyle = this.#colours.band;
    trace(pen, points.map((p) => [x(p.x), y(p.highest)]), points.toReversed().map((p) => [x(p.x), y(p.lowest)]));
    pen.fill();
    pen.strokeStyle = this.#colours.line;
    pen.lineWidth = 2;
    trace(pen, points.map((p) => [x(p.x), y(p.mean)]));
    pen.stroke();
  }

  /** A cleared canvas as sharp as the screen. */
  #prepare() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = window.devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    const pen = this.#canvas.getContext("2d");
    pen.scale(ratio, ratio);
    return [pen, width, height];
  }

  #grid(pen, width, top, x, y) {
    pen.strokeStyle = this.#colours.grid;
    pen.fillStyle = this.#colours.ink;
    pen.font = `12px ${this.#colours.font}`;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (let i = 0; i <= GRID_LINES; i += 1) {
      const value = (top * i) / GRID_LINES;
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

function trace(pen, ...parts) {
  pen.beginPath();
  parts.flat().forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
}
