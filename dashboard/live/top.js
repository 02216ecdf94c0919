// The hosts that are first in something a reader chooses: how much they send, or a metric's last
// value or mean. The list stands still while somebody points at it or is in it with the keyboard.

import { el } from "./dom.js";
import { ago, brief, count, plain, valueOf } from "./format.js";
import { Table } from "./table.js";
import { address } from "./views.js";

/** Hosts listed. */
const SHOWN = 10;
const RATE = "rate";

export class Top {
  #select;
  #table = new Table("Top hosts", [["Host", "name"], ["Value", "number"], ["Metrics/s", "number"], ["Heard", "number"]]);
  #names = "";
  #chosen = RATE;

  /** `chosen(by)` hears what the reader chose. */
  constructor(home, select, chosen) {
    this.#select = select;
    home.append(this.#table.home);
    select.addEventListener("change", () => {
      this.#chosen = select.value;
      chosen(this.#chosen === RATE ? "" : this.#chosen);
    });
  }

  /** `last:NAME`, `mean:NAME`, or nothing for the rate. */
  choose(by) {
    this.#chosen = by || RATE;
    this.#names = "";
  }

  show(hosts, now, factor, force) {
    this.#offer(hosts.names);
    if (this.#table.is_read && !force) return;
    const [measure, name] = parted(this.#chosen);
    const second = Math.floor(now / 1000);
    const best = hosts.top(SHOWN, keyOf(measure, name, second));
    const items = best.map(({ host, value }) => ({ key: host.name, cells: this.#cells(host, value, name, now, factor) }));
    this.#table.show(items, measure === RATE ? "No host so far." : `No host has reported ${name} so far.`);
  }

  #cells(host, value, name, now, factor) {
    const { ago_ms, silent } = host.silence(now);
    const rate = plain(host.rate.rate(Math.floor(now / 1000)) * factor);
    return [
      { text: brief(host.name), title: host.name, href: address("host", host.name) },
      { text: name === "" ? `${count(host.batches)} batches` : valueOf(name, value) },
      { text: rate },
      { text: silent ? `silent since ${ago(ago_ms)}` : "just now", data: { silent } },
    ];
  }

  /** The choices, made anew only when there are other names. */
  #offer(names) {
    const [measure, chosen] = parted(this.#chosen);
    // A link may name a metric that nobody reported yet.
    const known = chosen === "" || names.includes(chosen) ? names : [...names, chosen];
    const signature = JSON.stringify(known);
    if (signature === this.#names) return;
    this.#names = signature;
    const group = (label, kind) => el("optgroup", { label },
      known.map((name) => el("option", { value: `${kind}:${name}` }, brief(name))));
    const rate = el("option", { value: RATE }, "metrics per second");
    this.#select.replaceChildren(rate, group("last value of", "last"), group("mean of last values of", "mean"));
    this.#select.value = measure === RATE ? RATE : this.#chosen;
  }
}

function parted(by) {
  const [, measure, name] = /^(last|mean):(.+)$/s.exec(by) ?? [];
  return measure ? [measure, name] : [RATE, ""];
}

function keyOf(measure, name, second) {
  if (measure === RATE) return (host) => host.rate.rate(second);
  return (host) => host.metrics.get(name)?.[measure];
}
