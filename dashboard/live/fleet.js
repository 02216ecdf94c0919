// What the fleet reported, second by second, in fixed memory: drawing never sees a metric, only
// sums of closed seconds. Seconds are the server's (`received`), so that a replay after a broken
// connection falls where it belongs. No DOM here; hosts.js knows the single hosts.

/** Seconds that the charts show. */
export const SECONDS_SHOWN = 120;
/** A silence longer than this is a gap in the line, in seconds: fleets may report every few. */
export const GAP_S = 12;
/** Seconds kept: what is shown, and some that a replay may still fill. */
const SECONDS_KEPT = 180;
/** A second is closed this long after its end: what arrived in it has been told by then. */
const CLOSED_AFTER_MS = 300;
/** Event types told apart; the rest share one row. */
const EVENT_TYPES_MAX = 12;
const REST = "other events";

/** The metrics of the fake fleet's hosts that have a chart of their own. */
export const WATCHED = [
  "cpu.usage", "memory.used", "disk.io", "disk.usage", "network.rx", "network.tx",
];

/** Sum, number, lowest and highest of each of the last seconds. */
class Seconds {
  #second = new Float64Array(SECONDS_KEPT).fill(-1);
  #sum = new Float64Array(SECONDS_KEPT);
  #number = new Float64Array(SECONDS_KEPT);
  #lowest = new Float64Array(SECONDS_KEPT);
  #highest = new Float64Array(SECONDS_KEPT);

  add(second, value) {
    const slot = second % SECONDS_KEPT;
    if (this.#second[slot] > second) return;
    if (this.#second[slot] < second) {
      this.#second[slot] = second;
      this.#sum[slot] = this.#number[slot] = 0;
      this.#lowest[slot] = Infinity;
      this.#highest[slot] = -Infinity;
    }
    this.#sum[slot] += value;
    this.#number[slot] += 1;
    if (value < this.#lowest[slot]) this.#lowest[slot] = value;
    if (value > this.#highest[slot]) this.#highest[slot] = value;
  }

  /** The second's values, or nothing. */
  at(second) {
    const slot = second % SECONDS_KEPT;
    if (second < 0 || this.#second[slot] !== second) return null;
    const number = this.#number[slot];
    return {
      second, number, mean: this.#sum[slot] / number, lowest: this.#lowest[slot], highest: this.#highest[slot],
    };
  }
}

export class Fleet {
  #watched = new Map(WATCHED.map((name) => [name, new Seconds()]));
  #events = new Map();
  /** The server's clock minus this one's, by the promptest event so far. */
  #ahead_ms = -Infinity;
  /** The second in which the feed began: part of it was not heard, so it is not drawn. */
  #begun = null;

  /** Forgets the server's clock: a new connection may lead to another machine. */
  reconnected() {
    this.#ahead_ms = -Infinity;
    this.#begun = null;
  }

  /** Something was received then, by the server's clock. Answers the second that it counts in. */
  hear(received) {
    this.#ahead_ms = Math.max(this.#ahead_ms, received - Date.now());
    const second = Math.floor(received / 1000);
    this.#begun ??= second;
    return second;
  }

  value(name, value, second) {
    if (second !== this.#begun) this.#watched.get(name)?.add(second, value);
  }

  event(name, second) {
    const known = this.#events.has(name) || this.#events.size < EVENT_TYPES_MAX;
    const row = known ? name : REST;
    if (!this.#events.has(row)) this.#events.set(row, new Seconds());
    this.#events.get(row).add(second, 1);
  }

  /** The server's time in milliseconds, as near as it is known here. */
  now() {
    return Date.now() + (Number.isFinite(this.#ahead_ms) ? this.#ahead_ms : 0);
  }

  /** The newest second that is closed. */
  closed() {
    return Math.floor((this.now() - CLOSED_AFTER_MS) / 1000) - 1;
  }

  /** Points of a chart, oldest first; x is seconds before now, and a silent second is missing. */
  points(metric) {
    const [series, last, now_s] = [this.#watched.get(metric), this.closed(), this.now() / 1000];
    const points = [];
    for (let second = last - SECONDS_SHOWN; second <= last; second += 1) {
      const seen = series.at(second);
      // A second's point stands at its end: that is when its values were known.
      if (seen) points.push({ x: second + 1 - now_s, ...seen });
    }
    return points;
  }

  /** Events of the last `seconds` closed seconds by type, most first. */
  events(seconds) {
    const last = this.closed();
    const rows = [];
    for (const [name, series] of this.#events) {
      let number = 0;
      for (let second = last - seconds + 1; second <= last; second += 1) {
        number += series.at(second)?.number ?? 0;
      }
      rows.push({ name, number });
    }
    return rows.sort((a, b) => b.number - a.number || a.name.localeCompare(b.name));
  }
}
