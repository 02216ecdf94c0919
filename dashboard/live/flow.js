// How much of the feed the page asks for: less when more comes than it can take in, or when the
// server says that it was too slow, and all of it again when there is room. thinning.js has the
// arithmetic. No DOM here.

import { describe, thinner, thinning } from "./thinning.js";

/** How long the page tells of a lag. */
const LAGGED_MS = 10_000;
/** After the server said that the page is too slow, it is not asked for more again so soon. */
const HOLD_MS = 30_000;
/** The feed follows the highest rate of the last so many seconds: it gives way to a burst at once
    and comes back when there was none for a while. */
const PEAKS = 10;

export class Flow {
  #feed;
  #changed;
  #held_until = 0;
  #peaks = [];
  #missed = { at: -Infinity, number: 0 };

  /** `changed(text)` hears in words what is left out; nothing when all is shown. */
  constructor(feed, changed) {
    [this.#feed, this.#changed] = [feed, changed];
  }

  /** By how much what is counted here must be multiplied: 1 where all is seen. */
  get factor() {
    return this.#feed.thinning.factor;
  }

  /** The same for one host: with whole producers, a host is seen as it is. */
  get host_factor() {
    const { by, factor } = this.#feed.thinning;
    return by === "sample" ? factor : 1;
  }

  /** Batches that the page was too slow for, in the last seconds. */
  get lagged() {
    return performance.now() - this.#missed.at < LAGGED_MS ? this.#missed.number : 0;
  }

  /** The server left some out. */
  behind(missed) {
    this.#missed = { at: performance.now(), number: this.lagged + missed };
    if (performance.now() <= this.#held_until) return;
    this.#held_until = performance.now() + HOLD_MS;
    this.#thin(thinner(this.#feed.thinning));
  }

  /** Follows the rate of all batches, and the number of hosts in the part that is seen. */
  adapt(batches_per_s, hosts) {
    this.#peaks = [batches_per_s, ...this.#peaks].slice(0, PEAKS);
    if (performance.now() < this.#held_until) return;
    const { by, factor } = this.#feed.thinning;
    const producers = hosts * (by === "producers" ? factor : 1);
    this.#thin(thinning(Math.max(...this.#peaks), producers, this.#feed.thinning));
  }

  #thin(next) {
    this.#feed.thin(next);
    this.#changed(describe(this.#feed.thinning));
  }
}
