// Rows of spikes: those of one metric in one second are one row, however many hosts they hit, so
// that a fault of a whole fleet is one line and not a thousand. No DOM here; alert-rows.js shows it.

/** Rows kept. */
const ROWS_MAX = 60;
/** Rows that one second may add: names come from strangers. */
const ROWS_PER_SECOND_MAX = 8;
/** Single spikes kept, for the view of one host. */
const SINGLE_MAX = 500;

export class Alerts {
  /** Newest first: { key, second, name, hosts, worst: {host, value, usual, score} }. */
  rows = [];
  /** The last ones by themselves, newest first: { second, host, name, value, usual, score }. */
  single = [];
  /** Spikes found so far, listed or not. */
  found = 0;
  /** Spikes that got no row. */
  unlisted = 0;
  /** Counts every change of the rows. */
  version = 0;

  add(second, spike) {
    this.found += 1;
    this.version += 1;
    this.single.unshift({ second, ...spike });
    this.single.length = Math.min(this.single.length, SINGLE_MAX);
    let here = 0;
    for (const row of this.rows) {
      if (row.second < second) break;
      if (row.second !== second) continue;
      if (row.name === spike.name) return join(row, spike);
      here += 1;
    }
    if (here >= ROWS_PER_SECOND_MAX) {
      this.unlisted += 1;
      return;
    }
    this.#insert({ key: `${second} ${spike.name}`, second, name: spike.name, hosts: 1, worst: spike });
  }

  /** A replay may tell of an older second than the newest row's. */
  #insert(row) {
    const at = this.rows.findIndex((other) => other.second <= row.second);
    this.rows.splice(at < 0 ? this.rows.length : at, 0, row);
    this.rows.length = Math.min(this.rows.length, ROWS_MAX);
  }
}

function join(row, spike) {
  row.hosts += 1;
  if (spike.score > row.worst.score) row.worst = spike;
}
