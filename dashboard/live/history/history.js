// The view of history: one metric, or all whose names begin alike, over a range of time, by buckets
// and by attribute, as a chart with a table behind it. Everything that was chosen stands in the
// address (link.js). Read link.js, series.js and chart.js next.

import { el, say } from "../dom.js";
import { address as link } from "../views.js";
import { chartOf } from "./answer.js";
import { Turn, address, json, settled } from "./client.js";
import { elsewhere } from "./elsewhere.js";
import { exportControl } from "./export-control.js";
import { attributeFilters, choices, choosing, labelled, suggested } from "./filters.js";
import { KeepingUp } from "./keeping-up.js";
import { attributePairs, pairsOf, readHistory } from "./link.js";
import { inWords } from "./range.js";
import { rangeControl } from "./range-control.js";
import { ANSWERS_MAX, BUCKETS, FIGURES, bucketFor, usualFigures } from "./series.js";
import { lasting, told } from "./told.js";

/** Rows that are looked at for the attributes that a metric has. */
const LOOKED_AT = 25;

const turn = new Turn();
const keeping_up = new KeepingUp(() => ask());
let parts = null;
let choice = null;

export function show(container, { params, page }) {
  parts ??= make(container, page);
  choice = readHistory(params);
  showForm();
  ask();
}

export function hide() {
  turn.end();
  parts.files.cancel();
}

export function tick() {
  keeping_up.tick();
}

function make(container, page) {
  const made = { form: historyForm(), chart: chartOf(page.theme), files: exportControl(), elsewhere: elsewhere() };
  const status = el("p", { class: "answer", role: "status" });
  const again = el("button", { type: "button", onclick: () => ask(true) }, "Ask the store");
  const title = el("h2", null, "Chart");
  container.append(
    el("section", { class: "card" }, el("h2", null, "Stored metrics"), made.form.home),
    el("section", { class: "card" }, title, el("div", { class: "answered" }, status, again), made.chart.home, made.elsewhere.home, made.files.home),
  );
  return { ...made, status, title };
}

function historyForm() {
  const name = suggested("history", "name", { placeholder: "cpu.usage" });
  const values = choices("values", FIGURES);
  const bucket = choices("bucket", []);
  const group = suggested("history", "group_by", { placeholder: "nothing" });
  const attributes = attributeFilters("history");
  const range = rangeControl("history");
  const home = el("form", { class: "chooser", novalidate: true, autocomplete: "off" },
    el("div", { class: "fields" }, labelled("Name", name.input, { hint: "or cpu.*" }), name.list, labelled("Figure", values),
      labelled("Bucket", bucket), labelled("By attribute", group.input), group.list, attributes.nodes),
    range.home, el("p", { class: "buttons" }, el("button", { type: "submit" }, "Show"), keeping_up.home));
  choosing(home, () => {
    const [wanted, when] = [attributes.read(), range.read()];
    if (wanted.fault || when.fault) return;
    const figure = { values: values.value, bucket: bucket.value, group_by: group.input.value.trim() };
    go({ name: name.input.value.trim(), ...figure, ...wanted, ...when });
  });
  return { home, name, values, bucket, group, attributes, range };
}

function showForm() {
  const { name, values, bucket, group, attributes, range } = parts.form;
  const widths = BUCKETS.map(([text, ms]) => [text, lasting(ms)]);
  const fitting = ["", `what fits (${lasting(new Map(BUCKETS).get(bucketFor(choice.range)))})`];
  bucket.replaceChildren(...[fitting, ...widths, ["all", "the whole range"]].map(([value, text]) => el("option", { value }, text)));
  [name.input.value, values.value, bucket.value, group.input.value] = [choice.name, choice.values, choice.bucket, choice.group_by];
  attributes.show(choice.attributes);
  range.show(choice);
  keeping_up.offer(choice.range.to === "");
}

/** To the link of another choice; the same once more asks once more. */
function go(change) {
  const next = link("history", "", pairsOf({ ...choice, ...change }));
  if (next === location.hash) ask();
  else location.hash = next;
}

