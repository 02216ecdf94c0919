// Every host that was heard of: when, how much, its metrics' last values and its last events. All in
// memory with limits; what found no room is counted, and the page says so. No DOM here; top.js and
// host-view.js show it.

import { Series } from "./series.js";

/** Hosts told apart; beyond it they are only counted as "more than". */
const HOSTS_MAX = 20_000;
/** Hosts × metrics whose values are kept: about 40 MB. */
const SERIES_MAX = 20_000;
/** A host that was silent for so long is no longer counted as one that reports. */
const REPORTS_WITHIN_MS = 30_000;
/** A host that was silent for so long is forgotten. Until then the page says since when. */
const KEPT_MS = 600_000;
/** A host is silent after so many of its usual pauses, and never sooner than the least. */
const PAUSES = 4;
const SILENT_LEAST_MS = 5_000;
/** The usual pause follows the last so many. */
const PAUSES_FOLLOWED = 8;
/** Events kept of each host. */
const EVENTS_KEPT = 20;
/** Names of metrics that a reader may choose from: they come from strangers. */
const NAMES_MAX = 40;
const by_name = new Intl.Collator("en", { numeric: true });
/** Seconds that a rate is computed over, and those kept for it: the newest one is not over. */
const RATE_S = 10;
const RATE_KEPT = 16;

/** How many a second, over the last whole seconds. */
export class Tally {
  #counts = new Float64Array(RATE_KEPT);
  #newest = 0;

  add(second, number) {
    if (second <= this.#newest - RATE_KEPT) return;
    // Seconds that were left out counted nothing; after a long silence all of them did.
    for (let s = Math.max(this.#newest + 1, second - RATE_KEPT + 1); s <= second; s += 1) this.#counts[s % RATE_KEPT] = 0;
    this.#newest = Math.max(this.#newest, second);
    this.#counts[second % RATE_KEPT] += number;
  }

  /** A second's mean of the `RATE_S` seconds before `second`. */
  rate(second) {
    let sum = 0;
    for (let s = second - RATE_S; s < second; s += 1) {
      if (s <= this.#newest && s > this.#newest - RATE_KEPT) sum += this.#counts[s % RATE_KEPT];
    }
    return sum / RATE_S;
  }
}

/** One host. */
export class Host {
  metrics = new Map();
  /** Newest first: { key, name, received, attributes }. */
  events = [];
  #happened = 0;
  rate = new Tally();
  batches = 0;
  /** When the server received its last batch, in milliseconds. */
  heard = -Infinity;
  /** Its usual pause between batches, in milliseconds. */
  pause_ms = 0;

  constructor(name) {
    this.name = name;
  }

  /** It reported; one batch may tell several metrics of it. */
  report(received) {
    if (received <= this.heard) return;
    if (this.batches > 0) {
      this.pause_ms += (received - this.heard - this.pause_ms) / Math.min(this.batches, PAUSES_FOLLOWED);
    }
    this.heard = received;
    this.batches += 1;
  }

  /** Milliseconds since it was heard, and whether that is longer than usual. */
  silence(now) {
    const ago_ms = Math.max(0, now - this.heard);
    return { ago_ms, silent: ago_ms > Math.max(SILENT_LEAST_MS, PAUSES * this.pause_ms) };
  }

  happened(event) {
    this.#happened += 1;
    this.events.unshift({ key: this.#happened, ...event });
    this.events.length = Math.min(this.events.length, EVENTS_KEPT);
  }
}

export class Hosts {
  #hosts = new Map();
  #series = 0;
  #names = new Set();
  /** Values since the last sweep that found no room for their series. */
  unwatched = 0;

  get(name) {
    return this.#hosts.get(name);
  }

  /** Every host, in the order in which they were first heard of. */
  all() {
    return this.#hosts.values();
  }

  /** Names of metrics, as far as they may be chosen from. */
  get names() {
    return [...this.#names];
  }

  /** The host, made if there is room for it. */
  report(name, received, metrics) {
    let host = this.#hosts.get(name);
    if (!host && this.#hosts.size >= HOSTS_MAX) return null;
    if (!host) this.#hosts.set(name, (host = new Host(name)));
    host.report(received);
    host.rate.add(Math.floor(received / 1000), metrics);
    return host;
  }

  /** The series of a host's metric, made if there is room for it. */
  series(host, name) {
    const known = host?.metrics.get(name);
    if (known) return known;
    if (!host || this.#series >= SERIES_MAX) {
      this.unwatched += 1;
      return null;
    }
    if (this.#names.size < NAMES_MAX) this.#names.add(name);
    const made = new Series();
    host.metrics.set(name, made);
    this.#series += 1;
    return made;
  }

  /** How many reported lately, and how many did before and are silent. */
  count(now) {
    let reporting = 0;
    for (const { heard } of this.#hosts.values()) if (heard >= now - REPORTS_WITHIN_MS) reporting += 1;
    return { number: reporting, silent: this.#hosts.size - reporting, more: this.#hosts.size >= HOSTS_MAX };
  }

  /** The `number` hosts for which `key(host)` is highest; those without one are left out. */
  top(number, key) {
    const best = [];
    for (const host of this.#hosts.values()) {
      const value = key(host);
      if (value === undefined || (best.length === number && value <= best.at(-1).value)) continue;
      const at = best.findIndex((other) => other.value < value);
      best.splice(at < 0 ? best.length : at, 0, { host, value });
      best.length = Math.min(best.length, number);
    }
    return best;
  }

  /** Up to `most` hosts whose name holds `text`, in order of their names, and how many there are. */
  find(text, most) {
    const wanted = text.toLowerCase();
    const all = [...this.#hosts.values()].filter(({ name }) => name.toLowerCase().includes(wanted));
    all.sort((a, b) => by_name.compare(a.name, b.name));
    return { found: all.slice(0, most), number: all.length, all: this.#hosts.size };
  }

  /** Forgets hosts and series that were silent for long. */
  sweep(now) {
    const oldest = now - KEPT_MS;
    const used = new Set();
    this.#series = 0;
    for (const [name, host] of this.#hosts) {
      for (const [metric, series] of host.metrics) if (series.heard < oldest) host.metrics.delete(metric);
      for (const metric of host.metrics.keys()) used.add(metric);
      this.#series += host.metrics.size;
      if (host.heard < oldest) this.#hosts.delete(name);
    }
    for (const name of this.#names) if (!used.has(name)) this.#names.delete(name);
    this.unwatched = 0;
  }
}
