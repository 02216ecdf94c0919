// The results site in a real browser, on runs that the program recorded a moment ago: from files
// and from a host below a path, with Chart.js and without, with every name a trap.

import assert from "node:assert/strict";
import { readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import {
  HOSTILE,
  colours,
  host,
  launch,
  objections,
  open,
  pictures,
  ready,
  record,
  tailrace,
  visit,
  write,
} from "./site-support.mjs";

let browser, recorded, site, home;
// What must end with the tests; a hook that is set within a hook would end with that.
const ends = [];
before(async () => {
  const later = (end) => ends.push(end);
  recorded = await record(later);
  site = await write(recorded.results, path.join(recorded.results, "site"), true);
  home = await host(later, site.out);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  for (const end of ends) await end();
});

const run = (name) => `run.html?run=${recorded[name]}`;
const compared = (a, b) => `compare.html?a=${recorded[a]}&b=${recorded[b]}`;

/** Everything of both pages that must hold wherever the site is. */
async function checkPages(t, from) {
  const { page, seen } = await open(t, browser, from, "index.html");
  assert.equal(await page.locator(".runs > li").count(), 1, "one question");
  assert.match(await page.textContent("#runs [role=status]"), /3 runs of 3, 1 question/);
  await page.locator(".runs summary").click();
  await page.locator(".attempts > li").nth(2).waitFor();
  await page.locator(`.attempts a[href$="${recorded.plain}"]`).click();
  await page.waitForSelector("#answer");
  await ready(page);
  assert.match(await page.textContent("h1"), /What does each way of ingesting cost/);
  const drawn = await colours(page);
  assert.equal(drawn.length, 9, "dots, CPU, spectrum, three timelines, rate, wire, memory");
  for (const [label, found] of drawn) assert.ok(label.length > 20 && found > 8, `${label}: ${found} colours`);
  assert.deepEqual(seen, []);
}

test("opens from the file system", (t) => checkPages(t, site.file));

test("opens from a host below a path, and every download is there", async (t) => {
  await checkPages(t, home);
  const { page } = await open(t, browser, home, run("plain"));
  for (const details of await page.locator("#downloads details, #trials details").all())
    await details.locator("summary").click();
  const links = await page.$$eval("#downloads a, #trials a", (all) => all.map((link) => link.href));
  assert.ok(links.length > 60, `${links.length} links`);
  for (const link of new Set(links)) assert.equal((await fetch(link)).status, 200, link);
});

test("percentiles of the page are those of the records", async (t) => {
  const { page } = await open(t, browser, site.file, run("plain"));
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
        ["ack", "service", "lateness", "live"].map((latency) => [latency, trial[latency] && figures(trial, latency)]),
      ),
    }));
  });
  assert.equal(computed.length, 16);
  for (const { place, ...latencies } of computed) {
    const file = path.join(recorded.results, recorded.plain, "trials", place, "trial.json");
    const record = JSON.parse(await readFile(file, "utf8")).latencies;
    for (const [latency, figures] of Object.entries(latencies)) {
      const known = record[latency]?.quantiles.map(({ q, ns, support }) => ({ q, ns, support }));
      assert.deepEqual(figures, known ?? null, `${place} ${latency}`);
    }
  }
  const told = await page.locator("#recomputed").evaluate((p) => ({ ...p.dataset }));
  assert.ok(Number(told.all) >= 8 && told.equal === told.all, JSON.stringify(told));
});

