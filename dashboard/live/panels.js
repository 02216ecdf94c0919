// Everything on the page that is text and tables. What comes from metrics enters by `textContent`
// only, so a metric's name can never become markup.

import { brief, bytes, bytesPerSecond, clock, count, percent, plain } from "./format.js";

const find = (id) => document.getElementById(id);

/** How a metric's values are written; other names are plain numbers. */
const FORMATS = {
  "cpu.usage": percent, "disk.usage": percent, "memory.used": bytes,
  "disk.io": bytesPerSecond, "network.rx": bytesPerSecond, "network.tx": bytesPerSecond,
};

export const valueOf = (name, value) => (FORMATS[name] ?? plain)(value);

/** Sets text only when it changed, so that screen readers are not told twice. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function cell(text, className, title) {
  const element = document.createElement("td");
  element.textContent = text;
  if (className) element.className = className;
  if (title && title !== text) element.title = title;
  return element;
}

/** Two lines in one cell: what matters, and below it what it is about. */
function pair(first, second, className, titles = []) {
  const element = document.createElement("td");
  element.className = className;
  for (const [i, text] of [first, second].entries()) {
    const line = document.createElement("div");
    line.textContent = text;
    if (titles[i] && titles[i] !== text) line.title = titles[i];
    if (i > 0) line.className = "small";
    element.append(line);
  }
  return element;
}

function row(...cells) {
  const element = document.createElement("tr");
  element.append(...cells);
  return element;
}

/** Rows, or one that says why there are none. */
function fill(body, rows, columns, empty) {
  if (rows.length > 0) return body.replaceChildren(...rows);
  const only = cell(empty, "empty");
  only.colSpan = columns;
  body.replaceChildren(row(only));
}

const STATES = {
  connecting: () => "Connecting …",
  live: () => "Live",
  waiting: ({ until }) => `Connection lost; next try in ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s`,
  resting: () => "Resting while this page is hidden",
  locked: () => "Waiting for a key",
};

/** The connection. A countdown is shown to the eye only: told aloud it would never stop. */
export function showState(state, lagged) {
  const text = STATES[state.name](state) + (state.name === "live" && lagged > 0 ? `, lagged by ${count(lagged)}` : "");
  find("state").dataset.state = state.name === "live" && lagged > 0 ? "lagged" : state.name;
  say(find("state-text"), text);
  say(find("state-aloud"), state.name === "waiting" ? "Connection lost, trying again" : text);
  find("retry").hidden = state.name !== "waiting";
}

export function showHealth({ fine, pipeline, text }) {
  if (pipeline) say(find("pipeline"), pipeline);
  find("health").dataset.fine = fine;
  say(find("health-text"), text);
}

export function showFigures(rates, hosts, spikes) {
  say(find("hosts"), (hosts.more ? "more than " : "") + count(hosts.number));
  say(find("spike-count"), count(spikes));
  find("welcome").hidden = hosts.number > 0;
  say(find("metrics-rate"), rates ? count(rates.metrics_per_s) : "–");
  say(find("batches-rate"), rates ? count(rates.batches_per_s) : "–");
  say(find("metrics-total"), rates ? `${count(rates.metrics)} in all` : "");
  say(find("refused"), rates?.refused ? `${count(rates.refused)} refused` : "none refused");
}

export function showThinning(text) {
  say(find("hosts-note"), text ? "in the part that is shown" : "in the last 30 s");
  find("thinning").hidden = text === "";
  say(find("thinning"), text);
}

/** Beyond it a score only says that the host was perfectly steady before. */
const SCORE_SHOWN = 999;

export function showAlerts(alerts) {
  const rows = alerts.rows.map(({ second, name, hosts, worst }) => {
    const others = hosts > 1 ? ` and ${count(hosts - 1)} more` : "";
    return row(
      cell(clock(second * 1000), "time"),
      pair(brief(name), brief(worst.host) + others, "name", [name, worst.host]),
      pair(valueOf(name, worst.value), `usually ${valueOf(name, worst.usual)}`, "number"),
      cell(worst.score > SCORE_SHOWN ? `> ${SCORE_SHOWN}\u00a0×` : `${plain(worst.score)}\u00a0×`, "number"),
    );
  });
  fill(find("alerts"), rows, 4, "No spikes so far.");
  const unlisted = alerts.unlisted > 0 ? `${count(alerts.unlisted)} more were not listed.` : "";
  say(find("unlisted"), unlisted);
}

/** Told aloud, so at most now and then: how many spikes since the last time. */
export function tellSpikes(number) {
  say(find("alerts-aloud"), number > 0 ? `${count(number)} new ${number === 1 ? "spike" : "spikes"}` : "");
}

/** Colours of the bars: the first of the theme's, which stand out from any background. */
const BAR_COLOURS = 4;

/** Event types of the last seconds as bars. */
export function showEvents(rows, seconds) {
  const sum = rows.reduce((all, { number }) => all + number, 0);
  find("events-empty").hidden = sum > 0;
  const most = Math.max(1, ...rows.map(({ number }) => number));
  const bars = rows.filter(() => sum > 0).map(({ name, number }, i) => {
    const item = document.createElement("li");
    const [label, figure, bar] = ["span", "span", "span"].map((tag) => document.createElement(tag));
    label.className = "label";
    label.textContent = brief(name.replace(/^event\./, ""));
    label.title = name;
    figure.className = "figure";
    figure.textContent = `${percent((100 * number) / sum)} · ${plain(number / seconds)}/s`;
    bar.className = "bar";
    bar.style.setProperty("--share", `${(100 * number) / most}%`);
    bar.style.setProperty("--bar", `var(--series-${1 + (i % BAR_COLOURS)})`);
    item.append(label, figure, bar);
    return item;
  });
  find("events").replaceChildren(...bars);
}

export function showBatches(batches) {
  const rows = batches.map(({ received, producer, seq, metrics }) => {
    const [first] = metrics;
    const shown = `${first.name} ${valueOf(first.name, first.value)}`;
    return row(
      cell(clock(received), "time"),
      cell(brief(producer, 24), "name", producer),
      cell(brief(shown, 40), "name", shown),
      cell(String(metrics.length), "number"),
      cell(String(seq), "number"),
    );
  });
  fill(find("batches"), rows, 5, "No batch so far.");
}

/** The log of this pipeline keeps none: that is a store's work. */
export function showNoAggregates() {
  fill(find("aggregates"), [], 6, "This pipeline’s log is not in memory and keeps no aggregates.");
  say(find("aggregates-more"), "");
}

/** Rows of aggregates shown; names come from strangers and may be thousands. */
const AGGREGATES_SHOWN = 40;

export function showAggregates({ names, overflow }) {
  const most = names.toSorted((a, b) => b.count - a.count || a.name.localeCompare(b.name));
  const rows = most.slice(0, AGGREGATES_SHOWN).map(({ name, count: number, sum, min, max, last }) => row(
    cell(brief(name), "name", name),
    cell(count(number), "number"),
    ...[sum / number, min, max, last].map((value) => cell(valueOf(name, value), "number")),
  ));
  fill(find("aggregates"), rows, 6, "Nothing was aggregated so far.");
  const hidden = names.length - rows.length;
  const parts = [];
  if (hidden > 0) parts.push(`${count(hidden)} more names are not listed.`);
  if (overflow > 0) parts.push(`${count(overflow)} values had a name beyond the server's limit.`);
  say(find("aggregates-more"), parts.join(" "));
}
