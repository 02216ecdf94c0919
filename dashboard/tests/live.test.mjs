// The live page in a real browser, on a real pipeline: it comes to life, moves, finds spikes,
// survives its server, shows hostile names as text, and fits every screen. live-views.test.mjs tries
// its views one by one.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { launch, open, post, produce, serve, shows, state, until } from "./live-support.mjs";

const HOSTILE = "<img src=x onerror=alert(1)>";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("comes to life, counts and moves", async (t) => {
  const server = await serve(t);
  produce(t, server, "--hosts", "40", "--shape", "mixed", "--every", "200ms");
  const { page, seen } = await open(t, browser, server);
  await state(page, "live");
  const live_ms = await page.evaluate(() => performance.now());
  t.diagnostic(`live after ${Math.round(live_ms)} ms`);
  await shows(page, "#hosts", /^40$/);
  await shows(page, "#batches-rate", /^(1\d\d|2\d\d)$/);
  await shows(page, "#pipeline", /^http1-memory$/);
  await shows(page, "#health-text", /Log: memory; [\d,]+ batches/);
  await shows(page, "#events", /page_view.*%.*\/s/);
  await shows(page, "#batches", /(host|front)-\d+/);
  await shows(page, "#aggregates", /network\.rx/);
  await shows(page, ".chart:first-child .mean", /^\d.*%$/);
  assert.equal(await page.locator("#plain").isHidden(), true, "Chart.js draws");
  const pictures = () => page.$$eval("canvas", (all) => all.map((canvas) => canvas.toDataURL()));
  const first = await pictures();
  assert.equal(first.length, 6);
  await page.waitForFunction(
    (old) => [...document.querySelectorAll("canvas")].every((canvas, i) => canvas.toDataURL() !== old[i]),
    first,
  );
  assert.deepEqual(seen, []);
});

test("a spike is listed with its host, and a name that is markup stays text", async (t) => {
  const server = await serve(t);
  const { page, seen } = await open(t, browser, server);
  await state(page, "live");
  const metric = (value) => ({ name: HOSTILE, value, attributes: { host: `${HOSTILE}2` } });
  for (let i = 0; i < 20; i += 1) await post(server, metric(10 + (i % 3)));
  await shows(page, "#batches", /<img src=x/);
  assert.equal(await page.textContent("#spike-count"), "0");
  await post(server, metric(500));
  await shows(page, "#found-here", /<img src=x onerror=alert\(1\)>2<img src=x onerror=alert\(1\)>50011/);
  await shows(page, "#spike-count", /^1$/);
  await shows(page, "#aggregates", /<img src=x/);
  assert.equal(await page.locator("img").count(), 0);
  assert.deepEqual(seen, []);
});

test("the threshold is the reader's", async (t) => {
  const server = await serve(t);
  const { page } = await open(t, browser, server);
  await state(page, "live");
  const see = (view) => page.getByRole("link", { name: view, exact: true }).click();
  await see("Alerts");
  await page.locator("#threshold").focus();
  await page.keyboard.press("End");
  assert.equal(await page.textContent("#threshold-value"), "30");
  const metric = (value) => ({ name: "queue", value });
  for (let i = 0; i < 20; i += 1) await post(server, metric(100 + (i % 3)));
  // 20 deviations of at least 5 % of 100: below 30, above 3.
  await post(server, metric(200));
  await post(server, metric(100));
  await see("Fleet");
  await shows(page, "#batches", /queue 200/);
  assert.equal(await page.textContent("#spike-count"), "0");
  await see("Alerts");
  await page.locator("#threshold").focus();
  await page.keyboard.press("Home");
  await post(server, metric(200));
  await shows(page, "#alerts", /queue.*200.*101/);
});

test("comes back by itself after the server died and lost its log", async (t) => {
  const server = await serve(t);
  const { page, seen } = await open(t, browser, server);
  await state(page, "live");
  for (let i = 0; i < 50; i += 1) await post(server, { name: "before", value: i });
  await shows(page, "#batches", /before 49/);
  await server.kill();
  await state(page, "waiting");
  await shows(page, "#state-text", /Connection lost; next try in \d s/);
  await shows(page, "#health-text", /unknown/);
  await page.locator("#retry").click();
  await state(page, "waiting");
  const again = await serve(t, { addresses: server });
  await state(page, "live");
  await shows(page, "#health-text", /memory/);
  // Its position is far below the fiftieth, which the page asked to go on from.
  await post(again, { name: "after", value: 7 });
  await shows(page, "#batches", /after 7/);
// The browser itself tells of requests that a dead server left unanswered; nothing else went wrong.
  const other = seen.filter((fault) => !/^console: Failed to load resource: net::ERR_/.test(fault));
  assert.deepEqual(other, []);
});

test("rests while nobody looks, and wakes", async (t) => {
  const server = await serve(t);
  const { page, seen } = await open(t, browser, server, {
    before: async (fresh) => {
      await fresh.clock.install();
      await fresh.addInitScript(() => {
        Object.defineProperty(document, "hidden", { get: () => window.away === true });
      });
    },
  });
  await state(page, "live");
  const look = (away) => page.evaluate((now) => {
    window.away = now;
    document.dispatchEvent(new Event("visibilitychange"));
  }, away);
  const subscribers = async () => (await (await fetch(`${server.url}/health`)).json()).subscribers;
  assert.equal(await subscribers(), 1);
  await look(true);
  await page.clock.fastForward(11_000);
  await state(page, "resting");
  await until("the feed is closed", async () => (await subscribers()) === 0);
  await look(false);
  await state(page, "live");
  assert.equal(await subscribers(), 1);
  assert.deepEqual(seen, []);
});

