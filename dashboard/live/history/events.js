// The view of stored events: a log with filters and pages, the share of each type, files of it, and
// a form that makes events. Everything that was chosen stands in the address (link.js).
// Read link.js, log.js and shares.js next.

import { el, say } from "../dom.js";
import { count } from "../format.js";
import { address as link } from "../views.js";
import { Turn, address, json, settled } from "./client.js";
import { PAGE_ROWS, ROWS_MAX } from "./export.js";
import { exportControl } from "./export-control.js";
import { elsewhere } from "./elsewhere.js";
import { attributeFilters, choices, choosing, labelled, suggested } from "./filters.js";
import { generator } from "./generator.js";
import { KeepingUp } from "./keeping-up.js";
import { LIMITS, askLog, attributePairs, nameFilter, pairsOf, readLog } from "./link.js";
import { logTable } from "./log.js";
import { inWords } from "./range.js";
import { rangeControl } from "./range-control.js";
import { shares } from "./shares.js";
import { told } from "./told.js";

const turn = new Turn();
const keeping_up = new KeepingUp(() => ask());
let parts = null;
let choice = null;
/** The page before each that was come to by "Older": the service only knows the next one. */
const before = new Map();

export function show(container, { params, page }) {
  parts ??= make(container, page);
  choice = readLog(params);
  parts.allow();
  showForm();
  ask();
}

export function hide() {
  turn.end();
  parts.files.cancel();
}

export function tick() {
  parts.allow();
  keeping_up.tick();
}

function make(container, page) {
  const made = { form: logForm(), log: logTable(), shares: shares(), files: exportControl(), elsewhere: elsewhere() };
  const status = el("p", { class: "answer", role: "status" });
  const again = el("button", { type: "button", onclick: () => ask(true) }, "Ask the store");
  const card = el("section", { class: "card log" },
    el("h2", null, "Log"), el("div", { class: "answered" }, status, again), made.elsewhere.home, made.log.home, made.files.home);
  const sent = () => ask(true);
  const form = el("section", { class: "card" }, el("h2", null, "Stored events"), made.form.home);
  const maker = generator(sent);
  container.append(form, card, made.shares.home, maker.home);
  made.log.onOlder((cursor) => {
    before.set(cursor, choice.cursor);
    go({ cursor });
  });
  made.log.onNewer(() => go({ cursor: before.get(choice.cursor) ?? "" }));
  made.log.onNewest(() => go({ cursor: "" }));
  // Who looks is known after the page, and may be another one later.
  const allow = () => maker.allow(page.may("ingest"));
  return { ...made, status, allow };
}

function logForm() {
  const kind = choices("kind", [["events", "events"], ["all", "every metric"]]);
  const name = suggested("events", "name", { placeholder: "all" });
  const attributes = attributeFilters("events");
  const range = rangeControl("events");
  const limit = choices("limit", LIMITS.map((number) => [number, String(number)]));
  const clear = el("button", { type: "button", onclick: () => go({ name: "", attributes: {}, cursor: "" }) }, "Clear filters");
  const title = el("span");
  const home = el("form", { class: "chooser", novalidate: true, autocomplete: "off" },
    el("div", { class: "fields" }, labelled("Show", kind),
      labelled(title, name.input), name.list, attributes.nodes, labelled("Rows of a page", limit)),
    range.home, el("p", { class: "buttons" }, el("button", { type: "submit" }, "Show"), clear, keeping_up.home));
  choosing(home, () => {
    const [wanted, when] = [attributes.read(), range.read()];
    if (wanted.fault || when.fault) return;
    go({ kind: kind.value, name: name.input.value.trim(), ...wanted, ...when, limit: Number(limit.value), cursor: "" });
  });
  return { home, kind, name, title, attributes, range, limit };
}

function showForm() {
  const { kind, name, title, attributes, range, limit } = parts.form;
  [kind.value, name.input.value, limit.value] = [choice.kind, choice.name, String(choice.limit)];
  say(title, choice.kind === "all" ? "Name" : "Type");
  attributes.show(choice.attributes);
  range.show(choice);
  keeping_up.offer(choice.cursor === "" && choice.range.to === "");
}

/** To the link of another choice; the same once more asks once more. */
function go(change) {
  const next = link("events", "", pairsOf({ ...choice, ...change }));
  if (next === location.hash) ask();
  else location.hash = next;
}

async function ask(skip = false) {
  const [asked, signal] = [choice, turn.next()];
  keeping_up.asked();
  parts.log.home.setAttribute("aria-busy", "true");
  const { path, pairs } = askLog(asked);
  const where = address(path, [...pairs, ["cache", skip ? "skip" : ""]]);
  const answer = await settled(json(where, signal), signal, showFault);
  if (signal.aborted) return;
  parts.log.home.removeAttribute("aria-busy");
  if (!answer) return;
  showPage(asked, answer);
  // What stands beside the rows may be missing, and they are worth as much.
  const is_empty = answer.rows.length === 0 && asked.cursor === "";
  const pointing = is_empty ? settled(parts.elsewhere.ask("events", asked, nameFilter(asked), signal), signal, () => {}) : null;
  const counting = settled(showCount(asked, answer, signal), signal, () => {});
  const sharing = settled(parts.shares.ask(asked, answer.range, skip, signal), signal, parts.shares.fail);
  const [names] = await Promise.all([sharing, counting, pointing]);
  if (names) parts.form.name.suggest(names);
}

function showPage(asked, answer) {
  const { text, worse } = told(answer);
  parts.status.dataset.worse = worse;
  say(parts.status, `${inWords(answer.range, asked.zone)}. ${text}`);
  parts.log.show(asked, answer, { newer: before.has(asked.cursor) });
  parts.form.attributes.suggest(answer.rows);
  parts.elsewhere.clear();
  offer(asked, answer.range, undefined);
}

function showFault(error) {
  parts.status.dataset.worse = true;
  say(parts.status, error.message);
  // Whoever logs in again goes on with what was shown.
  if (error.status === 401) return;
  parts.log.clear();
  parts.shares.clear();
  parts.elsewhere.clear();
  parts.files.offer([]);
}

/** How many rows pass the filters, where the service can tell. */
async function showCount(asked, { range }, signal) {
  const { from_ms, to_ms } = range;
  const pairs = [["from", from_ms], ["to", to_ms], ["name", nameFilter(asked)], ["values", "count"]];
  const where = address("v1/metrics/aggregate", [...pairs, ...attributePairs(asked.attributes).pairs]);
  const { rows } = await json(where, signal);
  const all = rows[0]?.count ?? 0;
  parts.log.showCount(all);
  offer(asked, range, all);
}

function offer(asked, range, of) {
  const here = askLog(asked, range);
  const whole = askLog({ ...asked, limit: PAGE_ROWS, cursor: "" }, range);
  const what = asked.kind === "all" ? "metrics" : "events";
  const page = { what, range, most: asked.limit };
  const formats = ["csv", "json"];
  const all = of > ROWS_MAX ? `Newest ${count(ROWS_MAX)}` : `All ${of === undefined ? "" : count(of)}`.trim();
  parts.files.offer([
    ...formats.map((format) => ({ ...page, format, text: `This page, ${format.toUpperCase()}`, where: address(here.path, here.pairs) })),
    ...formats.map((format) => ({
      what, range, of, format, text: `${all}, ${format.toUpperCase()}`, where: address(whole.path, [...whole.pairs, ["cache", "skip"]]),
    })),
  ]);
}
