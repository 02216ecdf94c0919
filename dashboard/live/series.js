// The last values of one metric of one host, in fixed memory: what is usual for it (spikes.js), what
// a chart of one host draws (host-view.js), and its last value and mean (top.js). No DOM here.

/** Values kept: two minutes of a host that reports once a second. */
export const VALUES_KEPT = 120;
/** Values that "usual" rests on: a minute of such a host. */
const WINDOW = 60;
/** With fewer values nothing is usual yet. */
const LEAST = 12;
/** Median and MAD are computed anew after so many values: they move slowly, and sorting costs. */
const REFRESH = 5;
/** A normal distribution's standard deviation is so many MADs. */
const SIGMA_PER_MAD = 1.4826;
/** A new series has room for so many values and doubles it as they come: most names of strangers
    come once. */
const ROOM_FIRST = 15;

const sorted = new Float64Array(WINDOW);

function median(values) {
  values.sort();
  const half = values.length >> 1;
  return values.length % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

export class Series {
  #values = new Float64Array(ROOM_FIRST);
  #times = new Float64Array(ROOM_FIRST);
  #number = 0;
  #until_refresh = 0;
  /** Median of the last values, and their median absolute deviation scaled to a standard one. */
  usual = 0;
  sigma = 0;
  /** Whether it is in a spike: spikes.js keeps it. */
  spiking = false;

  /** Takes a value in; `at` is when the server received it, in milliseconds. */
  add(value, at) {
    if (this.#number === this.#values.length && this.#number < VALUES_KEPT) this.#grow();
    const slot = this.#number % this.#values.length;
    this.#values[slot] = value;
    this.#times[slot] = at;
    this.#number += 1;
    this.#until_refresh -= 1;
    if (this.#number >= LEAST && this.#until_refresh <= 0) this.#refresh();
  }

  /** Whether there were enough values to say what is usual. */
  get is_known() {
    return this.#number >= LEAST;
  }

  get last() {
    return this.#back(0);
  }

  /** When the last value was received. */
  get heard() {
    return this.#times[(this.#number - 1) % this.#times.length];
  }

  get #held() {
    return Math.min(this.#number, this.#values.length);
  }

  #back(steps) {
    return this.#values[(this.#number - 1 - steps) % this.#values.length];
  }

  /** Mean of the values that are kept. */
  get mean() {
    let sum = 0;
    for (let i = 0; i < this.#held; i += 1) sum += this.#values[i];
    return sum / this.#held;
  }

  /** Number, mean, lowest and highest of the values that are kept. */
  range() {
    const held = this.#values.subarray(0, this.#held);
    const [lowest, highest] = [held.reduce((a, b) => Math.min(a, b)), held.reduce((a, b) => Math.max(a, b))];
    return { number: held.length, mean: this.mean, lowest, highest };
  }

  /** [{ at, value }], oldest first. */
  points() {
    const first = this.#number - this.#held;
    return Array.from({ length: this.#held }, (_, i) => {
      const slot = (first + i) % this.#values.length;
      return { at: this.#times[slot], value: this.#values[slot] };
    });
  }

  /** Only ever before the first value is overwritten, so slots stay where they are. */
  #grow() {
    const room = Math.min(2 * this.#values.length, VALUES_KEPT);
    const grown = (old) => {
      const made = new Float64Array(room);
      made.set(old);
      return made;
    };
    [this.#values, this.#times] = [grown(this.#values), grown(this.#times)];
  }

  #refresh() {
    this.#until_refresh = REFRESH;
    const held = sorted.subarray(0, Math.min(this.#number, WINDOW));
    for (let i = 0; i < held.length; i += 1) held[i] = this.#back(i);
    this.usual = median(held);
    for (let i = 0; i < held.length; i += 1) held[i] = Math.abs(held[i] - this.usual);
    this.sigma = SIGMA_PER_MAD * median(held);
  }
}