test("the form sends a metric and shows an answer field by field", async (t) => {
  const server = await serve(t);
  const { page, seen } = await open(t, browser, server);
  await state(page, "live");
  await page.fill("#name", "from.form");
  await page.fill("#value", "12.5");
  await page.locator("#value").press("Enter");
  await shows(page, "#send-answer", /^202: accepted 1 metric$/);
  await shows(page, "#batches", /from\.form 12\.5/);
  await page.fill("#name", "");
  await page.fill("#value", "a lot");
  await page.getByRole("button", { name: "Send to /v1/ingest" }).click();
  await shows(page, "#send-answer", /^400: The body is not a valid batch/);
  for (const field of ["name", "value"]) {
    assert.equal(await page.getAttribute(`#${field}`, "aria-invalid"), "true");
    assert.notEqual(await page.textContent(`#${field}-fault`), "");
  }
  assert.equal(await page.getAttribute("#host", "aria-invalid"), null);
  await page.fill("#name", "again");
  await page.fill("#value", "-1e3");
  await page.locator("#value").press("Enter");
  await shows(page, "#send-answer", /^202/);
  assert.equal(await page.textContent("#value-fault"), "");
  assert.deepEqual(seen.filter((fault) => !fault.includes("status of 400")), []);
});

/** The counters of a server that takes 5,000 batches a second since `begun`. */
async function flooded(route, begun) {
  const answer = await route.fetch();
  const counted = (await answer.text()).replace(/(ingest_batches_total\S*) \d+/, `$1 ${5 * (Date.now() - begun)}`);
  await route.fulfill({ response: answer, body: counted });
}

test("a flood is thinned, and the page says so", async (t) => {
  const server = await serve(t);
  produce(t, server, "--hosts", "100", "--every", "500ms");
  let thinned;
  const { page, seen } = await open(t, browser, server, {
    before: async (fresh) => {
      thinned = fresh.waitForRequest(/\/v1\/metrics\/live\?view=full&producers=\d+/);
      // A real flood needs a machine of its own: only the counters tell of one.
      const begun = Date.now();
      await fresh.route(/\/metrics$/, (route) => flooded(route, begun));
    },
  });
  await thinned;
  await shows(page, "#thinning", /1 producer in \d+/);
  await state(page, "live");
  await shows(page, "#hosts-note", /in the part that is shown/);
  await shows(page, "#batches", /host-\d+/);
  assert.deepEqual(seen, []);
});

test("told that it was too slow, it says how much is missing and asks for less", async (t) => {
  const server = await serve(t);
  const { page } = await open(t, browser, server, {
    // A real lag needs a flood for longer than a test may take: the first answer is made up.
    before: async (fresh) => {
      await fresh.clock.install();
      await fresh.route(/\/v1\/metrics\/live\?view=full$/, (route) => route.fulfill({
        contentType: "text/event-stream", body: 'data: {"type":"lagged","missed":1234}\n\n',
      }));
    },
  });
  await state(page, "lagged");
  await shows(page, "#state-text", /^Live, lagged by 1,234$/);
  await shows(page, "#thinning", /1 producer in 2,/);
  // It is told of for ten seconds.
  await page.clock.fastForward(11_000);
  await state(page, "live");
});

test("without Chart.js plain lines are drawn, and the page says how to get it", async (t) => {
  const elsewhere = await mkdtemp(path.join(os.tmpdir(), "tailrace-live-"));
  t.after(() => rm(elsewhere, { recursive: true }));
  const server = await serve(t, { cwd: elsewhere });
  const { page, seen } = await open(t, browser, server);
  await state(page, "live");
  await shows(page, "#plain", /npm ci/);
  assert.equal(await page.locator("#plain").isVisible(), true);
  const picture = () => page.$eval("canvas", (canvas) => canvas.toDataURL());
  const empty = await picture();
  produce(t, server, "--hosts", "10", "--every", "200ms");
  await page.waitForFunction((old) => document.querySelector("canvas").toDataURL() !== old, empty);
  assert.deepEqual(seen.filter((fault) => !fault.includes("/assets/chart.js")), []);
});

test("fits narrow and wide screens in both themes, whatever names come", async (t) => {
  const server = await serve(t);
  const { page, seen } = await open(t, browser, server);
  const long = "x".repeat(250);
  await state(page, "live");
  for (let i = 0; i < 20; i += 1) await post(server, { name: `event.${long}`.slice(0, 250), value: 1, attributes: { host: long } });
  for (let i = 0; i < 20; i += 1) await post(server, { name: long, value: i === 19 ? 1e9 : 1, attributes: { host: long } });
  await shows(page, "#found-here", /x{20}/);
  await shows(page, "#events", /x{20}/);
  const backgrounds = new Set();
  for (const theme of ["light", "dark"]) {
    await page.selectOption("#theme", theme);
    for (const width of [360, 768, 1280, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(wide <= 0, `${wide} pixels too wide at ${width} in ${theme}`);
    }
    backgrounds.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
  }
  assert.equal(backgrounds.size, 2);
  await page.reload();
  assert.equal(await page.inputValue("#theme"), "dark");
  assert.deepEqual(seen, []);
});

test("a reader who wants less motion gets less", async (t) => {
  const server = await serve(t);
  const { page } = await open(t, browser, server, { reducedMotion: "reduce" });
  await state(page, "live");
  const animation = await page.$eval("#state .dot", (dot) => getComputedStyle(dot).animationName);
  assert.equal(animation, "none");
});
