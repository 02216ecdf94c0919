// The arithmetic of the live page without a browser: spikes, rows, seconds, hosts, thinning, counters,
// addresses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Alerts } from "../live/alerts.js";
import { Host, Hosts, Tally } from "../live/hosts.js";
import { Intake } from "../live/intake.js";
import { Series } from "../live/series.js";
import { address, parse } from "../live/views.js";
import { bytes, count, percent } from "../live/format.js";
import { counters, groups } from "../live/server.js";
import { Spikes } from "../live/spikes.js";
import { WHOLE, query, thinner, thinning } from "../live/thinning.js";

function judged(values, threshold = 8) {
  const [spikes, series] = [new Spikes(threshold), new Series()];
  return values.map((value, i) => {
    const found = spikes.judge(series, "h", { name: "m", value });
    series.add(value, i);
    return found;
  });
}

const calm = Array.from({ length: 30 }, (_, i) => 50 + (i % 5));

test("a spike is told once, at its beginning, and again after it ended", () => {
  const found = judged([...calm, 200, 210, 205, 51, 52, 200]);
  assert.deepEqual(found.map(Boolean).lastIndexOf(true), 35);
  assert.equal(found.filter(Boolean).length, 2);
  assert.equal(found[30].usual, 52);
  assert.equal(found[30].value, 200);
  assert.ok(found[30].score > 8);
});

test("nothing is usual before there are some values, and what falls is no spike", () => {
  assert.equal(judged([1, 1, 1, 1_000]).filter(Boolean).length, 0);
  assert.equal(judged([...calm, 0]).filter(Boolean).length, 0);
});

test("on an idle host a little more is nothing, beside a busy fleet", () => {
  const [spikes, busy, idle] = [new Spikes(8), new Series(), new Series()];
  for (let i = 0; i < 100; i += 1) {
    for (const [series, value] of [[busy, 1e8], [idle, 0]]) {
      spikes.judge(series, "h", { name: "io", value });
      series.add(value, i);
    }
  }
  assert.equal(spikes.judge(idle, "idle", { name: "io", value: 1e6 }), null);
  assert.ok(spikes.judge(idle, "idle", { name: "io", value: 1e8 }));
});

test("a series keeps its last values, in order and with their times", () => {
  const series = new Series();
  for (let i = 1; i <= 7; i += 1) series.add(i, 10 * i);
  assert.deepEqual(series.points().map(({ at, value }) => [at, value]).at(0), [10, 1]);
  for (let i = 8; i <= 500; i += 1) series.add(i, 10 * i);
  const points = series.points();
  assert.deepEqual([points.length, points[0], points.at(-1)], [120, { at: 3810, value: 381 }, { at: 5000, value: 500 }]);
  assert.deepEqual(series.range(), { number: 120, mean: 440.5, lowest: 381, highest: 500 });
  // Computed anew after every fifth value: of 438 to 497.
  assert.deepEqual([series.last, series.heard, series.usual], [500, 5000, 467.5]);
});

test("series are bounded, and hosts that fell silent make room", () => {
  const hosts = new Hosts();
  const tell = (name, at) => hosts.series(hosts.report(name, at, 1), "m")?.add(1, at);
  for (let i = 0; i < 25_000; i += 1) tell(`h${i}`, 1_000);
  assert.equal(hosts.unwatched, 5_000);
  assert.deepEqual(hosts.count(1_000), { number: 20_000, silent: 0, more: true });
  assert.deepEqual(hosts.count(100_000), { number: 0, silent: 20_000, more: true });
  hosts.sweep(1_000 + 600_001);
  tell("new", 700_000);
  assert.deepEqual([hosts.unwatched, hosts.count(700_000).number], [0, 1]);
});

test("a host is silent when it was for much longer than usual", () => {
  const told = (pause_ms, number) => {
    const host = new Host("h");
    for (let i = 0; i < number; i += 1) host.report(1_000_000 + i * pause_ms);
    return (after_ms) => host.silence(host.heard + after_ms).silent;
  };
  const [often, seldom] = [told(1_000, 20), told(60_000, 20)];
  assert.deepEqual([often(4_000), often(6_000)], [false, true]);
  assert.deepEqual([seldom(100_000), seldom(250_000)], [false, true]);
});

test("rates are of whole seconds, and a pause counts as nothing", () => {
  const tally = new Tally();
  for (let second = 100; second < 110; second += 1) tally.add(second, 6);
  tally.add(110, 1);
  assert.equal(tally.rate(110), 6);
  tally.add(125, 50);
  assert.equal(tally.rate(125), 0);
  assert.equal(tally.rate(126), 5);
  tally.add(50, 1);
  assert.equal(tally.rate(126), 5, "what is too old is left out");
});

test("top hosts are the highest, found hosts those that fit, in the order of their numbers", () => {
  const hosts = new Hosts();
  for (const number of [3, 20, 1, 11, 2]) {
    hosts.series(hosts.report(`web-${number}`, 5_000, 1), "cpu").add(number, 5_000);
  }
  hosts.report("idle", 5_000, 1);
  const top = hosts.top(3, (host) => host.metrics.get("cpu")?.last);
  assert.deepEqual(top.map(({ host, value }) => [host.name, value]), [["web-20", 20], ["web-11", 11], ["web-3", 3]]);
  const { found, number, all } = hosts.find("WEB", 3);
  assert.deepEqual([found.map(({ name }) => name), number, all], [["web-1", "web-2", "web-3"], 5, 6]);
});

