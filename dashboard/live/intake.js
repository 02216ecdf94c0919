// What becomes of a batch: it is added to sums, counts and short memories, and forgotten. Whatever
// the page shows of the feed comes from here. No DOM, and nothing that grows with the rate.

import { Alerts } from "./alerts.js";
import { Fleet } from "./fleet.js";
import { Hosts, Tally } from "./hosts.js";
import { Spikes } from "./spikes.js";

/** Batches listed. */
const BATCHES_SHOWN = 12;
/** How events are told from levels. */
const EVENT = "event.";

export class Intake {
  fleet = new Fleet();
  hosts = new Hosts();
  alerts = new Alerts();
  spikes;
  /** The last batches, newest first. */
  newest = [];
  /** What was seen here, whatever the server counted. */
  seen = { batches: 0, metrics: 0, batch_rate: new Tally(), metric_rate: new Tally() };

  /** `threshold`: how many deviations make a spike. */
  constructor(threshold) {
    this.spikes = new Spikes(threshold);
  }

  add(batch) {
    const { received, metrics } = batch;
    const second = this.fleet.hear(received);
    this.#count(second, metrics.length);
    this.newest.unshift(batch);
    this.newest.length = Math.min(this.newest.length, BATCHES_SHOWN);
    for (const metric of metrics) {
      const host = String(metric.attributes?.host ?? batch.producer);
      const known = this.hosts.report(host, received, 1);
      if (metric.name.startsWith(EVENT)) this.#event(known, metric, received, second);
      else this.#value(known, host, metric, received, second);
    }
  }

  #count(second, metrics) {
    this.seen.batches += 1;
    this.seen.metrics += metrics;
    this.seen.batch_rate.add(second, 1);
    this.seen.metric_rate.add(second, metrics);
  }

  #event(known, { name, attributes }, received, second) {
    this.fleet.event(name, second);
    known?.happened({ name, received, attributes });
  }

  #value(known, host, metric, received, second) {
    this.fleet.value(metric.name, metric.value, second);
    const series = this.hosts.series(known, metric.name);
    if (!series) return;
    const spike = this.spikes.judge(series, host, metric);
    if (spike) this.alerts.add(second, spike);
    series.add(metric.value, received);
  }

  sweep() {
    this.hosts.sweep(this.fleet.now());
    this.spikes.sweep();
  }
}
