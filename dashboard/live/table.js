// A table whose rows change while somebody reads it: a row that stays keeps its elements, so that
// focus, selection and pointer stay where they are. Text is only ever text.

import { el, say } from "./dom.js";

export class Table {
  /** The element to put somewhere: it scrolls by itself, and a keyboard reaches it. */
  home;
  #body = el("tbody");
  #kinds;
  #rows = new Map();
  #empty;

  /** `heads`: texts, or [text, class of the column]. */
  constructor(label, heads) {
    const pairs = heads.map((head) => [head].flat());
    this.#kinds = pairs.map(([, kind]) => kind);
    const cells = pairs.map(([text, kind]) => el("th", { scope: "col", class: kind }, text));
    const rows = el("table", null, el("thead", null, el("tr", null, cells)), this.#body);
    this.home = el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label }, rows);
    this.#empty = el("tr", null, el("td", { class: "empty", colspan: pairs.length }));
  }

  /** Whether somebody points at it or is in it: a ranking should stand still then. */
  get is_read() {
    return this.#body.matches(":hover, :focus-within");
  }

  /** items: [{ key, cells }], a cell being text or { text, title, href, small, data }. Cells of a
      column are of one shape. `empty` says why there are none. */
  show(items, empty) {
    const keys = new Set(items.map(({ key }) => key));
    for (const [key, { row }] of this.#rows) {
      if (keys.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    say(this.#empty.firstChild, empty);
    if (items.length === 0) return this.#body.replaceChildren(this.#empty);
    this.#empty.remove();
    items.forEach((item, i) => this.#place(item, i));
  }

  #place({ key, cells }, i) {
    if (!this.#rows.has(key)) this.#rows.set(key, this.#make(cells));
    const { row, parts } = this.#rows.get(key);
    cells.forEach((cell, c) => write(parts[c], cell));
    // To move an element takes the focus from it: only what is not where it belongs.
    if (this.#body.children[i] !== row) this.#body.insertBefore(row, this.#body.children[i] ?? null);
  }

  #make(cells) {
    const parts = cells.map((cell, c) => make(cell, this.#kinds[c]));
    return { row: el("tr", null, parts.map(({ td }) => td)), parts };
  }
}

function make(cell, kind) {
  const { href, small } = shaped(cell);
  const link = href === undefined ? null : el("a");
  const second = small === undefined ? null : el("div", { class: "small" });
  const first = link ?? (second ? el("div") : null);
  const td = el("td", { class: kind }, first, second);
  return { td, first: first ?? td, second };
}

function write({ td, first, second }, cell) {
  const { text, title, href, small, small_title, data } = shaped(cell);
  say(first, text);
  entitle(first, title, text);
  if (href !== undefined && first.getAttribute("href") !== href) first.setAttribute("href", href);
  if (second) {
    say(second, small);
    entitle(second, small_title, small);
  }
  for (const [name, value] of Object.entries(data ?? {})) td.dataset[name] = value;
}

const shaped = (cell) => (typeof cell === "string" ? { text: cell } : cell);

/** The whole text where it was cut. */
function entitle(element, title, text) {
  const wanted = title === undefined || title === text ? "" : title;
  if (element.title !== wanted) element.title = wanted;
}
