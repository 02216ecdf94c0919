// The share of each type of event in a range; of each name, where every metric is shown. Without
// filters the service's summary knows them; with filters by attribute each type is counted by itself.

import { el, say } from "../dom.js";
import { brief, count, percent } from "../format.js";
import { address as link } from "../views.js";
import { bar } from "./bars.js";
import { address, json } from "./client.js";
import { attributePairs, nameFilter, pairsOf } from "./link.js";

/** Types listed, and counted one by one with filters. */
const LISTED = 12;

/** { home, ask(asked, range, skip, signal), clear() }; `ask` answers the names of all types.
    `fail(refused)` says why there are none. */
export function shares() {
  const title = el("h2", null, "Types");
  const hint = el("p", { class: "hint" });
  const list = el("ul", { class: "bars" });
  const more = el("p", { class: "hint" });
  const part = { title, hint, list, more };
  return {
    home: el("section", { class: "card shares" }, title, hint, list, more),
    ask: async (asked, range, skip, signal) => {
      const answer = await found(asked, range, skip, signal);
      show(part, asked, answer);
      return answer.all;
    },
    fail: ({ message }) => clear(part, message),
    clear: () => clear(part, ""),
  };
}

function clear({ list, hint, more }, why) {
  list.replaceChildren();
  say(hint, why);
  say(more, "");
}

/** { items: [{ name, count }], others: { types, count }, filtered, all }, most first. */
async function found(asked, { from_ms, to_ms }, skip, signal) {
  const when = [["from", from_ms], ["to", to_ms], ["cache", skip ? "skip" : ""]];
  const { names, events } = await json(address("v1/summary", when), signal);
  const all = asked.kind === "all" ? names : events.types.map(({ type, count: number }) => ({ name: type, count: number }));
  const ordered = all.map(({ name, count: number }) => ({ name, count: number })).toSorted((a, b) => b.count - a.count);
  const [items, rest] = [ordered.slice(0, LISTED), ordered.slice(LISTED)];
  const filters = attributePairs(asked.attributes).pairs;
  // One after the other: half of the service's seats taken would make every answer coarser.
  for (const item of filters.length > 0 ? items : []) {
    const pairs = [...when, ["name", nameFilter({ ...asked, name: item.name })], ["values", "count"], ...filters];
    const { rows } = await json(address("v1/metrics/aggregate", pairs), signal);
    item.count = rows[0]?.count ?? 0;
  }
  const others = { types: rest.length, count: rest.reduce((sum, one) => sum + one.count, 0) };
  const shown = items.filter((item) => item.count > 0).toSorted((a, b) => b.count - a.count);
  return { items: shown, others, filtered: filters.length > 0, all: ordered.map(({ name }) => name) };
}

function show({ title, hint, list, more }, asked, { items, others, filtered }) {
  const [one, many] = asked.kind === "all" ? ["name", "names"] : ["type", "types"];
  say(title, asked.kind === "all" ? "Names" : "Types");
  const of = filtered ? "What has these attributes in this range" : "Everything in this range, by whole minutes";
  say(hint, `${of}; a ${one} leads to its rows.`);
  const all = items.reduce((sum, item) => sum + item.count, 0) + (filtered ? 0 : others.count);
  const most = Math.max(1, ...items.map((item) => item.count));
  list.replaceChildren(...items.map((item, i) => bar({
    label: linked(item.name, asked), figure: `${percent((100 * item.count) / all)} · ${count(item.count)}`, share: item.count / most,
  }, i)));
  if (items.length === 0) list.append(el("li", { class: "empty" }, "None."));
  const counted = filtered ? "not counted here" : `${count(others.count)} in all`;
  say(more, others.types > 0 ? `${count(others.types)} rarer ${many}: ${counted}.` : "");
}

/** Leads to the rows of a type; from those back to the rows of all. The service takes an empty type
    as none. */
function linked(name, asked) {
  if (name === "") return "without a type";
  const chosen = asked.name === name;
  const where = link("events", "", pairsOf({ ...asked, name: chosen ? "" : name, cursor: "" }));
  return el("a", { href: where, title: name, "aria-current": chosen ? "true" : null }, brief(name));
}
