// The buttons that make files of what a view shows, or of all that it would show: progress, and a way
// to stop. What they write is made by export.js.

import { count } from "../format.js";
import { el, say } from "../dom.js";
import { ROWS_MAX, fileName, gather } from "./export.js";

/** How long a browser may take to begin with a file, before its memory is given back. */
const KEPT_MS = 60_000;

/** { home, offer(choices), cancel() }. Each choice: { text, what, range, format, where, most, of }:
    a button's text, words of the file's name, the first address, how many rows at most, and how many
    there are where that is known. */
export function exportControl() {
  const buttons = el("p", { class: "buttons" });
  const bar = el("progress", { "aria-label": "Rows written" });
  const stop = el("button", { type: "button" }, "Cancel");
  const running = el("p", { class: "running", hidden: true }, bar, stop);
  const said = el("p", { class: "hint export-said", role: "status" });
  const part = { buttons, bar, stop, running, said, choices: [], controller: null };
  stop.addEventListener("click", () => cancel(part));
  return {
    home: el("div", { class: "export", role: "group", "aria-label": "Download" }, buttons, running, said),
    offer: (choices) => offer(part, choices),
    cancel: () => cancel(part),
  };
}

function cancel({ controller }) {
  controller?.abort();
}

/** Buttons stay what they are when only their texts change: somebody may be on one. */
function offer(part, choices) {
  const { buttons } = part;
  part.choices = choices;
  while (buttons.children.length > choices.length) buttons.lastChild.remove();
  for (const [i, { text }] of choices.entries()) {
    const act = () => write(part, part.choices[i]);
    if (!buttons.children[i]) buttons.append(el("button", { type: "button", onclick: act }));
    say(buttons.children[i], text);
  }
}

async function write(part, choice) {
  cancel(part);
  const controller = new AbortController();
  part.controller = controller;
  begin(part, choice);
  try {
    const { format, where, most } = choice;
    const told = (rows) => progress(part, rows, choice.of);
    const made = await gather(format, where, { most, told, signal: controller.signal });
    hand(new Blob(made.parts, { type: choice.format === "csv" ? "text/csv" : "application/json" }), name(choice));
    say(part.said, written(made, choice));
  } catch (error) {
    say(part.said, controller.signal.aborted ? "Cancelled; nothing was written." : `Nothing was written. ${error.message}`);
  } finally {
    if (part.controller === controller) end(part);
  }
}

function begin({ running, bar, said }, { of }) {
  running.hidden = false;
  bar.removeAttribute("value");
  if (of) bar.max = Math.min(of, ROWS_MAX);
  say(said, "");
}

function end({ running, stop, buttons }) {
  if (document.activeElement === stop) buttons.firstChild?.focus();
  running.hidden = true;
}

function progress({ bar, said }, rows, of) {
  if (of) bar.value = Math.min(rows, bar.max);
  say(said, of ? `${count(rows)} of ${count(of)} rows` : `${count(rows)} rows`);
}

const name = ({ what, range, format }) => fileName(what, range, format);

function written({ rows, complete }, choice) {
  const all = `${count(rows)} ${rows === 1 ? "row" : "rows"} in ${name(choice)}.`;
  const cut = !complete && choice.most === undefined;
  return cut ? `${all} A file ends at ${count(ROWS_MAX)} rows: take a shorter range for the rest.` : all;
}

function hand(blob, file) {
  const url = URL.createObjectURL(blob);
  const link = el("a", { href: url, download: file });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
