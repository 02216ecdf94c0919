// Finds values far above what the same host usually reports. "Usually" is the median of its last
// values and "far" a multiple of their median absolute deviation (MAD): unlike mean and standard
// deviation, both hardly move when some of the values are themselves spikes. series.js computes
// both; alerts.js makes rows of what is found. No DOM here.

/** A deviation is at least this share of the host's median and of the fleet's mean: on a host that
    hardly does anything, a little more is many times as much and still nothing. */
const QUIET_SHARE = 0.05;
/** The fleet's mean follows the last so many values of a metric. */
const LEVEL_VALUES = 5_000;
/** Names whose mean is followed; values of others are compared with their own host only. */
const LEVELS_MAX = 5_000;
/** An episode ends when the deviation falls below this share of the threshold. */
const CALM_SHARE = 0.5;

/** The mean of a metric over the fleet. */
class Level {
  mean = 0;
  #number = 0;

  add(value) {
    this.#number = Math.min(this.#number + 1, LEVEL_VALUES);
    this.mean += (value - this.mean) / this.#number;
  }
}

export class Spikes {
  #levels = new Map();
  /** Deviations that make a spike. */
  threshold;

  constructor(threshold) {
    this.threshold = threshold;
  }

  /** The beginning of a spike, or nothing. To be asked before the value becomes part of what is
      usual for its series. */
  judge(series, host, { name, value }) {
    const level = this.#level(name);
    const score = series.is_known ? deviations(series, level, value) : 0;
    const begins = !series.spiking && score > this.threshold;
    if (begins) series.spiking = true;
    else if (score < this.threshold * CALM_SHARE) series.spiking = false;
    const found = begins ? { host, name, value, usual: series.usual, score } : null;
    level?.add(value);
    return found;
  }

  #level(name) {
    const known = this.#levels.get(name);
    if (known || this.#levels.size >= LEVELS_MAX) return known;
    const made = new Level();
    this.#levels.set(name, made);
    return made;
  }

  /** Forgets the fleet's means: what is still reported builds them anew. */
  sweep() {
    if (this.#levels.size >= LEVELS_MAX) this.#levels.clear();
  }
}

/** How many deviations above the usual a value is. */
function deviations({ usual, sigma }, level, value) {
  const least = QUIET_SHARE * Math.max(Math.abs(usual), Math.abs(level?.mean ?? 0));
  return (value - usual) / Math.max(sigma, least, Number.MIN_VALUE);
}