test("addresses of views are read as they are written", () => {
  const check = (view, subject, params) => {
    const read = parse(address(view, subject, params));
    assert.deepEqual([read.view, read.subject, Object.fromEntries(read.params)], [view, subject, params]);
  };
  check("fleet", "", {});
  check("host", "web-7", {});
  check("host", "a b?c=d&e#%<img>", { q: "x y&z" });
  check("history", "", { from: "-1h", to: "now" });
  assert.equal(address("host", "web-7"), "#host=web-7");
  assert.equal(address("alerts", "", { q: "" }), "#alerts");
  assert.deepEqual([parse("").view, parse("#%").view, parse("#host=%zz").subject], ["", "%", "%zz"]);
});

test("one metric in one second is one row with its worst host; rows are bounded", () => {
  const alerts = new Alerts();
  const spike = (name, host, score) => ({ name, host, value: 1, usual: 0, score });
  alerts.add(10, spike("cpu", "a", 9));
  alerts.add(10, spike("cpu", "b", 20));
  alerts.add(11, spike("cpu", "a", 9));
  alerts.add(10, spike("io", "late", 9));
  assert.deepEqual(alerts.rows.map((row) => [row.second, row.name, row.hosts, row.worst.host]), [
    [11, "cpu", 1, "a"], [10, "io", 1, "late"], [10, "cpu", 2, "b"],
  ]);
  for (let i = 0; i < 500; i += 1) alerts.add(12 + (i >> 5), spike(`n${i}`, "h", 9));
  assert.ok(alerts.rows.length <= 60);
  assert.equal(alerts.found, 504);
  assert.ok(alerts.unlisted > 300);
});

test("values are summed by the server's second, replayed ones too", () => {
  const intake = new Intake(8);
  const at = Date.now() - 20_000;
  const batch = (producer, received, value) => ({ producer, received, metrics: [{ name: "cpu.usage", value, attributes: { host: producer } }] });
  intake.add(batch("live", Date.now(), 1));
  intake.add(batch("a", at, 10));
  intake.add(batch("b", at, 30));
  const [point] = intake.fleet.points("cpu.usage");
  assert.deepEqual([point.mean, point.lowest, point.highest, point.number], [20, 10, 30, 2]);
  assert.ok(point.x < -17 && point.x > -22, String(point.x));
  assert.equal(intake.hosts.count(Date.now()).number, 3);
  assert.deepEqual([intake.seen.batches, intake.seen.metrics, intake.newest.length], [3, 3, 3]);
});

test("events are counted by type, and types are bounded", () => {
  const intake = new Intake(8);
  const received = Date.now() - 5_000;
  for (let i = 0; i < 30; i += 1) {
    const names = ["event.click", `event.${i}`];
    intake.add({ producer: "p", received, metrics: names.map((name) => ({ name, value: 1 })) });
  }
  intake.add({ producer: "p", received: Date.now(), metrics: [] });
  assert.equal(intake.hosts.get("p").metrics.size, 0, "events are no levels");
  assert.deepEqual([intake.hosts.get("p").events.length, intake.hosts.get("p").events[0].name], [20, "event.29"]);
  const rows = intake.fleet.events(60);
  assert.equal(rows[0].number, 30);
  assert.equal(rows.length, 13);
  assert.equal(rows.reduce((sum, row) => sum + row.number, 0), 60);
});

test("a flood is thinned by producer, a flood of few producers by batch, and back", () => {
  assert.equal(thinning(1_000, 1_000, WHOLE), WHOLE);
  assert.deepEqual(thinning(10_000, 1_000, WHOLE), { by: "producers", factor: 8 });
  assert.deepEqual(thinning(10_000, 3, WHOLE), { by: "sample", factor: 8 });
  const thin = { by: "producers", factor: 8 };
  assert.equal(thinning(9_000, 1_000, thin), thin, "no change for a little less");
  assert.equal(thinning(500, 1_000, thin), WHOLE);
  assert.deepEqual(thinning(10_000, 3, thin), { by: "sample", factor: 8 }, "producers left");
  assert.deepEqual(thinner(WHOLE), { by: "producers", factor: 2 });
  assert.equal(query(WHOLE), "");
  assert.equal(query({ by: "sample", factor: 16 }), "&sample=16");
});

test("counters of one name are summed over their labels", () => {
  const sums = counters('# HELP a_total x\na_total{pipeline="p",status="400"} 2\na_total{pipeline="p",status="413"} 3\nb 1.5\n');
  assert.equal(sums.get("a_total"), 5);
  assert.equal(sums.get("b"), 1.5);
});

test("each group's lag is read from the counters", () => {
  const line = (name, group, value) => `tailrace_worker_${name}{group="${group}"} ${value}\n`;
  const text = line("unread_entries", "store", 3) + line("pending_entries", "store", 4) + line("oldest_ms", "store", 120)
    + line("unread_entries", "detect", 9) + line("members", "detect", 1);
  assert.deepEqual(groups(text), [
    { group: "store", waiting: 7, oldest_ms: 120 }, { group: "detect", waiting: 9, oldest_ms: 0 },
  ]);
});

test("figures have units", () => {
  assert.equal(bytes(1_250_000_000), "1.25\u00a0GB");
  assert.equal(bytes(0), "0\u00a0B");
  assert.equal(percent(33.333), "33.3\u00a0%");
  assert.equal(count(12_345), "12,345");
  assert.equal(count(1_234_567), "1.23M");
});
