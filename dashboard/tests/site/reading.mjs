// What a reader does on the site: choosing, looking closer, passing a view on, printing, and all of
// it by keyboard. Part of `site.test.mjs`, which records the runs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { open, pictures, ready, visit } from "../site-support.mjs";

/** `shared`: what the tests of one recording have in common, filled before they run. */
export function reading(shared) {
  test("everything can be reached and used by keyboard, and focus shows", async (t) => {
    const { page, seen } = await open(t, shared.browser, shared.site.file, shared.run("plain"));
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
    // On a busy machine nobody may be answered in time.
    assert.match(await page.textContent("#dots table"), /http1-memory.*(ms|> timeout)/);
    assert.deepEqual(seen, []);
  });

  test("choices change the charts, hold in the address, and offer only what was measured", async (t) => {
    const { page, seen } = await open(t, shared.browser, shared.site.file, shared.run("plain"));
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

  test("runs are narrowed down by words and seals, and the choice can be passed on", async (t) => {
    const { page, seen } = await open(t, shared.browser, shared.home, "index.html");
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

  test("a reader looks closer by mouse and by keyboard, and gets the whole back", async (t) => {
    const { page, seen } = await open(t, shared.browser, shared.site.file, shared.run("plain"));
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

  test("every picture and section has an address that holds the choice", async (t) => {
    const { page, seen } = await open(t, shared.browser, shared.site.file, shared.run("plain"));
    await page.selectOption("#load", "low");
    await page.locator("input[name=round]").first().uncheck();
    const links = await page.$$eval("#spectrum a.anchor, #ledger a.anchor", (all) => all.map((link) => link.href));
    assert.equal(links.length, 2);
    for (const [link, id] of [
      [links[0], "spectrum"],
      [links[1], "ledger"],
    ]) {
      const other = await open(t, shared.browser, shared.site.file, link.slice(shared.site.file.length + 1));
      assert.equal(await other.page.inputValue("#load"), "low");
      assert.equal(await other.page.locator("input[name=round]").first().isChecked(), false);
      assert.equal(await other.page.evaluate(() => document.activeElement.id), id);
      const { top, height } = await other.page.locator(`#${id}`).evaluate((one) => {
        const box = one.getBoundingClientRect();
        return { top: box.top, height: window.innerHeight };
      });
      assert.ok(top > -5 && top < height, `${id} is ${top} down`);
      assert.deepEqual(other.seen, []);
    }
    await page.evaluate(() => (window.location.hash = "load=high&latency=lateness&at=cost"));
    await page.waitForFunction(() => document.activeElement.id === "cost");
    assert.equal(await page.inputValue("#load"), "high");
    assert.equal(await page.inputValue("#latency"), "lateness");
    assert.equal(await page.locator("input[name=round]").first().isChecked(), true);
    assert.deepEqual(seen, []);
  });

  test("on paper it is light and nothing is cut; afterwards the screen is as before", async (t) => {
    const { page, seen } = await open(t, shared.browser, shared.site.file, shared.run("plain"), { colorScheme: "dark" });
    const before = await pictures(page);
    await page.evaluate(() => {
      window.addEventListener("beforeprint", () => {
        const [canvas] = document.querySelectorAll("canvas");
        window.printed = {
          scheme: getComputedStyle(document.documentElement).colorScheme,
          ratio: canvas.width / canvas.clientWidth,
        };
      });
    });
    for (const format of ["A4", "Letter"]) {
      const pdf = await page.pdf({ format });
      assert.equal(pdf.subarray(0, 5).toString(), "%PDF-");
      const { scheme, ratio } = await page.evaluate(() => window.printed);
      assert.equal(scheme, "light");
      assert.ok(ratio > 2, `${ratio} dots for a pixel`);
    }
    assert.equal(await page.getAttribute("html", "class"), "");
    await page.waitForFunction((all) => {
      const now = [...document.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL());
      return JSON.stringify(now) === JSON.stringify(all);
    }, before);
    await page.emulateMedia({ media: "print" });
    // A4 without its margins, in pixels.
    await page.setViewportSize({ width: 695, height: 1000 });
    await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
    const cut = await page.evaluate(() =>
      [...document.querySelectorAll("main *")]
        .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .map((one) => one.outerHTML.slice(0, 80)),
    );
    assert.deepEqual(cut, []);
    assert.equal(await page.locator("#theme").isVisible(), false);
    assert.deepEqual(seen, []);
  });
}
