// How the site looks: at any width, in both themes, for people who see, move or wait differently,
// and with hundreds of runs. Part of `site.test.mjs`, which records the runs.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { objections, open, pictures, ready, unfold, visit, write } from "../site-support.mjs";

/** `shared`: what the tests of one recording have in common, filled before they run. */
export function looks(shared) {
  for (const width of [360, 1920]) {
    for (const colorScheme of ["light", "dark"]) {
      test(`fits ${width} pixels, ${colorScheme}`, async (t) => {
        const viewport = { width, height: 900 };
        const { page, seen } = await open(t, shared.browser, shared.site.file, "index.html", { viewport, colorScheme });
        for (const address of ["index.html", shared.run("plain"), shared.run("hostile"), shared.run("killed"), shared.compared("plain", "hostile")]) {
          await visit(page, `${shared.site.file}/${address}`);
          for (const summary of await page.locator("main summary").all()) await unfold(summary);
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
    const { page, seen } = await open(t, shared.browser, shared.home, shared.run("plain"), { colorScheme: "light" });
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
      const { page } = await open(t, shared.browser, shared.site.file, "index.html", { colorScheme });
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

  test("axe finds nothing to object to, in both themes", async (t) => {
    for (const colorScheme of ["light", "dark"]) {
      for (const address of ["index.html", shared.run("plain"), shared.run("killed"), shared.compared("plain", "killed")]) {
        const { page } = await open(t, shared.browser, shared.home, address, { colorScheme, bypassCSP: true });
        for (const summary of await page.locator("main summary").all()) await unfold(summary);
        assert.deepEqual(await objections(page), [], `${address}, ${colorScheme}`);
      }
    }
  });

  test("two hundred runs are listed within a second of being asked for", async (t) => {
    const many = path.join(shared.recorded.results, "many");
    await write(shared.recorded.results, many, true);
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
    const { page, seen } = await open(t, shared.browser, `file://${many}`, "index.html");
    assert.match(await page.textContent("#runs [role=status]"), /200 runs of 200, 20 questions/);
    // What the page itself needs, in a budget that a machine ten times slower than a second's holds.
    const nodes = await page.evaluate(() => document.querySelectorAll("*").length);
    assert.ok(nodes < 5_000, `${nodes} elements: the earlier runs wait until they are asked for`);
    t.diagnostic(`listed after ${await page.evaluate(() => Math.round(performance.now()))} ms`);
    assert.deepEqual(seen, []);
  });

  test("nothing moves where no motion is wanted", async (t) => {
    const { page } = await open(t, shared.browser, shared.site.file, shared.run("plain"), { reducedMotion: "reduce" });
    await page.selectOption("#load", "low");
    const moving = await page.evaluate(() => [
      ...document.getAnimations().map(({ animationName }) => animationName),
      ...[...document.querySelectorAll("*")].filter((one) => parseFloat(getComputedStyle(one).transitionDuration) > 0),
      ...Object.values(window.Chart.instances).filter((chart) => chart.options.animation),
    ]);
    assert.deepEqual(moving, []);
  });
}
