// Finds values far above what the same host usually reports. "Usually" is the median of its last
// values and "far" a multiple of their median absolute deviation (MAD): unlike mean and standard
// deviation, both hardly move when some of the values are themselves spikes. No DOM here;
// alerts.js makes rows of what is found.

/** Values that "usually" rests on: a minute of a host that reports once a second. */
const WINDOW = 60;
/** With fewer values nothing is usual yet. */
const LEAST = 12;
/** Median and MAD are computed anew after so many values: they move slowly, and sorting costs. */
const REFRESH = 5;
/** A normal distribution's standard deviation is so many MADs. */
const SIGMA_PER_MAD = 1.4826;
/** A deviation is at least this share of the host's median and of the fleet's mean: on a host that
    hardly does anything, a little more is many times as much and still nothing. */
const QUIET_SHARE = 0.05;
/** The fleet's mean follows the last so many values of a metric. */
const LEVEL_VALUES = 5_000;
/** Hosts × metrics that are watched: about 12 MB. Others are counted, and the page says so. */
const SERIES_MAX = 20_000;
/** An episode ends when the deviation falls below this share of the threshold. */
const CALM_SHARE = 0.5;

const sorted = new Float64Array(WINDOW);

function median(values) {
  values.sort();
  const half = values.length >> 1;
  return values.length % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/** The last values of one metric of one host. */
class Series {
  #values = new Float64Array(WINDOW);
  #number = 0;
  #until_refresh = 0;
  #usual = 0;
  #sigma = 0;
  level;
  spiking = false;
  silent = false;

  constructor(level) {
    this.level = level;
  }

  /** How many deviations above the usual a value is; 0 while nothing is usual. */
  score(value) {
    if (this.#number < LEAST) return 0;
    const least = QUIET_SHARE * Math.max(Math.abs(this.#usual), Math.abs(this.level.mean));
    return (value - this.#usual) / Math.max(this.#sigma, least, Number.MIN_VALUE);
  }

  get usual() {
    return this.#usual;
  }

  add(value) {
    this.silent = false;
    this.#values[this.#number % WINDOW] = value;
    this.#number += 1;
    this.#until_refresh -= 1;
    if (this.#number >= LEAST && this.#until_refresh <= 0) this.#refresh();
  }

  #refresh() {
    this.#until_refresh = REFRESH;
    const held = sorted.subarray(0, Math.min(this.#number, WINDOW));
    held.set(this.#values.subarray(0, held.length));
    this.#usual = median(held);
    for (let i = 0; i < held.length; i += 1) held[i] = Math.abs(held[i] - this.#usual);
    this.#sigma = SIGMA_PER_MAD * median(held);
  }
}

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
  #series = new Map();
  #levels = new Map();
  /** Deviations that make a spike. */
  threshold;
  /** Values since the last sweep that belong to no watched series. */
  unwatched = 0;

  constructor(threshold) {
    this.threshold = threshold;
  }

  /** The beginning of a spike, or nothing. Every value becomes part of what is usual. */
  judge(host, metric) {
    const series = this.#find(host, metric.name);
    if (!series) {
      this.unwatched += 1;
      return null;
    }
    const score = series.score(metric.value);
    const begins = !series.spiking && score > this.threshold;
    if (begins) series.spiking = true;
    else if (score < this.threshold * CALM_SHARE) series.spiking = false;
    const found = begins ? { host, name: metric.name, value: metric.value, usual: series.usual, score } : null;
    series.level.add(metric.value);
    series.add(metric.value);
    return found;
  }

  /** The series, made if there is room for it. */
  #find(host, name) {
    const key = `${name}\n${host}`;
    const known = this.#series.get(key);
    if (known || this.#series.size >= SERIES_MAX) return known;
    if (!this.#levels.has(name)) this.#levels.set(name, new Level());
    const made = new Series(this.#levels.get(name));
    this.#series.set(key, made);
    return made;
  }

  /** Forgets series that had no value since the last call. */
  sweep() {
    for (const [key, series] of this.#series) {
      if (series.silent) this.#series.delete(key);
      series.silent = true;
    }
    const used = new Set([...this.#series.values()].map((series) => series.level));
    for (const [name, level] of this.#levels) if (!used.has(level)) this.#levels.delete(name);
    this.unwatched = 0;
  }
}
