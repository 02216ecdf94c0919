// What the live page does when the way to the server is bad: a broken connection whose gap is
// replayed, a server that comes back on the same port, refusals, questions beyond a tenant's limit.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { behindPrefix, launch, open, post, run, serve, shows, state } from "./live-support.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** What the browser says by itself of requests that were refused or not answered. */
const faults = (seen) => seen.filter((line) => !/^console: Failed to load resource/.test(line));

test("a batch is shown within moments of being posted", async (t) => {
  const server = await serve(t);
  const { page, seen } = await open(t, browser, server);
  await state(page, "live");
  await page.evaluate(() => {
    new MutationObserver(() => {
      const text = document.querySelector("#batches").textContent;
      for (const [name] of text.matchAll(/probe\.\d/g)) (window.shown_at ??= {})[name] ??= Date.now();
    }).observe(document.querySelector("#batches"), { subtree: true, childList: true, characterData: true });
  });
  const delays = [];
  for (let i = 0; i < 5; i += 1) {
    const posted = Date.now();
    await post(server, { name: `probe.${i}`, value: i });
    await page.waitForFunction((name) => window.shown_at?.[name], `probe.${i}`);
    delays.push((await page.evaluate((name) => window.shown_at[name], `probe.${i}`)) - posted);
  }
  t.diagnostic(`from posting to showing: ${delays.sort((a, b) => a - b).join(", ")} ms`);
  assert.deepEqual(seen, []);
});

test("what was sent while the connection was broken is replayed, once", async (t) => {
  const server = await serve(t);
  const way = await behindPrefix(t, server, "/");
  const { page, seen } = await open(t, browser, way);
  await state(page, "live");
  await post(server, { name: "before", value: 1 });
  await shows(page, "#taken", /took in 1 batches/);
  way.cut();
  await state(page, "waiting");
  for (let i = 0; i < 5; i += 1) await post(server, { name: "meanwhile", value: i });
  await way.mend();
  await state(page, "live");
  await shows(page, "#batches", /meanwhile 4.*meanwhile 0.*before 1/);
  await post(server, { name: "after", value: 1 });
  await shows(page, "#batches", /after 1/);
  await shows(page, "#taken", /took in 7 batches with 7 metrics/);
  assert.deepEqual(faults(seen), []);
});

test("after the server began anew on the same port, charts go on where they were", async (t) => {
  const server = await serve(t);
  const { page, seen } = await open(t, browser, server);
  await state(page, "live");
  const drawn = () => page.evaluate(() => {
    return window.Chart.getChart(document.querySelector("canvas")).data.datasets[2].data.map(({ y }) => y);
  });
  const sending = async (to, value, enough) => {
    for (;;) {
      await post(to, { name: "cpu.usage", value, attributes: { host: "h" } });
      if ((await drawn()).filter((y) => y === value).length >= enough) return;
    }
  };
  await sending(server, 11, 2);
  await server.kill();
  await state(page, "waiting");
  await shows(page, "#state-text", /^Connection lost; next try in \d s$/);
  assert.ok((await drawn()).includes(11), "what was drawn stays");
  const again = await serve(t, { addresses: server });
  await state(page, "live");
  await shows(page, "#state-text", /^Live$/);
  await sending(again, 22, 2);
  const points = await drawn();
  assert.deepEqual(points, points.toSorted((a, b) => a - b), "the old ones come first");
  assert.ok(points.includes(11) && points.includes(22), String(points));
  assert.deepEqual(faults(seen), []);
});

test("a feed that is refused says why, and comes back", async (t) => {
  const server = await serve(t);
  const told = { title: "Too many clients", detail: "4 subscribers are connected, which is the limit" };
  let is_full = true;
  const { page, seen } = await open(t, browser, server, {
    // Thousands of subscribers need more than a test has: these answers are made up.
    before: (fresh) => fresh.route(/\/v1\/metrics\/live/, (route) => {
      if (!is_full) return route.continue();
      return route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify(told) });
    }),
  });
  await shows(page, "#state-text", /^Refused; next try in \d s$/);
  await shows(page, "#refusal", /^503: Too many clients\. 4 subscribers are connected/);
  is_full = false;
  await state(page, "live");
  assert.deepEqual(faults(seen), []);
});

test("beyond a tenant's limit the page says so and asks less", async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "tailrace-limit-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, "keys.toml");
  const words = ["--roles", "read", "--roles", "ingest", "--roles", "admin", "--read-rate", "1", "--read-burst", "2"];
  const key = run("keys", "add", "acme", "--tenant", "acme", "--file", file, ...words).trim();
  const server = await serve(t, { keys: file });
  const { page, seen } = await open(t, browser, server);
  await page.waitForSelector("#login:not([hidden])");
  await page.fill("#key", key);
  await page.press("#key", "Enter");
  await state(page, "live");
  await shows(page, "#refusal", /^429: .*What is shown may be old\.$/);
  assert.equal(await page.locator("#refusal").isVisible(), true);
  assert.equal(await page.locator("#state").getAttribute("data-state"), "live", "the feed goes on");
  await post(server, { name: "still", value: 1 }, { authorization: `Bearer ${key}` });
  await shows(page, "#batches", /still 1/);
  assert.deepEqual(faults(seen), []);
});
