// The arithmetic of the live page without a browser: spikes, rows, seconds, thinning, counters.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Alerts } from "../live/alerts.js";
import { Fleet } from "../live/fleet.js";
import { bytes, count, percent } from "../live/format.js";
import { counters } from "../live/server.js";
import { Spikes } from "../live/spikes.js";
import { WHOLE, query, thinner, thinning } from "../live/thinning.js";

function judged(values, threshold = 8) {
  const spikes = new Spikes(threshold);
  return values.map((value) => spikes.judge("h", { name: "m", value }));
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
  const spikes = new Spikes(8);
  for (let i = 0; i < 100; i += 1) {
    spikes.judge("busy", { name: "io", value: 1e8 });
    spikes.judge("idle", { name: "io", value: 0 });
  }
  assert.equal(spikes.judge("idle", { name: "io", value: 1e6 }), null);
  assert.ok(spikes.judge("idle", { name: "io", value: 1e8 }));
});

test("series are bounded, and those that fell silent make room", () => {
  const spikes = new Spikes(8);
  for (let i = 0; i < 25_000; i += 1) spikes.judge(`h${i}`, { name: "m", value: 1 });
  assert.equal(spikes.unwatched, 5_000);
  spikes.sweep();
  spikes.sweep();
  spikes.judge("new", { name: "m", value: 1 });
  assert.equal(spikes.unwatched, 0);
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
  const fleet = new Fleet();
  const at = Date.now() - 20_000;
  const batch = (producer, received, value) => ({ producer, received, metrics: [{ name: "cpu.usage", value, attributes: { host: producer } }] });
  fleet.add(batch("live", Date.now(), 1), () => {});
  fleet.add(batch("a", at, 10), () => {});
  fleet.add(batch("b", at, 30), () => {});
  const [point] = fleet.points("cpu.usage");
  assert.deepEqual([point.mean, point.lowest, point.highest, point.number], [20, 10, 30, 2]);
  assert.ok(point.x < -17 && point.x > -22, String(point.x));
  assert.equal(fleet.hosts().number, 3);
});

test("events are counted by type, and types are bounded", () => {
  const fleet = new Fleet();
  const received = Date.now() - 5_000;
  for (let i = 0; i < 30; i += 1) {
    const names = ["event.click", `event.${i}`];
    fleet.add({ producer: "p", received, metrics: names.map((name) => ({ name, value: 1 })) }, () => assert.fail("events are no levels"));
  }
  fleet.add({ producer: "p", received: Date.now(), metrics: [] }, () => {});
  const rows = fleet.events(60);
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

test("figures have units", () => {
  assert.equal(bytes(1_250_000_000), "1.25\u00a0GB");
  assert.equal(bytes(0), "0\u00a0B");
  assert.equal(percent(33.333), "33.3\u00a0%");
  assert.equal(count(12_345), "12,345");
  assert.equal(count(1_234_567), "1.23M");
});
