// The live page's views in a real browser: each has a permanent link, a keyboard reaches what it has,
// axe finds nothing to object to, and it fits every screen; the fleet's tops, one host, and alerts
// show what a real server was sent and found.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { behindPrefix, launch, objections, open, post, produced, serve, shows, state, until } from "./live-support.mjs";

const HOSTILE = "<img src=x onerror=alert(1)>";
/** With a store, so that the server's own detector looks for spikes. */
const STORED = { flags: ["--store", "sqlite::temporary:"] };

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const nav = (page, view) => page.locator("#views").getByRole("link", { name: view, exact: true });

/** A host that sent what it usually does, and then `last`. */
async function habit(server, host, last, name = "queue") {
  const metrics = Array.from({ length: 20 }, (_, i) => ({ name, value: 100 + (i % 3), attributes: { host } }));
  await post(server, metrics);
  if (last !== undefined) await post(server, { name, value: last, attributes: { host } });
}

test("views are links: one is current, the keyboard goes on in it, and the address keeps it", async (t) => {
  const server = await serve(t);
  const { page, seen } = await open(t, browser, server);
  await state(page, "live");
  assert.equal(await page.locator("h1").count(), 1);
  for (const view of ["Host", "Alerts", "Fleet"]) {
    await nav(page, view).focus();
    await page.keyboard.press("Enter");
    await page.waitForSelector(`#view-${view.toLowerCase()}:not([hidden])`);
    assert.equal(await page.locator("#content > .view:not([hidden])").count(), 1);
    assert.deepEqual(await page.locator("#views [aria-current=page]").allTextContents(), [view]);
    assert.equal(await page.evaluate(() => document.activeElement.id), `view-${view.toLowerCase()}`);
    await page.waitForFunction((title) => document.title === title, `${view} · http1-memory · Tailrace live`);
  }
  await page.goBack();
  await page.waitForSelector("#view-alerts:not([hidden])");
  await page.reload();
  await page.waitForSelector("#view-alerts:not([hidden])");
  await page.evaluate(() => (location.hash = "#nowhere"));
  await page.waitForSelector("#view-fleet:not([hidden])");
  assert.deepEqual(seen, []);
});

