// The arithmetic of Events and History without a browser: ranges in several time zones, links,
// buckets and series, marks of axes, files joined from pages, what answers and refusals say.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Refused, address, relative } from "../live/history/client.js";
import { csvRows, fileName, gather } from "../live/history/export.js";
import { batchOf } from "../live/history/generator.js";
import { askLog, attributePairs, nameFilter, pairsOf, readHistory, readLog } from "../live/history/link.js";
import { chosen, fields, inWords, length, moment, readRange } from "../live/history/range.js";
import { bucketFor, seriesOf } from "../live/history/series.js";
import { timeTicks, valueScale } from "../live/history/ticks.js";
import { lasting, told } from "../live/history/told.js";

/** Node reads the zone anew when it is set. */
function inZone(zone, test) {
  const before = process.env.TZ;
  process.env.TZ = zone;
  try {
    test();
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
}

const DAY = { from_date: "2026-11-20", from_time: "", to_date: "2026-11-21", to_time: "" };

test("the last day of a range is included, in every zone and when clocks change", () => {
  assert.deepEqual(chosen(DAY, "utc"), { from: "2026-11-20T00:00:00.000Z", to: "2026-11-22T00:00:00.000Z" });
  inZone("Asia/Kolkata", () => {
    assert.deepEqual(chosen(DAY, "local"), { from: "2026-11-19T18:30:00.000Z", to: "2026-11-21T18:30:00.000Z" });
  });
  inZone("Europe/Berlin", () => {
    const autumn = { ...DAY, from_date: "2026-10-25", to_date: "2026-10-25" };
    const range = chosen(autumn, "local");
    assert.equal(length(range), 25 * 3_600_000);
    assert.deepEqual(fields(range, "local"), autumn);
  });
});

test("a range with times ends where it says", () => {
  const timed = { ...DAY, from_time: "08:30", to_time: "17:45" };
  const range = chosen(timed, "utc");
  assert.deepEqual(range, { from: "2026-11-20T08:30:00.000Z", to: "2026-11-21T17:45:00.000Z" });
  assert.deepEqual(fields(range, "utc"), timed);
  const seconds = { from: "2026-11-20T00:00:07.000Z", to: "2026-11-21T00:00:30.000Z" };
  assert.deepEqual(chosen(fields(seconds, "utc"), "utc"), seconds);
  const told = inWords({ from_ms: Date.parse(seconds.from), to_ms: Date.parse(seconds.to) }, "utc");
  assert.equal(told, "2026-11-20 00:00:07 to 2026-11-21 00:00:30, UTC");
  assert.deepEqual(chosen({ ...DAY, to_date: "" }, "utc"), { from: "2026-11-20T00:00:00.000Z", to: "" });
  assert.equal(chosen({ ...DAY, from_date: "" }, "utc").field, "from_date");
  assert.equal(chosen({ ...DAY, from_date: "2026-11-22" }, "utc").field, "to_date");
  assert.equal(chosen({ ...DAY, to_date: "2150-01-01" }, "utc").field, "to_date");
});

test("a link says a range in every spelling of the service, and nonsense is the last day", () => {
  const last_day = { from: "-1d", to: "" };
  const check = (from, to, expected) => assert.deepEqual(readRange(from, to), expected, `${from} ${to}`);
  check("-90s", "now", { from: "-90s", to: "" });
  check("", "", { from: "", to: "" });
  check("2026-11-20", "2026-11-21", { from: "2026-11-20T00:00:00.000Z", to: "2026-11-22T00:00:00.000Z" });
  check("1767225600000", "", { from: "2026-01-01T00:00:00.000Z", to: "" });
  check("2026-01-01T02:00:00+02:00", "", { from: "2026-01-01T00:00:00.000Z", to: "" });
  for (const wrong of ["yesterday", "-1w", "99999999999999999", "<img src=x>", "2026-13-01", "2026-02-30"]) check(wrong, "", last_day);
});

test("words tell the range with its zone, and the end of a day as such", () => {
  const range = { from_ms: Date.parse("2026-11-20T00:00:00Z"), to_ms: Date.parse("2026-11-22T00:00:00Z") };
  assert.equal(inWords(range, "utc"), "2026-11-20 00:00:00 to the end of 2026-11-21, UTC");
  inZone("Asia/Kolkata", () => {
    assert.equal(inWords(range, "local"), `2026-11-20 05:30:00 to 2026-11-22 05:30:00, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`);
    assert.equal(moment(range.from_ms, "utc"), "2026-11-20 00:00:00");
  });
  assert.match(inWords({ ...range, from_ms: 0 }, "utc"), /^the first metric to /);
});

test("a choice goes into a link and comes back", () => {
  const log = {
    kind: "all", name: "cpu.*", attributes: { host: "web & 1", user: "", others: "a=b=c\nd=1" },
    range: { from: "", to: "" }, zone: "utc", limit: 100, cursor: "ab",
  };
  assert.deepEqual(readLog(new URLSearchParams(pairsOf(log))), log);
  const chart = {
    name: "x", values: "p50,p95,p99", bucket: "all", group_by: "host", attributes: { host: "", user: "u", others: "" },
    range: { from: "-1h", to: "" }, zone: "local",
  };
  assert.deepEqual(readHistory(new URLSearchParams(pairsOf(chart))), chart);
  const nothing = readLog(new URLSearchParams("limit=7&kind=x&from=junk"));
  assert.deepEqual([nothing.limit, nothing.kind, nothing.range.from], [50, "events", "-1d"]);
  assert.equal(readHistory(new URLSearchParams("name=event.click&values=junk")).values, "count");
});

test("attributes are pairs, and a line that is none is said", () => {
  const { pairs } = attributePairs({ host: " h ", user: "", others: " k = v=w \n\n" });
  assert.deepEqual(pairs, [["attr.host", "h"], ["attr.k", "v=w"]]);
  for (const others of ["novalue", "=v", "k="]) assert.ok(attributePairs({ others }).fault, others);
});

test("events are asked for by type, everything else by name", () => {
  const choice = readLog(new URLSearchParams("name=click&from=-1h&attr.user=7"));
  const asked = ({ path, pairs }) => address(path, pairs);
  assert.equal(asked(askLog(choice)), "v1/events?from=-1h&type=click&attr.user=7&limit=50");
  assert.equal(asked(askLog(choice, { from_ms: 1, to_ms: 2 })), "v1/events?from=1&to=2&type=click&attr.user=7&limit=50");
  assert.equal(asked(askLog({ ...choice, kind: "all" })), "v1/metrics?from=-1h&name=click&attr.user=7&limit=50");
  assert.equal(nameFilter(choice), "event.click");
  assert.equal(nameFilter({ kind: "events", name: "" }), "event.*");
});

test("buckets fit their range", () => {
  const check = (from, expected) => assert.equal(bucketFor({ from, to: "" }), expected, from);
  check("-60s", "1s");
  check("-15m", "10s");
  check("-1h", "30s");
  check("-1d", "30m");
  check("-7d", "3h");
  check("-3650d", "7d");
  check("", "1d");
});

test("buckets without metrics are gaps, or nothing counted", () => {
  const rows = [{ start: 0, group: null, avg: 5, count: 2 }, { start: 20, group: null, avg: 7, count: 1 }];
  const answer = { rows, bucket_ms: 10, range: { from_ms: 3, to_ms: 40 } };
  const of = (figure) => seriesOf(answer, [figure], false).series[0].points;
  assert.deepEqual(of("avg"), [{ x: 0, y: 5 }, { x: 10, y: null }, { x: 20, y: 7 }, { x: 30, y: null }]);
  assert.deepEqual(of("count").map(({ y }) => y), [2, 0, 1, 0]);
});

test("the largest groups are drawn, and the others counted", () => {
  const rows = Array.from({ length: 9 }, (_, i) => ({ start: 0, group: i === 0 ? null : `g${i}`, avg: i, count: 10 + i }));
  const { series, left_out } = seriesOf({ rows, bucket_ms: 10, range: { from_ms: 0, to_ms: 10 } }, ["avg"], true);
  assert.deepEqual(series.map(({ name }) => name), ["g8", "g7", "g6", "g5", "g4", "g3"]);
  assert.equal(left_out, 3);
});

test("marks stand at round times of the zone, and at round values", () => {
  inZone("Asia/Kolkata", () => {
    const from = Date.parse("2026-11-20T00:00:00Z");
    const ticks = timeTicks(from, from + 86_400_000, 5, "local");
    assert.deepEqual(ticks.map(({ label }) => label), ["06:00", "12:00", "18:00", "11-21"]);
    assert.equal(moment(ticks[3].x, "local"), "2026-11-21 00:00:00");
  });
  inZone("Europe/Berlin", () => {
    const from = Date.parse("2026-10-24T22:00:00Z");
    const ticks = timeTicks(from, from + 3 * 86_400_000, 4, "local");
    assert.deepEqual(ticks.map(({ x }) => moment(x, "local").slice(11)), ["00:00:00", "00:00:00", "00:00:00"]);
  });
  assert.deepEqual(valueScale(3, 97, 5), { low: 0, high: 100, step: 20 });
  assert.deepEqual(valueScale(-8, 3, 5), { low: -10, high: 5, step: 2.5 });
  const flat = valueScale(Infinity, -Infinity, 5);
  assert.ok(flat.high > flat.low && Number.isFinite(flat.step), JSON.stringify(flat));
});

/** Serves pages of CSV as the service does; `refuse` answers instead of some calls. */
function pages(number, refuse = () => null) {
  let calls = 0;
  globalThis.fetch = async (where, { signal }) => {
    signal.throwIfAborted();
    calls += 1;
    const refusal = refuse(calls);
    if (refusal) return refusal;
    const page = Number(new URL(where, "http://x").searchParams.get("page") ?? 0);
    const headers = { "content-type": "text/csv" };
    if (page + 1 < number) headers.link = `</v1/events?page=${page + 1}>; rel="next"`;
    return new Response(`a,b\r\n${page},"x\r\n=1"\r\n`, { headers });
  };
}

test("pages are joined under one heading, and waits are kept", async () => {
  const busy = () => new Response(JSON.stringify({ title: "Busy", detail: "later", retry_after_s: 3 }), { status: 429, headers: { "content-type": "application/problem+json" } });
  pages(3, (call) => (call === 2 ? busy() : null));
  const waited = [];
  const seen = [];
  const made = await gather("csv", "v1/events?from=-1h", { wait: async (ms) => waited.push(ms), told: (rows) => seen.push(rows) });
  assert.equal(made.parts.join(""), 'a,b\r\n0,"x\r\n=1"\r\n1,"x\r\n=1"\r\n2,"x\r\n=1"\r\n');
  assert.deepEqual([made.rows, made.complete, waited, seen], [3, true, [3_000], [1, 2, 3]]);
});

test("a file ends at its limit, or when somebody cancels", async () => {
  pages(100);
  const made = await gather("csv", "v1/events", { most: 5 });
  assert.deepEqual([made.rows, made.complete], [5, false]);
  const controller = new AbortController();
  const told = (rows) => rows === 2 && controller.abort();
  await assert.rejects(gather("csv", "v1/events", { told, signal: controller.signal }), { name: "AbortError" });
});

test("lines within quotes are no rows, and names of files are plain", () => {
  assert.equal(csvRows("a,b\r\n"), 0);
  assert.equal(csvRows('a\r\n"1\r\n""2"\r\n3\r\n'), 2);
  assert.equal(fileName("events", { from_ms: 0, to_ms: Date.parse("2026-11-21T08:09:10Z") }, "csv"), "tailrace-events-all-20261121T0809.csv");
});

test("refusals are words, and say what to do", () => {
  assert.match(new Refused(404).message, /no store.*--store sqlite/);
  assert.match(new Refused(401).message, /log in/);
  const wrong = new Refused(400, { title: "Bad", detail: "query: x", fields: [{ pointer: "?from", detail: "from is odd" }] });
  assert.equal(wrong.message, "400: Bad: from is odd.");
  const away = new Refused(503, { title: "Away", detail: "the store is away", retry_after_s: 2 });
  assert.equal(away.message, "503: Away: the store is away. Try again in 2 s.");
  assert.deepEqual([away.passing, wrong.passing], [true, false]);
  assert.equal(relative("/v1/x"), "v1/x");
});

test("an answer says where it came from and what is wrong with it", () => {
  assert.deepEqual(told({ cache: "hit", age_ms: 12_400 }), { text: "From the cache, 12\u00a0s old.", worse: false });
  const stale = told({ cache: "stale", age_ms: 120_000, degraded: { why: "the store is away", age_ms: 120_000 } });
  assert.match(stale.text, /^Stale: .* 2\u00a0min ago\. Why: the store is away\.$/);
  assert.ok(stale.worse);
  assert.match(told({ cache: "miss", bucket_ms: 60_000 }, 1_000).text, /Coarser than asked for: buckets of 1\u00a0min instead of 1\u00a0s/);
  assert.equal(lasting(90_000), "90\u00a0s");
});

test("events of a date are a millisecond apart, over batches too", () => {
  const choice = { type: "click", user: "u", device: "", value: "2", date: "2026-11-21T10:00:00", events: 2 };
  const { metrics, seq } = batchOf(choice, 3);
  const begin = new Date(choice.date).getTime();
  assert.deepEqual(metrics.map(({ time }) => time - begin), [6, 7]);
  assert.deepEqual(metrics[0], { name: "event.click", value: 2, time: begin + 6, attributes: { user: "u" } });
  assert.equal(seq, 3);
  assert.equal("time" in batchOf({ ...choice, date: "" }, 0).metrics[0], false);
  assert.equal(batchOf({ ...choice, value: "a lot" }, 0).metrics[0].value, "a lot");
});
