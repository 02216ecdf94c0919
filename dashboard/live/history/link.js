// What a link to History or Events says, and what is asked of the service for it. The part of the
// address behind `#` is the only place where a view's choice is kept: a form writes it, a view reads
// it, and whoever opens the link sees the same. No DOM here.

import { readRange } from "./range.js";
import { BUCKETS, FIGURES, usualFigures } from "./series.js";

/** Rows of one page of the log that may be chosen. */
export const LIMITS = [25, 50, 100, 500];
const LIMIT = 50;
/** How a link spells the range without a beginning: empty values are left out of links. */
const EVERYTHING = "all";
const ATTRIBUTE = "attr.";

/** Attributes of a form: { host, user, others }, the last one `key=value` by line; and back. */
export function attributesOf(params) {
  const all = [...params].filter(([name]) => name.startsWith(ATTRIBUTE));
  const pairs = all.map(([name, value]) => [name.slice(ATTRIBUTE.length), value]);
  const one = (wanted) => pairs.find(([key]) => key === wanted)?.[1] ?? "";
  const others = pairs.filter(([key]) => key !== "host" && key !== "user");
  return { host: one("host"), user: one("user"), others: others.map((pair) => pair.join("=")).join("\n") };
}

/** As parameters; or { fault } where a line is no `key=value`. */
export function attributePairs({ host = "", user = "", others = "" }) {
  const pairs = [["attr.host", host.trim()], ["attr.user", user.trim()]];
  for (const line of others.split("\n").filter((text) => text.trim() !== "")) {
    const [, key, value] = /^\s*([^=]+?)\s*=\s*(.+?)\s*$/.exec(line) ?? [];
    if (key === undefined) return { fault: `"${line.trim()}" is not key=value` };
    pairs.push([`${ATTRIBUTE}${key}`, value]);
  }
  return { pairs: pairs.filter(([, value]) => value !== "") };
}

function range(params) {
  const from = params.get("from") ?? "-1d";
  return readRange(from === EVERYTHING ? "" : from, params.get("to") ?? "");
}

/** Everything that a link to the log says. */
export function readLog(params) {
  const limit = Number(params.get("limit"));
  return {
    kind: params.get("kind") === "all" ? "all" : "events",
    name: params.get("name") ?? "",
    attributes: attributesOf(params),
    range: range(params),
    zone: params.get("zone") === "utc" ? "utc" : "local",
    limit: LIMITS.includes(limit) ? limit : LIMIT,
    cursor: params.get("cursor") ?? "",
  };
}

/** Everything that a link to a history chart says. */
export function readHistory(params) {
  const known = (list, text, first) => (list.some(([one]) => one === text) ? text : first);
  const name = params.get("name") ?? "";
  return {
    name,
    values: known(FIGURES, params.get("values"), usualFigures(name)),
    // Empty: whatever fits the range; `all`: one for the whole range.
    bucket: known([...BUCKETS, ["all"]], params.get("bucket"), ""),
    group_by: params.get("group_by") ?? "",
    attributes: attributesOf(params),
    range: range(params),
    zone: params.get("zone") === "utc" ? "utc" : "local",
  };
}

/** A view's choice as pairs of a link; what goes without saying is empty, and left out. */
export function pairsOf(choice) {
  const { kind, name, values, bucket, group_by, limit, cursor, zone } = choice;
  const { from, to } = choice.range;
  return [
    ["kind", kind === "all" ? "all" : ""], ["name", name], ["values", values ?? ""], ["bucket", bucket ?? ""],
    ["group_by", group_by ?? ""], ...attributePairs(choice.attributes).pairs,
    ["from", from === "" ? EVERYTHING : from], ["to", to], ["zone", zone === "utc" ? "utc" : ""],
    ["limit", !limit || limit === LIMIT ? "" : String(limit)], ["cursor", cursor ?? ""],
  ].filter(([, value]) => value !== "");
}

/** Path and parameters of a page of the log. `fixed` is the range of an answer, in place of one that
    moves with the clock. */
export function askLog({ kind, name, attributes, range: { from, to }, limit, cursor }, fixed) {
  const when = fixed ? [["from", fixed.from_ms], ["to", fixed.to_ms]] : [["from", from], ["to", to]];
  const named = kind === "all" ? ["name", name] : ["type", name];
  const pairs = [...when, named, ...attributePairs(attributes).pairs, ["limit", limit], ["cursor", cursor]];
  return { path: kind === "all" ? "v1/metrics" : "v1/events", pairs };
}

/** The name filter that means the same for aggregates, which know no types. */
export function nameFilter({ kind, name }) {
  if (kind === "all") return name;
  return name === "" ? "event.*" : `event.${name}`;
}