async function ask(skip = false) {
  const signal = turn.next();
  keeping_up.asked();
  parts.chart.home.setAttribute("aria-busy", "true");
  await settled(askChart(skip, signal), signal, showFault);
  if (signal.aborted) return;
  parts.chart.home.removeAttribute("aria-busy");
  // Suggestions may be missing, and a chart is worth as much.
  await settled(suggestAttributes(choice, signal), signal, () => {});
}

/** The names are asked for first only where there is none yet. */
async function askChart(skip, signal) {
  if (choice.name === "") {
    const [first] = await suggestNames(signal);
    if (first === undefined) return showNothing(signal);
    chooseName(first);
  }
  await askSeries(choice, skip, signal);
}

/** Names that have values in the range, most first. */
async function suggestNames(signal) {
  const { from, to } = choice.range;
  const { names } = await json(address("v1/summary", [["from", from], ["to", to]]), signal);
  const ordered = names.toSorted((a, b) => b.count - a.count).map(({ name }) => name);
  parts.form.name.suggest(ordered);
  return ordered;
}

/** A link without a name is one to the name that has most values. */
function chooseName(name) {
  choice = { ...choice, name, values: usualFigures(name) };
  history.replaceState(null, "", link("history", "", pairsOf(choice)));
  showForm();
}

async function askSeries(asked, skip, signal) {
  const { name, values, group_by, attributes, range: { from, to } } = asked;
  const bucket = asked.bucket === "all" ? "" : asked.bucket || bucketFor(asked.range);
  // The number orders groups; the mean is what a server under load tells in place of percentiles.
  const figures = [...new Set([...values.split(","), "avg", "count"])].join(",");
  const pairs = [["from", from], ["to", to], ["name", name], ["values", figures], ["bucket", bucket],
    ["group_by", group_by], ...attributePairs(attributes).pairs, ["limit", ANSWERS_MAX]];
  const answer = await json(address("v1/metrics/aggregate", [...pairs, ["cache", skip ? "skip" : ""]]), signal);
  showAnswer(asked, answer, new Map(BUCKETS).get(bucket) ?? null);
  offer(asked, answer.range, pairs.slice(2));
  if (answer.rows.length === 0) await parts.elsewhere.ask("history", asked, name, signal);
}

function showAnswer(asked, answer, asked_ms) {
  const { text, worse } = told(answer, asked_ms);
  say(parts.title, asked.name);
  parts.status.dataset.worse = worse;
  say(parts.status, `${inWords(answer.range, asked.zone)}. ${text}`);
  parts.chart.show(asked, answer);
  parts.elsewhere.clear();
}

/** Names; and what a metric can be grouped by and filtered with: what its newest rows have. */
async function suggestAttributes({ name, range: { from, to } }, signal) {
  await suggestNames(signal);
  const pairs = [["from", from], ["to", to], ["name", name], ["limit", LOOKED_AT]];
  const { rows } = await json(address("v1/metrics", pairs), signal);
  parts.form.attributes.suggest(rows);
  parts.form.group.suggest(rows.flatMap(({ attributes }) => Object.keys(attributes)));
}

async function showNothing(signal) {
  parts.status.dataset.worse = false;
  say(parts.status, "The store holds no metrics of this range.");
  clear();
  await parts.elsewhere.ask("history", choice, "", signal);
}

function showFault(error) {
  parts.status.dataset.worse = true;
  say(parts.status, error.message);
  // Whoever logs in again goes on with what was shown.
  if (error.status !== 401) clear();
}

function clear() {
  parts.chart.clear();
  parts.elsewhere.clear();
  parts.files.offer([]);
}

function offer({ name }, range, pairs) {
  const when = [["from", range.from_ms], ["to", range.to_ms]];
  const one = { what: name.replace(/[^\w.-]+/g, "-").slice(0, 60), range, most: 1, where: address("v1/metrics/aggregate", [...when, ...pairs]) };
  parts.files.offer(["csv", "json"].map((format) => ({ ...one, format, text: `This chart, ${format.toUpperCase()}` })));
}
