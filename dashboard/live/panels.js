// The fleet's figures, types of events, newest batches and aggregates. What comes from metrics enters
// by `textContent` only, so a metric's name can never become markup.

import { el, say } from "./dom.js";
import { ago, brief, clock, count, percent, plain, valueOf } from "./format.js";
import { Table } from "./table.js";

const find = (id) => document.getElementById(id);

/** `rates` as the server counted them, or as the page did; then `is_seen`. */
export function showFigures({ rates, hosts, is_part }) {
  say(find("hosts"), (hosts.more ? "more than " : "") + count(hosts.number));
  const silent = hosts.silent > 0 ? `; ${count(hosts.silent)} more fell silent` : "";
  say(find("hosts-note"), is_part ? "in the part that is shown" : `in the last 30\u00a0s${silent}`);
  find("welcome").hidden = hosts.number + hosts.silent > 0;
  say(find("metrics-rate"), rates ? count(rates.metrics_per_s) : "–");
  say(find("batches-rate"), rates ? count(rates.batches_per_s) : "–");
  say(find("metrics-total"), !rates ? "" : rates.is_seen ? "as this page sees it" : `${count(rates.metrics)} in all`);
  say(find("refused"), !rates || rates.is_seen ? "" : rates.refused > 0 ? `${count(rates.refused)} refused` : "none refused");
}

/** Spikes and alerts since the page was opened. */
export function showFound(spikes, detector) {
  say(find("spike-count"), count(spikes));
  say(find("found-note"), detector.is_there ? `here; ${count(detector.found)} by the server` : "since this page was opened");
}

/** How far those who read the log are behind: `worker` is the group that fills the store, as health
    tells of it; `groups` are all in that process, as its counters do. */
export function showLag(worker, groups = []) {
  find("lag").hidden = !worker;
  if (!worker) return;
  const { unread, pending, oldest_ms, members } = worker;
  const is_known = unread !== undefined;
  say(find("lag-batches"), is_known ? count(unread + pending) : "?");
  const oldest = oldest_ms > 0 ? `the oldest for ${brief_ms(oldest_ms)}` : "nothing waits";
  const others = groups.filter(({ group, waiting }) => group !== "store" && waiting > 0);
  const parts = [is_known ? oldest : "the log did not say", members === 0 ? "no worker reads" : ""];
  for (const { group, waiting } of others) parts.push(`${brief(group, 16)}: ${count(waiting)} behind`);
  say(find("lag-note"), parts.filter(Boolean).join("; "));
}

/** What the page took in itself. */
export function showTaken({ batches, metrics }) {
  say(find("taken"), `This page took in ${batches.toLocaleString("en")} batches with ${metrics.toLocaleString("en")} metrics.`);
}

const brief_ms = (ms) => (ms < 1000 ? `${Math.round(ms)}\u00a0ms` : ago(ms));

/** Colours of the bars: the first of the theme's, which stand out from any background. */
const BAR_COLOURS = 4;

/** Event types of the last seconds as bars. */
export function showEvents(rows, seconds) {
  const sum = rows.reduce((all, { number }) => all + number, 0);
  find("events-empty").hidden = sum > 0;
  const most = Math.max(1, ...rows.map(({ number }) => number));
  const bars = rows.filter(() => sum > 0).map(({ name, number }, i) => {
    const bar = el("span", { class: "bar" });
    bar.style.setProperty("--share", `${(100 * number) / most}%`);
    bar.style.setProperty("--bar", `var(--series-${1 + (i % BAR_COLOURS)})`);
    const share = `${percent((100 * number) / sum)} · ${plain(number / seconds)}/s`;
    const label = brief(name.replace(/^event\./, ""));
    return el("li", null, el("span", { class: "label", title: name }, label), el("span", { class: "figure" }, share), bar);
  });
  find("events").replaceChildren(...bars);
}

const NONE = "No batch so far.";

export function batchTable(home) {
  const table = new Table("Newest batches", [["Time", "time"], ["Producer", "name"], ["First metric", "name"], ["Metrics", "number"], ["Seq", "number"]]);
  home.append(table.home);
  table.show([], NONE);
  return (batches) => table.show(batches.map(batchItem), NONE);
}

function batchItem({ received, producer, run, seq, metrics }) {
  const [first] = metrics;
  const shown = `${first.name} ${valueOf(first.name, first.value)}`;
  return {
    key: `${run} ${producer} ${seq}`,
    cells: [
      clock(received), { text: brief(producer, 24), title: producer }, { text: brief(shown, 40), title: shown },
      String(metrics.length), String(seq),
    ],
  };
}

/** Rows of aggregates shown; names come from strangers and may be thousands. */
const AGGREGATES_SHOWN = 40;

export function aggregateTable(home, more) {
  const heads = ["Name", ...["Count", "Mean", "Lowest", "Highest", "Last"].map((head) => [head, "number"])];
  const table = new Table("Aggregates since the server’s start", heads);
  home.append(table.home);
  return (aggregates) => {
    table.show(aggregates ? mostCounted(aggregates.names).map(aggregateItem) : [], whyNone(aggregates));
    say(more, aggregates ? leftOut(aggregates) : "");
  };
}

/** The log of some pipelines keeps none: that is a store's work. */
const whyNone = (aggregates) =>
  aggregates ? "Nothing was aggregated so far." : "This pipeline’s log is not in memory and keeps no aggregates.";

function mostCounted(names) {
  const most = names.toSorted((a, b) => b.count - a.count || a.name.localeCompare(b.name));
  return most.slice(0, AGGREGATES_SHOWN);
}

function aggregateItem({ name, count: number, sum, min, max, last }) {
  const values = [sum / number, min, max, last].map((value) => valueOf(name, value));
  return { key: name, cells: [{ text: brief(name), title: name }, count(number), ...values] };
}

function leftOut({ names, overflow }) {
  const hidden = names.length - AGGREGATES_SHOWN;
  const parts = [];
  if (hidden > 0) parts.push(`${count(hidden)} more names are not listed.`);
  if (overflow > 0) parts.push(`${count(overflow)} values had a name beyond the server's limit.`);
  return parts.join(" ");
}
