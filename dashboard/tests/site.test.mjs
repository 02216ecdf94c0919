// The results site in a real browser, on runs that the program recorded a moment ago: from files
// and from a host below a path, with Chart.js and without, with every name a trap. What a reader
// does and how it looks are in `site/`; all parts share one recording.

import assert from "node:assert/strict";
import { readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { calibration } from "./site/calibration.mjs";
import { looks } from "./site/looks.mjs";
import { reading } from "./site/reading.mjs";
import { HOSTILE, colours, host, launch, open, ready, record, tailrace, unfold, visit, write } from "./site-support.mjs";

const shared = {
  run: (name) => `run.html?run=${shared.recorded[name]}`,
  compared: (a, b) => `compare.html?a=${shared.recorded[a]}&b=${shared.recorded[b]}`,
};
// What must end with the tests; a hook that is set within a hook would end with that.
const ends = [];
before(async () => {
  const later = (end) => ends.push(end);
  const recorded = await record(later);
  const site = await write(recorded.results, path.join(recorded.results, "site"), true);
  Object.assign(shared, { recorded, site, home: await host(later, site.out), browser: await launch() });
});
after(async () => {
  await shared.browser?.close();
  for (const end of ends) await end();
});

reading(shared);
looks(shared);
calibration(shared);

/** Everything of both pages that must hold wherever the site is. */
async function checkPages(t, from) {
  const { page, seen } = await open(t, shared.browser, from, "index.html");
  assert.equal(await page.locator(".runs > li").count(), 1, "one question");
  assert.match(await page.textContent("#runs [role=status]"), /3 runs of 3, 1 question/);
  await unfold(page.locator(".runs summary"));
  await page.locator(".attempts > li").nth(2).waitFor();
  await page.locator(`.attempts a[href$="${shared.recorded.plain}"]`).click();
  await page.waitForSelector("#answer");
  await ready(page);
  assert.match(await page.textContent("h1"), /What does each way of ingesting cost/);
  const drawn = await colours(page);
  assert.equal(drawn.length, 11, "dots, CPU, way, exposure, spectrum, three timelines, rate, wire, memory");
  for (const [label, found] of drawn) assert.ok(label.length > 20 && found > 8, `${label}: ${found} colours`);
  assert.deepEqual(seen, []);
}

test("opens from the file system", (t) => checkPages(t, shared.site.file));

test("opens from a host below a path, and every download is there", async (t) => {
  await checkPages(t, shared.home);
  const { page } = await open(t, shared.browser, shared.home, shared.run("plain"));
  for (const details of await page.locator("#downloads details, #trials details").all())
    await unfold(details.locator("summary"));
  const links = await page.$$eval("#downloads a, #trials a", (all) => all.map((link) => link.href));
  assert.ok(links.length > 60, `${links.length} links`);
  for (const link of new Set(links)) assert.equal((await fetch(link)).status, 200, link);
});

test("percentiles of the page are those of the records", async (t) => {
  const { page } = await open(t, shared.browser, shared.site.file, shared.run("plain"));
  const computed = await page.evaluate(() => {
    const model = window.Tailrace.run.model(window.TAILRACE_RUN);
    const figures = (trial, latency) =>
      [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999].map((q) => {
        const { ns, support } = model.percentile(trial, latency, q);
        return { q, ns, support };
      });
    return window.TAILRACE_RUN.trials.map((trial) => ({
      place: [trial.arm, trial.load, trial.round].join("/"),
      ...Object.fromEntries(
        ["ack", "service", "lateness", "live", "durable"].map((latency) => [
          latency,
          trial[latency] && { figures: figures(trial, latency), largest: model.distribution([trial], latency).values.at(-1) ?? 0 },
        ]),
      ),
    }));
  });
  assert.equal(computed.length, 16);
  for (const { place, ...latencies } of computed) {
    const file = path.join(shared.recorded.results, shared.recorded.plain, "trials", place, "trial.json");
    const record = JSON.parse(await readFile(file, "utf8")).latencies;
    for (const [latency, found] of Object.entries(latencies)) {
      const known = record[latency] && {
        figures: record[latency].quantiles.map(({ q, ns, support }) => ({ q, ns, support })),
        largest: record[latency].max_ns,
      };
      assert.deepEqual(found, known ?? null, `${place} ${latency}`);
    }
  }
  const told = await page.locator("#recomputed").evaluate((p) => ({ ...p.dataset }));
  assert.ok(Number(told.all) >= 8 && told.equal === told.all, JSON.stringify(told));
});

test("names of results are text, whatever they say", async (t) => {
  const { page, seen } = await open(t, shared.browser, shared.home, "index.html");
  await unfold(page.locator(".runs summary"));
  await page.locator(".attempts > li").nth(2).waitFor();
  assert.ok((await page.textContent("#runs")).includes(HOSTILE));
  await visit(page, `${shared.home}/${shared.run("hostile")}`);
  for (const summary of await page.locator("summary").all()) await unfold(summary);
  for (const where of [
    "h1",
    ".answers",
    ".prediction",
    ".warnings",
    ".controls",
    "#figures",
    "#ledger",
    "#seals",
    "#manifest",
    "#trials",
  ]) {
    assert.ok((await page.textContent(where)).includes(HOSTILE), where);
  }
  assert.equal(await page.locator("img").count(), 0);
  assert.deepEqual(seen, []);
});

test("a killed server is told: unanswered batches, the fault, no percentile that was not seen", async (t) => {
  const { page, seen } = await open(t, shared.browser, shared.site.file, shared.run("killed"));
  const struck = await page.evaluate(() => window.TAILRACE_RUN.trials.find((trial) => trial.faults.length));
  await page.selectOption("#load", struck.load);
  assert.match(await page.textContent("#timeline"), /Faults made on purpose; shaded: away\..*server killed at \d+\.\d s/);
  // Most broke with their connection; on a busy machine they may all have timed out.
  const { scheduled, acked, broken, timed_out, overflowed, censored } = struck.outcomes;
  const unanswered = [broken, timed_out, overflowed, censored].filter((count) => count > 0);
  assert.ok(acked < scheduled && unanswered.length > 0, "the fault did something");
  const ledger = await page.locator("#ledger tr", { hasText: struck.arm }).first().innerText();
  const told = ledger.replaceAll("\u202f", "").split(/\s+/);
  for (const figure of [scheduled, acked, ...unanswered]) assert.ok(told.includes(String(figure)), ledger);
  assert.deepEqual(seen, []);
});

test("without Chart.js the run's plots stand in, and the page says so", async (t) => {
  const bare = await write(shared.recorded.results, path.join(shared.recorded.results, "bare"), false);
  const { page, seen } = await open(t, shared.browser, bare.file, shared.run("plain"));
  assert.match(await page.textContent("#no-charts"), /Chart\.js is missing.*npm was not to be asked/);
  await page.locator("#downloads").scrollIntoViewIfNeeded();
  const plots = page.locator("img.plot");
  assert.ok((await plots.count()) >= 4);
  for (const plot of await plots.all()) {
    await plot.scrollIntoViewIfNeeded();
    await plot.evaluate((image) => image.decode());
  }
  await unfold(page.locator("#spectrum summary"));
  assert.match(await page.textContent("#spectrum table"), /99.9 %/);
  assert.deepEqual(seen, []);
});

test("two runs stand side by side by their ratios to the floor, and by nothing else", async (t) => {
  const { page, seen } = await open(t, shared.browser, shared.site.file, "index.html");
  await unfold(page.locator(".runs summary"));
  for (const name of ["plain", "killed"]) await page.getByLabel(`Compare ${shared.recorded[name]}`).check();
  await page.locator("#compare").click();
  await page.waitForSelector("table");
  const text = await page.textContent("main");
  for (const told of [shared.recorded.plain, shared.recorded.killed, "A ÷ its floor", "tailrace compare"])
    assert.ok(text.includes(told), told);
  const rows = page.locator("tbody tr", { hasText: "http1-memory" });
  assert.ok((await rows.count()) >= 3);
  const shipped = await page.evaluate(() => window.TAILRACE_RUN.to_floor.length);
  assert.ok(shipped >= 6, `${shipped} ratios`);
  assert.deepEqual(seen, []);
});

test("a comparison without a floor is refused with a sentence", async (t) => {
  const { page } = await open(t, shared.browser, shared.site.file, shared.run("plain"));
  const bare = path.join(shared.recorded.results, "floorless");
  await write(shared.recorded.results, bare, true);
  for (const file of await readdir(path.join(bare, "data"))) {
    const whole = path.join(bare, "data", file);
    await writeFile(whole, (await readFile(whole, "utf8")).replaceAll('"floor":true', '"floor":false'));
  }
  await visit(page, `file://${bare}/${shared.compared("plain", "killed")}`);
  assert.match(await page.textContent("#refused"), /has no floor.*Race the arms in one run/);
  await visit(page, `${shared.site.file}/${shared.compared("plain", "plain")}`);
  assert.match(await page.textContent("#refused"), /one run twice/);
});

test("an address that names no run loads nothing and says so", async (t) => {
  for (const name of ["nobody", "../../etc/passwd", ""]) {
    const { page, seen } = await open(t, shared.browser, shared.home, `run.html?run=${encodeURIComponent(name)}`);
    assert.match(await page.textContent("main"), name ? /There is no run/ : /names no run/);
    assert.deepEqual(seen, []);
  }
});

test("npm brings the locked Chart.js once; where it is missing the reason is told", async (t) => {
  const out = path.join(shared.recorded.results, "npm");
  const words = ["site", "--results", shared.recorded.results, "--out", out];
  const without = await tailrace(words, { TAILRACE_OFFLINE: "", PATH: "/nowhere" });
  assert.match(without.stderr, /npm is not installed/);
  await tailrace(words, { TAILRACE_OFFLINE: "" });
  const lock = JSON.parse(await readFile(new URL("../package-lock.json", import.meta.url)));
  const version = lock.packages["node_modules/chart.js"].version;
  assert.equal(await readFile(path.join(out, "vendor/version.txt"), "utf8"), version);
  assert.ok((await readFile(path.join(out, "vendor/chart.umd.min.js"), "utf8")).includes(version));
  assert.deepEqual(
    (await readdir(out)).filter((name) => name.startsWith(".")),
    [],
    "nothing is left behind",
  );
  const again = await tailrace(words, { TAILRACE_OFFLINE: "", PATH: "/nowhere" });
  assert.equal(again.stderr, "");
  const { page, seen } = await open(t, shared.browser, `file://${out}`, shared.run("plain"));
  assert.ok((await colours(page)).every(([, found]) => found > 8));
  assert.deepEqual(seen, []);
});
