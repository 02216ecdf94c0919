// What a history chart draws: buckets and their widths, the figures that may be asked for, and the
// rows of an answer as series. No DOM here; read chart.js next.

import { length } from "./range.js";

/** Widths that may be chosen: the service's spelling and milliseconds. */
export const BUCKETS = [
  ["1s", 1_000], ["5s", 5_000], ["10s", 10_000], ["30s", 30_000],
  ["1m", 60_000], ["5m", 300_000], ["10m", 600_000], ["30m", 1_800_000],
  ["1h", 3_600_000], ["3h", 10_800_000], ["6h", 21_600_000], ["1d", 86_400_000], ["7d", 604_800_000],
];
/** Buckets that a chart of its own choice aims at: a few pixels each on a phone. */
const BUCKETS_AIM = 120;
/** Answers asked for at most; the service takes no more. */
export const ANSWERS_MAX = 10_000;
/** Lines in one chart: as many colours as people tell apart. */
export const SERIES_MAX = 6;

/** What may be chosen: parameters of the service, and their names for people. All of one choice
    are of one unit, so that they share a scale. */
export const FIGURES = [
  ["avg", "mean"],
  ["avg,min,max", "mean, lowest, highest"],
  ["min", "lowest"],
  ["max", "highest"],
  ["sum", "sum"],
  ["count", "number of metrics"],
  ["p50", "median (p50)"],
  ["p95", "slow 5 % (p95)"],
  ["p99", "slow 1 % (p99)"],
  ["p50,p95,p99", "p50, p95 and p99"],
];

/** One figure as people say it. */
export const figureName = (figure) => ({ avg: "mean", min: "lowest", max: "highest", count: "number" })[figure] ?? figure;

/** What is asked for where nobody chose: events are counted, other metrics have values. */
export const usualFigures = (name) => (name.startsWith("event.") ? "count" : "avg,min,max");

/** Figures of a bucket in which nothing was: none were counted, and their sum is nothing. */
const NOTHING = { count: 0, sum: 0 };

/** The width that fits a range: "" means one bucket for all of it. */
export function bucketFor(range) {
  const length_ms = length(range);
  if (length_ms === null) return "1d";
  const fitting = BUCKETS.find(([, ms]) => length_ms / ms <= BUCKETS_AIM);
  return (fitting ?? BUCKETS.at(-1))[0];
}

/** Rows of an answer as series { name, points: [{ x, y }] }, most metrics first; `y` is null where
    there was nothing to measure. At most SERIES_MAX; `left_out` counts the others. */
export function seriesOf({ rows, bucket_ms, range }, figures, grouped) {
  const groups = new Map();
  for (const row of rows) {
    const known = groups.get(row.group);
    if (known) known.push(row);
    else groups.set(row.group, [row]);
  }
  const size = (found) => found.reduce((sum, row) => sum + (row.count ?? 1), 0);
  const ordered = [...groups].toSorted(([, a], [, b]) => size(b) - size(a));
  const times = bucket_ms ? starts(rows, bucket_ms, range) : null;
  const all = ordered.flatMap(([group, found]) => figures.map((figure) => ({
    name: nameOf(group, figure, figures, grouped), points: points(found, figure, times),
  })));
  return { series: all.slice(0, SERIES_MAX), left_out: Math.max(0, all.length - SERIES_MAX) };
}

function nameOf(group, figure, figures, grouped) {
  if (!grouped) return figureName(figure);
  const name = group ?? "without it";
  return figures.length > 1 ? `${name}, ${figureName(figure)}` : name;
}

/** Starts of all buckets from the first to the last that may have metrics; nothing where they are
    more than an answer could hold. */
function starts(rows, bucket_ms, range) {
  if (rows.length === 0) return [];
  const first = range.from_ms > 0 ? range.from_ms - (range.from_ms % bucket_ms) : rows[0].start;
  const number = Math.ceil((range.to_ms - first) / bucket_ms);
  return number > ANSWERS_MAX ? null : Array.from({ length: number }, (_, i) => first + i * bucket_ms);
}

function points(rows, figure, times) {
  const found = new Map(rows.map((row) => [row.start, row[figure] ?? null]));
  const empty = NOTHING[figure] ?? null;
  return (times ?? [...found.keys()]).map((x) => ({ x, y: found.has(x) ? found.get(x) : empty }));
}