for (const width of [360, 1920]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`fits ${width} pixels, ${colorScheme}`, async (t) => {
      const viewport = { width, height: 900 };
      const { page, seen } = await open(t, browser, site.file, "index.html", { viewport, colorScheme });
      for (const address of ["index.html", run("plain"), run("hostile"), run("killed"), compared("plain", "hostile")]) {
        await visit(page, `${site.file}/${address}`);
        for (const summary of await page.locator("main summary").all()) await summary.click();
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${address} is ${wide} wide`);
        const [red] = await page.evaluate(() =>
          getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number),
        );
        assert.equal(red > 128, colorScheme === "light");
      }
      assert.deepEqual(seen, []);
    });
  }
}

test("a chosen theme is remembered and charts follow it", async (t) => {
  const { page, seen } = await open(t, browser, home, run("plain"), { colorScheme: "light" });
  const light = await pictures(page);
  await page.selectOption("#theme", "dark");
  const dark = await pictures(page);
  dark.forEach((picture, index) => assert.notEqual(picture, light[index]));
  await page.reload();
  await ready(page);
  assert.equal(await page.inputValue("#theme"), "dark");
  assert.equal(await page.getAttribute("html", "data-theme"), "dark");
  assert.deepEqual(await pictures(page), dark);
  assert.deepEqual(seen, []);
});

test("text stands out from its background, in both themes", async (t) => {
  for (const colorScheme of ["light", "dark"]) {
    const { page } = await open(t, browser, site.file, "index.html", { colorScheme });
    const low = await page.evaluate(() => {
      const light = (name) => {
        const parts = window.Tailrace.theme
          .colour(name)
          .match(/[\d.]+/g)
          .slice(0, 3)
          .map((part) => part / 255);
        const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const texts = ["ink", "muted", "accent", "alarm", "care", "good"];
      const found = texts.flatMap((text) =>
        ["page", "card"].map((ground) => [text, ground, ratio(light(text), light(ground))]),
      );
      found.push(
        ["ink", "soft", ratio(light("ink"), light("soft"))],
        ["muted", "soft", ratio(light("muted"), light("soft"))],
      );
      return found.filter(([, , value]) => value < 4.5);
    });
    assert.deepEqual(low, [], colorScheme);
  }
});

test("everything can be reached and used by keyboard, and focus shows", async (t) => {
  const { page, seen } = await open(t, browser, site.file, run("plain"));
  const reached = [];
  for (let step = 0; step < 200; step += 1) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === document.body) return null;
      const shown = element.closest(".chip") ?? element;
      const { outlineStyle, outlineWidth } = getComputedStyle(shown);
      const box = shown.getBoundingClientRect();
      return {
        what: element.id || element.name || element.className || element.tagName,
        outline: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
        seen: box.width > 0 && box.right > 0,
      };
    });
    if (focus === null) break;
    assert.ok(focus.outline && focus.seen, `no visible focus on ${JSON.stringify(focus)}`);
    reached.push(focus.what);
  }
  assert.equal(reached[0], "skip");
  for (const what of ["theme", "load", "latency", "round", "arm", "SUMMARY", "scroll"])
    assert.ok(reached.includes(what), `${what} in ${reached}`);
  const first = await pictures(page);
  await page.focus("input[name=round] >> nth=0");
  await page.keyboard.press("Space");
  assert.notDeepEqual(await pictures(page), first);
  assert.match(page.url(), /rounds=2/);
  await page.focus("#dots summary");
  await page.keyboard.press("Enter");
  assert.match(await page.textContent("#dots table"), /http1-memory.*ms/);
  assert.deepEqual(seen, []);
});

test("choices change the charts, hold in the address, and offer only what was measured", async (t) => {
  const { page, seen } = await open(t, browser, site.file, run("plain"));
  const disabled = () => page.locator("#latency option[value=live]").evaluate((option) => option.disabled);
  assert.equal(await disabled(), true);
  await page.selectOption("#load", "low-live");
  assert.equal(await disabled(), false);
  await page.selectOption("#latency", "live");
  await page.locator("input[name=arm][value=floor]").uncheck();
  await page.reload();
  await ready(page);
  assert.equal(await page.inputValue("#load"), "low-live");
  assert.equal(await page.inputValue("#latency"), "live");
  assert.equal(await page.locator("input[name=arm][value=floor]").isChecked(), false);
  await page.selectOption("#load", "high");
  assert.equal(await page.inputValue("#latency"), "ack");
  const boxes = page.locator("input[name=round]");
  await boxes.nth(0).uncheck();
  await boxes.nth(1).click();
  assert.equal(await boxes.nth(1).isChecked(), true, "the last round stays");
  assert.deepEqual(seen, []);
});

test("names of results are text, whatever they say", async (t) => {
  const { page, seen } = await open(t, browser, home, "index.html");
  await page.locator(".runs summary").click();
  await page.locator(".attempts > li").nth(2).waitFor();
  assert.ok((await page.textContent("#runs")).includes(HOSTILE));
  await visit(page, `${home}/${run("hostile")}`);
  for (const summary of await page.locator("summary").all()) await summary.click();
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

test("a killed server is told: broken batches, the fault, no percentile that was not seen", async (t) => {
  const { page, seen } = await open(t, browser, site.file, run("killed"));
  const struck = await page.evaluate(() => window.TAILRACE_RUN.trials.find((trial) => trial.faults.length));
  await page.selectOption("#load", struck.load);
  assert.match(await page.textContent("#timeline"), /Faults made on purpose: server killed/);
  const { scheduled, acked, broken } = struck.outcomes;
  assert.ok(acked < scheduled, "the fault did something");
  const ledger = await page.locator("#ledger tr", { hasText: struck.arm }).first().innerText();
  const told = ledger.replaceAll("\u202f", "").split(/\s+/);
  for (const figure of [scheduled, acked, broken]) assert.ok(told.includes(String(figure)), ledger);
  assert.deepEqual(seen, []);
});

test("without Chart.js the run's plots stand in, and the page says so", async (t) => {
  const bare = await write(recorded.results, path.join(recorded.results, "bare"), false);
  const { page, seen } = await open(t, browser, bare.file, run("plain"));
  assert.match(await page.textContent("#no-charts"), /Chart\.js is missing.*npm was not to be asked/);
  await page.locator("#downloads").scrollIntoViewIfNeeded();
  const plots = page.locator("img.plot");
  assert.ok((await plots.count()) >= 4);
  for (const plot of await plots.all()) {
    await plot.scrollIntoViewIfNeeded();
    await plot.evaluate((image) => image.decode());
  }
  await page.locator("#spectrum summary").click();
  assert.match(await page.textContent("#spectrum table"), /99.9 %/);
  assert.deepEqual(seen, []);
});

test("runs are narrowed down by words and seals, and the choice can be passed on", async (t) => {
  const { page, seen } = await open(t, browser, home, "index.html");
  await page.fill("#search", "no such thing");
  assert.match(await page.textContent("#runs [role=status]"), /0 runs of 3/);
  assert.equal(await page.locator(".runs > li").count(), 0);
  await page.fill("#search", "WS-MEMORY race");
  assert.match(await page.textContent("#runs [role=status]"), /1 run of 3/);
  await page.reload();
  await ready(page);
  assert.equal(await page.inputValue("#search"), "WS-MEMORY race");
  await page.fill("#search", "");
  await page.selectOption("#seal", "counts");
  assert.match(await page.textContent("#runs [role=status]"), /0 runs of 3/, "debug builds have no figures");
  assert.deepEqual(seen, []);
});

test("two runs stand side by side by their ratios to the floor, and by nothing else", async (t) => {
  const { page, seen } = await open(t, browser, site.file, "index.html");
  await page.locator(".runs summary").click();
  for (const name of ["plain", "killed"]) await page.getByLabel(`Compare ${recorded[name]}`).check();
  await page.locator("#compare").click();
  await page.waitForSelector("table");
  const text = await page.textContent("main");
  for (const told of [recorded.plain, recorded.killed, "A ÷ its floor", "tailrace compare"])
    assert.ok(text.includes(told), told);
  const rows = page.locator("tbody tr", { hasText: "http1-memory" });
  assert.ok((await rows.count()) >= 3);
  const shipped = await page.evaluate(() => window.TAILRACE_RUN.to_floor.length);
  assert.ok(shipped >= 6, `${shipped} ratios`);
  assert.deepEqual(seen, []);
});

test("a comparison without a floor is refused with a sentence", async (t) => {
  const { page } = await open(t, browser, site.file, run("plain"));
  const bare = path.join(recorded.results, "floorless");
  await write(recorded.results, bare, true);
  for (const file of await readdir(path.join(bare, "data"))) {
    const whole = path.join(bare, "data", file);
    await writeFile(whole, (await readFile(whole, "utf8")).replaceAll('"floor":true', '"floor":false'));
  }
  await visit(page, `file://${bare}/${compared("plain", "killed")}`);
  assert.match(await page.textContent("#refused"), /has no floor.*Race the arms in one run/);
  await visit(page, `${site.file}/${compared("plain", "plain")}`);
  assert.match(await page.textContent("#refused"), /one run twice/);
});

test("a reader looks closer by mouse and by keyboard, and gets the whole back", async (t) => {
  const { page, seen } = await open(t, browser, site.file, run("plain"));
  for (const id of ["#spectrum", "#knee", "#timeline"]) {
    const canvas = page.locator(`${id} canvas`).first();
    await canvas.scrollIntoViewIfNeeded();
    const box = await canvas.boundingBox();
    const whole = await canvas.evaluate((one) => one.toDataURL());
    await page.mouse.move(box.x + box.width * 0.4, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2, { steps: 3 });
    await page.mouse.up();
    const [from, to] = (await canvas.getAttribute("data-shown")).split(" ").map(Number);
    assert.ok(from < to, `${id}: ${from} to ${to}`);
    await canvas.focus();
    await page.keyboard.press("+");
    const [closer, end] = (await canvas.getAttribute("data-shown")).split(" ").map(Number);
    assert.ok(closer > from && end < to, `${id}: ${closer} to ${end}`);
    await page.keyboard.press("0");
    assert.equal(await canvas.getAttribute("data-shown"), "all");
    await page.mouse.move(0, 0);
    assert.ok((await canvas.evaluate((one) => one.toDataURL())) === whole, `${id} looks as before`);
  }
  assert.deepEqual(seen, []);
});

test("axe finds nothing to object to, in both themes", async (t) => {
  for (const colorScheme of ["light", "dark"]) {
    for (const address of ["index.html", run("plain"), run("killed"), compared("plain", "killed")]) {
      const { page } = await open(t, browser, home, address, { colorScheme, bypassCSP: true });
      for (const summary of await page.locator("main summary").all()) await summary.click();
      assert.deepEqual(await objections(page), [], `${address}, ${colorScheme}`);
    }
  }
});

test("two hundred runs are listed within a second of being asked for", async (t) => {
  const many = path.join(recorded.results, "many");
  await write(recorded.results, many, true);
  const file = path.join(many, "data/runs.js");
  const text = await readFile(file, "utf8");
  const start = text.indexOf("{");
  const list = JSON.parse(text.slice(start, text.lastIndexOf("}") + 1));
  const [first] = list.runs;
  list.runs = Array.from({ length: 200 }, (_, index) => ({
    ...first,
    name: `${first.name}-${index}`,
    place: `${first.place}-${index}`,
    experiment: `experiment ${index % 20}`,
  }));
  await writeFile(file, text.slice(0, start) + JSON.stringify(list) + ";\n");
  const { page, seen } = await open(t, browser, `file://${many}`, "index.html");
  assert.match(await page.textContent("#runs [role=status]"), /200 runs of 200, 20 questions/);
  // What the page itself needs, in a budget that a machine ten times slower than a second's holds.
  const nodes = await page.evaluate(() => document.querySelectorAll("*").length);
  assert.ok(nodes < 5_000, `${nodes} elements: the earlier runs wait until they are asked for`);
  t.diagnostic(`listed after ${await page.evaluate(() => Math.round(performance.now()))} ms`);
  assert.deepEqual(seen, []);
});

test("an address that names no run loads nothing and says so", async (t) => {
  for (const name of ["nobody", "../../etc/passwd", ""]) {
    const { page, seen } = await open(t, browser, home, `run.html?run=${encodeURIComponent(name)}`);
    assert.match(await page.textContent("main"), name ? /There is no run/ : /names no run/);
    assert.deepEqual(seen, []);
  }
});

test("npm brings the locked Chart.js once; where it is missing the reason is told", async (t) => {
  const out = path.join(recorded.results, "npm");
  const words = ["site", "--results", recorded.results, "--out", out];
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
  const { page, seen } = await open(t, browser, `file://${out}`, run("plain"));
  assert.ok((await colours(page)).every(([, found]) => found > 8));
  assert.deepEqual(seen, []);
});
