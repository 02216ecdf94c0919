// Where a range holds nothing: when the newest is that the store does have, and a way there. The
// times of metrics are their senders', who may live in another year (fake producers do).

import { el } from "../dom.js";
import { address as link } from "../views.js";
import { json } from "./client.js";
import { pairsOf } from "./link.js";
import { moment, zoneName } from "./range.js";

const MINUTE_MS = 60_000;
/** What is shown before the newest minute. */
const BEFORE_MS = 60 * MINUTE_MS;

/** { home, ask(view, asked, filter, signal), clear() }; `filter` is a name, the beginning of names
    with `*`, or empty. */
export function elsewhere() {
  const home = el("p", { class: "hint" });
  return {
    home,
    ask: async (view, asked, filter, signal) => show(home, view, asked, await newest(filter, signal), filter),
    clear: () => home.replaceChildren(),
  };
}

/** The newest minute that has one of these names; nothing where the store has none. */
async function newest(filter, signal) {
  const { names } = await json("v1/summary", signal);
  const fits = ({ name }) => (filter.endsWith("*") ? name.startsWith(filter.slice(0, -1)) : filter === "" || name === filter);
  return names.filter(fits).reduce((last, one) => Math.max(last, one.last), -Infinity);
}

function show(home, view, asked, last_ms, filter) {
  const what = filter === "" || filter.endsWith("*") ? "of these" : "of this name";
  if (last_ms === -Infinity) return home.replaceChildren(`The store has none ${what} at any time.`);
  const [from, to] = [Math.max(0, last_ms - BEFORE_MS), last_ms + MINUTE_MS].map((ms) => new Date(ms).toISOString());
  const where = link(view, "", pairsOf({ ...asked, range: { from, to }, cursor: "" }));
  const when = `${moment(last_ms, asked.zone).slice(0, -":00".length)}, ${zoneName(asked.zone)}`;
  home.replaceChildren(`The newest ${what} in the store is of ${when}. `, el("a", { href: where }, "Show the hour before it"));
}
