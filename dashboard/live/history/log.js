// The rows of a page of the log, and the way to older and newer ones.

import { cell, el, fill, row, say, table } from "../dom.js";
import { brief, count, valueOf } from "../format.js";
import { moment } from "./range.js";

const HEADS = ["Time", "Type", ["Value", "number"], "Attributes"];
/** Characters of one attribute that are shown; all stand in its title. */
const ATTRIBUTE_SHOWN = 60;
/** Digits of a value that is shown as it was sent. */
const DIGITS_SHOWN = 10;

/** { home, show(asked, answer, { newer }), showCount(all), clear(), onOlder, onNewer, onNewest }. */
export function logTable() {
  const rows = table("Log", HEADS);
  const button = (text) => el("button", { type: "button", disabled: true }, text);
  const [newest, newer, older] = ["Newest", "Newer", "Older"].map(button);
  const place = el("span", { class: "hint place", role: "status" });
  const pager = el("nav", { class: "pager", "aria-label": "Pages" }, newest, newer, older, place);
  const part = { rows, newest, newer, older, place, next: null };
  const when = (control, act) => control.addEventListener("click", act);
  return {
    home: el("div", { class: "rows" }, rows.home, pager),
    show: (asked, answer, more) => showRows(part, asked, answer, more),
    showCount: (all) => say(place, `${part.shown} of ${count(all)}`),
    clear: () => clear(part),
    onOlder: (act) => when(older, () => act(part.next)),
    onNewer: (act) => when(newer, act),
    onNewest: (act) => when(newest, act),
  };
}

function showRows(part, asked, { rows, cursor }, { newer }) {
  const { body, columns, home } = part.rows;
  const is_last = asked.cursor !== "" && rows.length === 0;
  const empty = is_last ? "There is nothing older." : "Nothing in this range passes these filters.";
  fill(body, rows.map((one) => line(one, asked)), columns, empty);
  home.scrollTop = 0;
  const held = document.activeElement;
  part.next = cursor;
  part.older.disabled = cursor === null;
  part.newest.disabled = asked.cursor === "";
  part.newer.disabled = !newer;
  // A disabled button cannot be left by key in every browser.
  if ([part.newest, part.newer, part.older].includes(held) && held.disabled) home.focus();
  part.shown = `${count(rows.length)} ${rows.length === 1 ? "row" : "rows"}`;
  say(part.place, part.shown);
}

function clear(part) {
  fill(part.rows.body, [], part.rows.columns, "Nothing to show.");
  for (const one of [part.newest, part.newer, part.older]) one.disabled = true;
  say(part.place, "");
}

function line({ time, name, value, attributes, producer, seq, run }, { kind, zone }) {
  const [date, clock] = moment(time, zone).split(" ");
  const shown = (kind === "all" ? "" : name.replace(/^event\./, "")) || name;
  return row(
    el("td", { class: "time" }, el("div", null, clock), el("div", { class: "small" }, date)),
    el("td", { class: "name" }, el("div", { title: name }, brief(shown)),
      el("div", { class: "small", title: `run ${run}` }, `${brief(producer, 24)} #${seq}`)),
    cell(exactly(name, value), "number", String(value)),
    el("td", { class: "attributes" }, Object.entries(attributes).map(([key, text]) => attribute(key, String(text)))),
  );
}

/** As it was sent, where that is short: a log is no chart. */
function exactly(name, value) {
  const text = String(value);
  return text.length <= DIGITS_SHOWN ? text : valueOf(name, value);
}

function attribute(key, text) {
  const shown = `${brief(key, ATTRIBUTE_SHOWN)}=${brief(text, ATTRIBUTE_SHOWN)}`;
  return el("span", { class: "attribute", title: `${key}=${text}` }, shown);
}