test("top hosts follow a metric that the reader chose, and the link remembers it", async (t) => {
  const server = await serve(t);
  const { page, seen } = await open(t, browser, server);
  await state(page, "live");
  for (const [host, value] of [["quiet", 1], ["busy", 900], ["middling", 30]]) {
    await post(server, [{ name: "load", value: 2 * value, attributes: { host } }, { name: "load", value, attributes: { host } }]);
  }
  await page.selectOption("#top-by", "last:load");
  await shows(page, "#top-hosts tbody", /^busy900.*middling30.*quiet1/);
  assert.match(page.url(), /#fleet\?top=last%3Aload$/);
  await page.selectOption("#top-by", "mean:load");
  await shows(page, "#top-hosts tbody", /^busy1,?350/);
  await page.reload();
  await state(page, "live");
  assert.equal(await page.inputValue("#top-by"), "mean:load");
  await shows(page, "#top-hosts tbody", /No host has reported load so far/);
  await post(server, { name: "load", value: 5, attributes: { host: "later" } });
  await shows(page, "#top-hosts tbody", /^later5/);
  assert.deepEqual(seen, []);
});

test("one host: found by typing, charted, silent when it stops, and its name stays text", async (t) => {
  const server = await serve(t);
  const { page, seen } = await open(t, browser, server);
  await state(page, "live");
  const host = `${HOSTILE}&?=#`;
  await habit(server, host, 500, HOSTILE);
  await post(server, { name: "event.login", value: 1, attributes: { host, user: HOSTILE } });
  await habit(server, "web-1");
  await nav(page, "Host").click();
  await shows(page, "#view-host", /2 of 2 hosts fit/);
  await page.fill("#host-search", "onerror");
  await shows(page, "#view-host", /1 of 2 hosts fit/);
  await page.press("#host-search", "Enter");
  await page.waitForSelector(".one-host:not([hidden])");
  await shows(page, ".one-host h2", /^<img src=x onerror=alert\(1\)>&\?=#$/);
  // Last, mean of 21 values, lowest, highest.
  await shows(page, ".one-host", /Last values.*<img src=x onerror=alert\(1\)>500120100500/);
  await shows(page, ".one-host", /login.*user=<img src=x/);
  await shows(page, ".one-host", /Spikes found by this page.*500101/);
  assert.equal(await page.locator(".one-host canvas").count(), 1);
  // It stops; after a few of its pauses, and 5 s at least, that is said.
  await shows(page, ".host-head .chip", /^Silent since \d+\ss$/);
  await post(server, { name: "queue", value: 1, attributes: { host } });
  await shows(page, ".host-head .chip", /^Reports: /);
  await page.waitForFunction(() => document.querySelectorAll(".one-host canvas").length === 2);
  const link = page.url();
  assert.match(link, /#host=%3Cimg/);
  await page.reload();
  await state(page, "live");
  assert.equal(page.url(), link);
  await shows(page, ".one-host h2", /^<img src=x onerror/);
  await shows(page, ".host-head .chip", /^Not heard since this page was opened$/);
  await page.getByRole("link", { name: "All hosts" }).click();
  await page.waitForSelector(".one-host[hidden]", { state: "attached" });
  assert.equal(await page.locator("img").count(), 0);
  assert.deepEqual(seen, []);
});

test("alerts of the server's detector stand beside the page's own: remembered, new, filtered", async (t) => {
  const server = await serve(t, STORED);
  await habit(server, "early", 900);
  const told = async () => (await (await fetch(`${server.url}/v1/alerts`)).json()).alerts.length;
  await until("the detector has found the first spike", async () => (await told()) === 1);
  const { page, seen } = await open(t, browser, server, { hash: "#alerts" });
  await state(page, "live");
  await shows(page, "#server-alerts", /early.*queue900101/);
  await shows(page, "#alerts", /Nothing so far/);
  await habit(server, "late", 700);
  await shows(page, "#server-alerts", /late.*queue70010\d.*early/);
  await shows(page, "#alerts", /late.*queue700/);
  await page.fill("#filter", "EARLY");
  await shows(page, "#alerts", /Nothing here fits the filter/);
  assert.doesNotMatch(await page.textContent("#server-alerts"), /late/);
  assert.match(page.url(), /#alerts\?q=EARLY$/);
  await page.locator("#server-alerts a").click();
  await shows(page, ".one-host h2", /^early$/);
  await shows(page, ".one-host", /Alerts of the server.*early.*900/);
  await nav(page, "Fleet").click();
  await shows(page, "#found-there", /late.*early/);
  await shows(page, "#found-note", /^here; 1 by the server$/);
  await page.waitForSelector("#lag:not([hidden])");
  await shows(page, "#lag-batches", /^\d+$/);
  assert.deepEqual(seen, []);
});

test("every view fits 360 and 1,920 pixels, pleases axe in both themes, and shows where the focus is", async (t) => {
  const server = await serve(t, STORED);
  await habit(server, "x".repeat(250), 900, "y".repeat(250));
  const { page, seen } = await open(t, browser, server);
  await state(page, "live");
  // Then nothing comes and goes while the keyboard is on its way.
  await produced(server, "--hosts", "20", "--shape", "mixed", "--every", "250ms", "--for", "2s");
  await shows(page, "#events", /page_view/);
  for (const hash of ["#fleet", "#host", "#host=host-0001", "#alerts"]) {
    await page.evaluate((to) => (location.hash = to), hash);
    await page.waitForFunction((to) => document.querySelector("#views [aria-current]").getAttribute("href") === to, hash.replace(/=.*/, ""));
    await page.waitForFunction(() => document.querySelector("#content > .view:not([hidden]) td"));
    for (const theme of ["light", "dark"]) {
      await page.selectOption("#theme", theme);
      for (const width of [360, 1920]) {
        await page.setViewportSize({ width, height: 800 });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(wide <= 0, `${hash} is ${wide} pixels too wide at ${width} in ${theme}`);
      }
      // Only colours depend on the theme.
      const rules = theme === "dark" ? ["color-contrast"] : undefined;
      assert.deepEqual(await objections(page, rules), [], `${hash} ${theme}`);
    }
    await everyStopIsSeen(page, hash);
  }
  assert.deepEqual(seen, []);
});

/** Goes through the page by keyboard: whatever is there to use is reached, in order, and seen. */
async function everyStopIsSeen(page, hash) {
  await page.focus(".skip");
  const expected = await page.evaluate(() => {
    const all = document.querySelectorAll("a[href], button, input, select, [tabindex='0']");
    return [...all].filter((element) => element.checkVisibility() && !element.disabled).length;
  });
  let stops = 1;
  for (;;) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      const name = document.activeElement.outerHTML.slice(0, 80);
      return { name, away: document.activeElement === document.body, seen: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 };
    });
    if (at.away) break;
    assert.ok(at.seen, `${hash}: no visible focus on ${at.name}`);
    stops += 1;
    assert.ok(stops < 200, `${hash}: the focus goes round`);
  }
  assert.equal(stops, expected, `${hash}: ${stops} stops, ${expected} things to use`);
}

test("the page works below a path, behind a proxy", async (t) => {
  const server = await serve(t, STORED);
  const proxied = await behindPrefix(t, server, "/lab/live/");
  const { page, seen } = await open(t, browser, proxied);
  await state(page, "live");
  await post(server, { name: "through", value: 3 });
  await shows(page, "#batches", /through 3/);
  await shows(page, "#pipeline", /^http1-memory$/);
  await shows(page, "#metrics-total", /^1 in all$/);
  await page.click("#send button");
  await shows(page, "#send-answer", /^202/);
  assert.equal(await page.locator("#plain").isHidden(), true, "Chart.js came too");
  assert.deepEqual(seen, []);
});
