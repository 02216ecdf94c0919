// Alerts that the server found: those that it remembers, then each as it is found. A server looks
// for spikes where it has a store or a worker that does; health says whether. No DOM here.

import { ask } from "./ask.js";

/** Rows kept: as many as the server remembers. */
const ROWS_MAX = 100;

const key = ({ name, host, time_ms, score }) => `${time_ms} ${score} ${name} ${host}`;

export class Detector {
  /** Newest first, as the server found them: { key, name, host, hosts, value, usual, score, time_ms }. */
  rows = [];
  /** Counts every change of the rows. */
  version = 0;
  /** Alerts that came while the page was open. */
  found = 0;
  /** Whether somebody looks for spikes there; not known before the server said it. */
  is_there = null;
  #source = null;

  /** Whether what is found now arrives here at once. */
  get is_live() {
    return this.#source?.readyState === EventSource.OPEN;
  }

  /** Follows the server's alerts from here on, if it has any. */
  follow(is_there) {
    if (this.is_there !== is_there) this.version += 1;
    this.is_there = is_there;
    if (!is_there) return this.close();
    if (this.#source && this.#source.readyState !== EventSource.CLOSED) return;
    this.#source = new EventSource("v1/alerts/live");
    this.#source.addEventListener("alert", (event) => this.#take(JSON.parse(event.data)));
    // Only once it stands: what is found between list and stream would be lost.
    this.#source.addEventListener("open", () => this.#list());
  }

  close() {
    this.#source?.close();
    this.#source = null;
  }

  #take(alert) {
    this.found += 1;
    this.#keep([alert, ...this.rows]);
  }

  async #list() {
    const { ok, told } = await ask(`v1/alerts?limit=${ROWS_MAX}`);
    // What came by the stream meanwhile is newer than the list.
    if (ok) this.#keep([...this.rows, ...told.alerts]);
  }

  #keep(alerts) {
    const once = new Map();
    for (const alert of alerts) if (!once.has(key(alert))) once.set(key(alert), { ...alert, key: key(alert) });
    this.rows = [...once.values()].slice(0, ROWS_MAX);
    this.version += 1;
  }
}
