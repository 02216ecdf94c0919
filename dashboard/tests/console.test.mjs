// The lab console in a real browser, on the real program: a question chosen, arms built, a
// prediction scored, a run started, watched, stopped and opened; a scenario of high load played,
// judged and stopped; and who is not let in.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { BIN, ROOT, colours, launch, objections, open, ready, tailrace } from "./site-support.mjs";

let browser, folder, console_, home;
before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "tailrace-console-"));
  const chart = path.join(ROOT, "dashboard/node_modules/chart.js/dist/chart.umd.min.js");
  const words = ["console", "--results", folder, "--chart-js", chart];
  console_ = spawn(BIN, words, { env: { ...process.env, TAILRACE_OFFLINE: "1" }, stdio: ["ignore", "pipe", "ignore"] });
  const [line] = await once(console_.stdout, "data");
  home = /Open (\S+)\//.exec(line)[1];
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (console_ && console_.exitCode === null) {
    console_.kill("SIGTERM");
    const [code] = await once(console_, "exit");
    assert.equal(code, 0, "it ends by itself when asked to");
  }
  await rm(folder, { recursive: true, force: true });
});

/** Builds a comparison that takes seconds, up to the button that starts it. */
async function build(page, rounds) {
  await page.click("#by-building");
  await page.fill("[name=rate]", "500");
  await page.locator("[name=rate]").blur();
  await page.waitForFunction(() => document.querySelector("#predict").textContent.includes("500/s"));
  await page.fill("#words", "<img src=x onerror=alert(1)>");
  await page.fill("[name=ratio]", "0.9");
  await page.fill("#rounds", String(rounds));
}

test("a question is chosen, and its plan is shown before anything runs", async (t) => {
  const { page, seen } = await open(t, browser, home, "");
  assert.ok((await page.locator(".question").count()) >= 10);
  await page.check("input[value=tls]");
  await page.waitForSelector("#start");
  assert.match(await page.textContent("#predict"), /http1-memory-tls.*It takes about/s);
  assert.match(await page.textContent("#watch"), /Nothing runs yet/);
  assert.deepEqual(seen, []);
});

test("a run is started, watched and opened, and the prediction is scored", async (t) => {
  const { page, seen } = await open(t, browser, home, "", { reducedMotion: "reduce" });
  await build(page, 1);
  await page.click("#start");
  for (const figure of ["p50 now", "p99 now", "due", "answered", "generator's lateness p99"])
    await page.waitForFunction(
      (name) =>
        [...document.querySelectorAll("#watch dt")].some(
          (dt) => dt.textContent === name && /^[\d.\u202f]+ ?(m?s|\/s)$/.test(dt.nextElementSibling.textContent),
        ),
      figure,
    );
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  const late = await open(t, browser, home, "");
  await late.page.waitForFunction(() => /round 1 of 1/.test(document.querySelector("#watch").textContent));
  await page.waitForSelector("#result");
  assert.match(await page.textContent("#scored"), /(confirmed|refuted|cannot tell).*ws-memory against http1-memory/s);
  assert.equal(await page.locator("#watch table tbody tr").count(), 3, "floor and two arms");
  await page.click("#result");
  await ready(page);
  assert.equal(await page.textContent("h1"), "Which of these needs less?");
  assert.ok((await page.textContent(".prediction")).includes("<img src=x onerror"));
  assert.equal(await page.locator("main img[src=x]").count(), 0);
  assert.deepEqual(seen, []);
  assert.deepEqual(late.seen, []);
});

test("what arms are built of is what the program knows", async (t) => {
  const { page } = await open(t, browser, home, "");
  await page.click("#by-building");
  const { pipelines, choices } = JSON.parse((await tailrace(["list", "--json", "--results", folder])).stdout);
  const offered = (name) =>
    page.locator(`.arm >> nth=0 >> [name=${name}] option`).evaluateAll((all) => all.map((one) => one.value));
  assert.deepEqual(await offered("pipeline"), pipelines);
  assert.deepEqual(await offered("store"), ["", ...choices.stores.map((one) => one.value)]);
  const arrivals = await page.locator("[name=arrivals] option").evaluateAll((all) => all.map((one) => one.value));
  assert.deepEqual(arrivals, choices.arrivals.map((one) => one.value));
  // The rarest of them is understood where the run is planned.
  await page.selectOption("[name=arrivals]", "steps:1,10,1");
  await page.waitForSelector("#start");
  assert.equal(await page.isHidden("#trouble"), true);
});

/** The page with the scenarios, and their phases as short as can be chosen. */
async function scenes(t, options) {
  const opened = await open(t, browser, home, "", options);
  await opened.page.click("#by-scenario");
  await opened.page.selectOption("#phase", "1");
  return opened;
}

