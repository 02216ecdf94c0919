// The view of one host, #host=NAME: since when it is silent, its metrics as charts and figures, its
// events, and what was found about it. Without a name, #host, a list to choose from (host-list.js).

import { alertItems, alertTable, singleItems } from "./alert-rows.js";
import { Panel, paced } from "./charts.js";
import { el, say } from "./dom.js";
import { SECONDS_SHOWN } from "./fleet.js";
import { ago, brief, clock, count, plain, valueOf } from "./format.js";
import { HostList } from "./host-list.js";
import { Table } from "./table.js";
import { address } from "./views.js";

/** Metrics that get a chart; the table lists more. */
const CHARTS_MAX = 12;
/** Metrics listed. */
const METRICS_SHOWN = 60;
/** Alerts listed of each kind. */
const FOUND_SHOWN = 20;

let parts = null;
let live = null;
let theme = null;
let name = "";
let panels = new Map();
/** When the host was heard last, of what is shown. */
let shown_until = 0;

export function show(container, { subject, params, page }) {
  [live, theme] = [page.live, page.theme];
  parts ??= build(container);
  if (subject !== name) clear();
  name = subject;
  parts.list.show(name, params.get("q") ?? "", live.intake.hosts);
  parts.one.hidden = name === "";
  tick();
}

export function hide() {
  clear();
}

export function tick() {
  parts.list.refresh(live);
  if (name !== "") refresh();
}

export function draw() {
  if (name === "") return;
  const host = live.intake.hosts.get(name);
  drawPanels(host);
  // What it just said is shown at once.
  if (host && host.heard !== shown_until) refresh();
}

const drawPanels = paced((host) => {
  const now = live.intake.fleet.now();
  for (const panel of panels.values()) panel.draw(points(host?.metrics.get(panel.metric), now));
});

/** What a chart draws: x is seconds before now. */
function points(series, now) {
  const all = (series?.points() ?? []).map(({ at, value }) => {
    return { x: Math.min(0, (at - now) / 1000), mean: value, lowest: value, highest: value };
  });
  return all.filter(({ x }) => x >= -SECONDS_SHOWN);
}

function clear() {
  for (const panel of panels.values()) panel.remove();
  panels = new Map();
}

const card = (title, ...content) => el("section", { class: "card half" }, el("h3", null, title), content);

function build(container) {
  const list = new HostList();
  const title = el("h2", { class: "name" });
  const state = el("span", { class: "chip", "data-fine": "true" });
  const links = el("p", { class: "hint" });
  const charts = el("div", { class: "charts small-charts" });
  const more = el("p", { class: "hint" });
  const metrics = new Table("Metrics of this host", ["Metric", ["Last", "number"], ["Mean", "number"], ["Lowest", "number"], ["Highest", "number"], ["Heard", "number"]]);
  const events = new Table("Events of this host", [["Time", "time"], ["Type", "name"], ["Attributes", "name"]]);
  const [spikes, alerts] = [alertTable("Spikes of this host"), alertTable("Alerts of the server about this host")];
  const told = card("Alerts of the server", alerts.home);
  const one = el("div", { class: "view one-host", hidden: true },
    el("div", { class: "host-head" }, title, state, links), charts, more,
    card("Last values", metrics.home), card("Events", events.home),
    card("Spikes found by this page", spikes.home), told);
  container.append(list.home, one);
  return { list, one, title, state, links, charts, more, metrics, events, spikes, alerts, told };
}

function refresh() {
  const { intake: { hosts, fleet, alerts }, detector, may_have_history } = live;
  const [host, now] = [hosts.get(name), fleet.now()];
  shown_until = host?.heard;
  say(parts.title, name);
  showState(host, now);
  showLinks(may_have_history);
  showMetrics(host, now);
  parts.events.show(eventItems(host?.events ?? []), "No events of it were heard.");
  const found = alerts.single.filter((spike) => spike.host === name).slice(0, FOUND_SHOWN);
  parts.spikes.show(singleItems(found), "None so far.");
  parts.told.hidden = !detector.is_there;
  const told = detector.rows.filter((alert) => alert.host === name).slice(0, FOUND_SHOWN);
  parts.alerts.show(alertItems(told), "None that are remembered.");
}

function showState(host, now) {
  const [text, fine] = stateOf(host, now);
  say(parts.state, text);
  parts.state.dataset.fine = fine;
}

/** In words, and whether all is well. Without a connection nobody knows. */
function stateOf(host, now) {
  if (!live.is_live) return ["No connection: what it does now is not known", "unknown"];
  if (!host) return [neverHeard(), "unknown"];
  const { ago_ms, silent } = host.silence(now);
  const rate = `${plain(host.rate.rate(Math.floor(now / 1000)) * live.flow.host_factor)} metrics/s`;
  return silent ? [`Silent since ${ago(ago_ms)}`, "false"] : [`Reports: ${rate}, heard ${ago(ago_ms)} ago`, "true"];
}

function neverHeard() {
  const part = live.flow.factor > 1 ? "; only a part of the hosts is shown here now" : "";
  return `Not heard since this page was opened${part}`;
}

function showLinks(may_have_history) {
  if (parts.links.childElementCount > 0 && parts.links.dataset.host === name) return;
  parts.links.dataset.host = name;
  const attribute = { "attr.host": name };
  const all = el("a", { href: address("host") }, "All hosts");
  const stored = el("a", { href: address("events", "", { kind: "all", ...attribute }) }, "Its stored metrics and events");
  parts.links.replaceChildren(all, ...(may_have_history ? [" · ", stored] : []));
}

function showMetrics(host, now) {
  const all = [...(host?.metrics ?? [])].slice(0, METRICS_SHOWN);
  for (const [metric] of all.slice(0, CHARTS_MAX)) {
    if (!panels.has(metric)) panels.set(metric, new Panel(parts.charts, metric, theme, { single: true }));
  }
  for (const [metric, panel] of panels) {
    if (host?.metrics.has(metric)) continue;
    panel.remove();
    panels.delete(metric);
  }
  const undrawn = (host?.metrics.size ?? 0) - panels.size;
  say(parts.more, undrawn > 0 ? `${count(undrawn)} more metrics have no chart.` : "");
  parts.metrics.show(all.map(([metric, series]) => metricItem(metric, series, now)), "No metrics of it were heard.");
}

function metricItem(metric, series, now) {
  const { mean, lowest, highest } = series.range();
  const values = [series.last, mean, lowest, highest].map((value) => valueOf(metric, value));
  return { key: metric, cells: [{ text: brief(metric), title: metric }, ...values, `${ago(now - series.heard)} ago`] };
}

function eventItems(events) {
  return events.map(({ key, name: type, received, attributes }) => {
    const pairs = Object.entries(attributes ?? {}).filter(([word]) => word !== "host");
    const text = pairs.map(([word, value]) => `${word}=${value}`).join(" ");
    const short = type.replace(/^event\./, "");
    return { key, cells: [clock(received), { text: brief(short), title: type }, { text: brief(text, 60), title: text }] };
  });
}