test("a scenario states what it expects, is played, and says what came", async (t) => {
  const { page, seen } = await scenes(t);
  assert.equal(await page.locator(".scenario").count(), 6);
  await page.click("#play-limit");
  await page.waitForFunction(() => /What is expected.*the burst, then the rate/s.test(document.querySelector("#watch").textContent));
  await page.waitForFunction(() => document.querySelectorAll("#watch .strip dd").length >= 4);
  await page.waitForSelector("#outcome");
  assert.equal(await page.locator("#outcome li").count(), 3);
  assert.match(await page.textContent("#outcome"), /(so it was|not so).*were let in within.*refused with 429/s);
  assert.match(await page.textContent("#watch table"), /refused with 429\d/);
  const [[, painted]] = await colours(page);
  assert.ok(painted > 4, `${painted} colours`);
  await page.click("text=The curves as a table");
  await page.waitForSelector("#watch details table tbody tr");
  assert.deepEqual(seen, []);
  for (const colorScheme of ["light", "dark"]) {
    const late = await open(t, browser, home, "", { viewport: { width: 360, height: 900 }, colorScheme, bypassCSP: true });
    await late.page.waitForSelector("#outcome");
    assert.deepEqual(await objections(late.page), []);
    assert.equal(await late.page.evaluate(() => document.documentElement.scrollWidth), 360);
  }
});

test("a scenario is stopped, and shares one run at a time with everything else", async (t) => {
  const { page } = await scenes(t);
  await page.selectOption("#phase", "5");
  await page.click("#play-spike");
  await page.waitForFunction(() => document.querySelectorAll("#watch .steps li").length > 0);
  await page.click("#play-cache");
  await page.waitForFunction(() => /under way/.test(document.querySelector("#trouble").textContent));
  const other = await open(t, browser, home, "");
  await build(other.page, 1);
  await other.page.click("#start");
  await other.page.waitForFunction(() => /under way/.test(document.querySelector("#trouble").textContent));
  await page.click("#stop");
  await page.waitForFunction(() => /was stopped before/.test(document.querySelector("#watch .now").textContent));
});

test("a run is stopped, another one waits its turn, and what was measured is kept", async (t) => {
  const { page, seen } = await open(t, browser, home, "");
  await build(page, 5);
  await page.click("#start");
  await page.waitForFunction(() => /round 1 of 5/.test(document.querySelector("#watch").textContent));
  await page.waitForFunction(() => document.querySelectorAll("#watch tbody tr").length > 0);
  await page.click("#start");
  await page.waitForFunction(() => /under way/.test(document.querySelector("#trouble").textContent));
  await page.click("#stop");
  await page.waitForFunction(() => /was stopped/.test(document.querySelector("#watch .now").textContent));
  await page.waitForSelector("#result");
  // That a run is under way is a conflict, which a browser notes.
  assert.deepEqual(seen.filter((one) => !one.includes("409")), []);
});

test("what cannot run is refused in the program's own words", async (t) => {
  const { page } = await open(t, browser, home, "");
  await page.click("#by-building");
  await page.fill("[name=batch] >> nth=0", "100000");
  await page.locator("[name=batch] >> nth=0").blur();
  await page.waitForFunction(() => /100000/.test(document.querySelector("#trouble").textContent));
});

test("only who has the whole address comes in, by number, and from no other site", async () => {
  const { host, port, pathname } = new URL(home);
  const status = (path_, headers, method = "GET") =>
    new Promise((done, failed) => {
      const request = http.request({ host: "127.0.0.1", port, path: path_, method, headers }, (answer) => {
        answer.resume();
        done(answer.statusCode);
      });
      request.on("error", failed).end();
    });
  const inside = `${pathname}/api/run`;
  assert.equal(await status(inside, { host }), 200);
  assert.equal(await status("/", { host }), 403);
  assert.equal(await status("/0000/api/run", { host }), 403);
  assert.equal(await status(inside, { host: `evil.example:${port}` }), 403);
  assert.equal(await status(inside, { host, origin: "http://evil.example" }), 403);
  assert.equal(await status(inside, { host, origin: "http://evil.example" }, "DELETE"), 403);
  assert.equal(await status(`${pathname}/site/..%2f..%2fetc/passwd`, { host }), 404);
});

for (const colorScheme of ["light", "dark"]) {
  test(`fits 360 and 1,920 pixels and axe has nothing to object to, ${colorScheme}`, async (t) => {
    for (const width of [360, 1920]) {
      const options = { viewport: { width, height: 900 }, colorScheme, bypassCSP: true };
      const { page } = await open(t, browser, home, "", options);
      await build(page, 1);
      assert.deepEqual(await objections(page), []);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
      await page.click("#by-scenario");
      assert.deepEqual(await objections(page), []);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
    }
  });
}

/** Goes through the page by Tab, and chooses what is to be seen at the button `entered`. */
async function walk(page, entered, appears) {
  const reached = [];
  for (let step = 0; step < 60; step += 1) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === document.body) return null;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return { what: element.id || element.name || element.className || element.tagName, width: parseFloat(outlineWidth), outlineStyle };
    });
    if (focus === null) break;
    assert.ok(focus.width >= 2 && focus.outlineStyle !== "none", JSON.stringify(focus));
    reached.push(focus.what);
    if (focus.what !== entered) continue;
    await page.keyboard.press("Enter");
    await page.waitForSelector(appears);
  }
  return reached;
}

test("everything is reached by keyboard, and focus shows", async (t) => {
  const { page } = await open(t, browser, home, "");
  const arms = await walk(page, "by-building", "#start");
  for (const what of ["theme", "by-building", "pipeline", "rate", "words", "ratio", "start"])
    assert.ok(arms.includes(what), `${what} in ${arms}`);
  await page.reload();
  await ready(page);
  const scenarios = await walk(page, "by-scenario", "#phase");
  for (const what of ["phase", "play-spike", "play-breaker", "play-end-to-end"])
    assert.ok(scenarios.includes(what), `${what} in ${scenarios}`);
});
