// Events and History of the live page in a real browser, on a real server with a store that was
// filled a moment before: filters, pages, ranges, charts, files, events made by the form, tenants,
// and what the page says where there is no store.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { launch, objections, open, post, run, serve, shows, until } from "./live-support.mjs";

const HOSTILE = "<img src=x onerror=alert(1)>";
const DAY_MS = 86_400_000;
/** What the service says when its store is away. */
const AWAY = { type: "urn:tailrace:problem:store", title: "Away", status: 503, detail: "the store is away", retry_after_s: 2 };
/** Events of each tenant. */
const EVENTS = 1_500;

let browser;
let folder;
let store;
/** What tests share: nothing that they change is looked for by another. */
let server;
const ends = [];

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "tailrace-history-"));
  store = `sqlite:${path.join(folder, "history.db")}`;
  run("seed", "--store", store, "--tenants", "open,acme,globex", "--events", String(3 * EVENTS), "--days", "3");
  browser = await launch();
  server = await serve({ after: (end) => ends.push(end) }, { flags: ["--store", store] });
});
after(async () => {
  await browser.close();
  for (const end of ends) await end();
  await rm(folder, { recursive: true, force: true });
});

async function asked(where, headers = {}) {
  const answer = await fetch(`${server.url}/${where}`, { headers });
  assert.equal(answer.status, 200, where);
  return answer.json();
}

/** Opens a link into the page, and waits until its answer is there. */
async function look(t, hash, options) {
  const opened = await open(t, browser, server, { ...options, hash });
  return opened;
}

const rowsOf = (page) => page.locator("#view-events .rows tbody tr");
/** A control of the form that chooses what is shown. */
const named = (page, label) => page.locator(".view:not([hidden]) > :first-child").getByLabel(label, { exact: true });
const press = (page, name) => page.locator(".view:not([hidden])").getByRole("button", { name, exact: true }).click();
const counted = (page, pattern) => shows(page, "#view-events .place", pattern);

test("the log has filters, pages and permanent links", async (t) => {
  const { page, seen } = await look(t, "#events?from=-7d&zone=utc");
  await counted(page, new RegExp(`^50 rows of 1,500$`));
  const first = await rowsOf(page).first().textContent();
  await press(page, "Older");
  await page.waitForURL(/cursor=/);
  await page.waitForFunction((text) => document.querySelector("#view-events .rows tbody tr").textContent !== text, first);
  const second = await rowsOf(page).first().textContent();
  // The link of a page is that page, to somebody else as well.
  const elsewhere = await look(t, new URL(page.url()).hash);
  await counted(elsewhere.page, /of 1,500/);
  assert.equal(await rowsOf(elsewhere.page).first().textContent(), second);
  await press(page, "Newer");
  await page.waitForFunction((text) => document.querySelector("#view-events .rows tbody tr").textContent === text, first);
  // A type by its share, a user by the form.
  await page.locator(".shares").getByRole("link", { name: "click" }).click();
  const { rows: [{ count }] } = await asked("v1/metrics/aggregate?from=-7d&name=event.click&values=count");
  await counted(page, new RegExp(` of ${count.toLocaleString("en")}$`));
  assert.equal(await named(page, "Type").inputValue(), "click");
  const { rows } = await asked("v1/events?from=-7d&type=click&limit=1");
  const { user } = rows[0].attributes;
  await named(page, "User").fill(user);
  await named(page, "User").press("Enter");
  await page.waitForURL(new RegExp(`attr\\.user=${user}`));
  const all = await asked(`v1/events?from=-7d&type=click&attr.user=${user}&limit=1000`);
  await counted(page, new RegExp(` of ${all.rows.length}$`));
  for (const text of await rowsOf(page).allTextContents()) assert.match(text, new RegExp(`click.*user=${user}`));
  await press(page, "Clear filters");
  await counted(page, /of 1,500$/);
  assert.deepEqual(seen, []);
});

test("what is wrong in a form is said at its field", async (t) => {
  const { page, seen } = await look(t, "#events");
  await named(page, "Attributes").fill("novalue");
  await press(page, "Show");
  await shows(page, "#events-others-fault", /"novalue" is not key=value/);
  await named(page, "Attributes").fill("device=mobile");
  await named(page, "Range").selectOption("custom");
  await named(page, "First day").fill("2026-11-21");
  await named(page, "Last day").fill("2026-11-20");
  await press(page, "Show");
  await shows(page, "#events-range-fault", /ends before it begins/);
  assert.equal(await named(page, "Last day").getAttribute("aria-invalid"), "true");
  assert.deepEqual(seen, []);
});

test("the last day of a range is included, by the clock of the reader's zone", async (t) => {
  const { page, seen } = await look(t, "#events", { timezoneId: "Asia/Kolkata" });
  // Midnights of that zone are 18:30 of the day before.
  const today = new Date(Date.now() + 5.5 * 3_600_000).toISOString().slice(0, 10);
  await named(page, "Range").selectOption("custom");
  await named(page, "First day").fill(today);
  await named(page, "Last day").fill(today);
  const question = page.waitForRequest(/\/v1\/events\?/);
  await press(page, "Show");
  const parameters = new URL((await question).url()).searchParams;
  assert.match(parameters.get("from"), /T18:30:00/);
  assert.equal(Date.parse(parameters.get("to")) - Date.parse(parameters.get("from")), DAY_MS);
  await shows(page, "#view-events .answer", new RegExp(`${today} 00:00:00 to the end of ${today}, Asia/(Kolkata|Calcutta)`));
  await named(page, "Time zone").selectOption("utc");
  await shows(page, "#view-events .answer", / 18:30:00 to .* 18:30:00, UTC/);
  assert.deepEqual(seen, []);
});

test("history is drawn by bucket and attribute, with a table behind it, and says where it came from", async (t) => {
  const { page, seen } = await look(t, "#history?from=-7d&zone=utc");
  // A link without a name leads to the name that has most values.
  await page.waitForURL(/name=event\.page_view&values=count/);
  await shows(page, "#view-history .answer", /UTC\. From the store\./);
  const canvas = page.locator("#view-history canvas");
  const drawn = () => canvas.evaluate((one) => new Set(new Uint32Array(one.getContext("2d").getImageData(0, 0, one.width, one.height).data.buffer)).size);
  await until("a chart is drawn", async () => (await drawn()) > 3);
  await named(page, "By attribute").fill("device");
  await named(page, "Bucket").selectOption("1d");
  await shows(page, "#view-history .legend", /mobile.*desktop.*tablet|mobile.*tablet.*desktop/);
  await page.getByText("As a table").click();
  const answer = await asked("v1/metrics/aggregate?from=-7d&name=event.page_view&bucket=1d&group_by=device&values=count");
  await until("the table has the service's figures", async () => {
    const shown = await page.locator(".history-answer tbody tr").allTextContents();
    const expected = answer.rows.map(({ start, group, count }) => `${new Date(start).toISOString().slice(0, 19).replace("T", " ")}${group}${count}`);
    return JSON.stringify(shown) === JSON.stringify(expected);
  });
  await press(page, "Show");
  await shows(page, "#view-history .answer", /From the cache, .* old\./);
  await press(page, "Ask the store");
  await shows(page, "#view-history .answer", /From the store\./);
  await named(page, "Bucket").selectOption("all");
  await shows(page, "#view-history .bars", /mobile\d+/);
  assert.equal(await canvas.isVisible(), false);
  assert.deepEqual(seen, []);
});

test("an empty range tells where the newest is", async (t) => {
  const { page, seen } = await look(t, "#events?from=2001-01-01&to=2001-01-01&zone=utc");
  await shows(page, "#view-events .log", /The newest of these in the store is of 20\d\d-/);
  const lead = page.locator(".view:not([hidden])").getByRole("link", { name: "Show the hour before it" });
  await lead.click();
  await counted(page, /^\d+ rows? of \d+$/);
  assert.ok(await rowsOf(page).count() > 0);
  await page.evaluate(() => (location.hash = "#history?from=2001-01-01&to=2001-01-01&zone=utc"));
  await shows(page, "#view-history .answer", /no metrics of this range/);
  await lead.click();
  await page.waitForURL(/name=event\./);
  await shows(page, "#view-history .answer", /From the/);
  assert.deepEqual(seen, []);
});

test("an answer that is stale or coarser says so, and a refusal is words", async (t) => {
  const { page, seen } = await look(t, "#history?name=event.click&from=-1h&bucket=1s", {
    // A store that breaks on demand is no test of this page: the service's own tests break one.
    before: async (fresh) => {
      await fresh.route(/\/v1\/metrics\/aggregate/, async (route) => {
        const answer = await route.fetch();
        const told = { ...(await answer.json()), cache: "stale", age_ms: 90_000, bucket_ms: 60_000, degraded: { why: "the store is away" } };
        await route.fulfill({ response: answer, json: told });
      });
      await fresh.route(/\/v1\/summary/, (route) => route.fulfill({ status: 503, contentType: "application/problem+json", json: AWAY }));
    },
  });
  await shows(page, "#view-history .answer", /Stale: .* 90.s ago\. Coarser than asked for.*1.min instead of 1.s\. Why: the store is away\./);
  assert.equal(await page.locator("#view-history .answer").getAttribute("data-worse"), "true");
  await page.unroute(/\/v1\/metrics\/aggregate/);
  await named(page, "Range").selectOption("-7d");
  await named(page, "Bucket").selectOption("1s");
  await shows(page, "#view-history .answer", /^400: .*bucket of 1s makes .* buckets.*\.$/);
  // Rows are worth as much without what stands beside them.
  await page.evaluate(() => (location.hash = "#events?from=-7d"));
  await shows(page, ".shares", /503: Away: the store is away\. Try again in 2 s\./);
  assert.equal(await rowsOf(page).count(), 50);
  assert.deepEqual(seen.filter((fault) => !/status of (400|503)/.test(fault)), []);
});

test("without a store the page says what to do", async (t) => {
  const bare = await serve(t);
  const { page, seen } = await open(t, browser, bare, { hash: "#events" });
  await shows(page, "#view-events .answer", /no store.*start it with --store sqlite/);
  await page.evaluate(() => (location.hash = "#history"));
  await shows(page, "#view-history .answer", /no store.*start it with --store sqlite/);
  assert.deepEqual(seen.filter((fault) => !fault.includes("status of 404")), []);
});

async function downloaded(page, press_it) {
  const waiting = page.waitForEvent("download");
  await press_it();
  const download = await waiting;
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
}

test("files hold what is shown, and the whole range; a formula in them stays text", async (t) => {
  const time = Date.now() - 20 * DAY_MS;
  const names = ["=HYPERLINK(\"http://x\")", "@sum", "plain"];
  await post(server, names.map((name, i) => ({ name, value: i, time: time + i, attributes: { host: "-1+2" } })));
  const begin = new Date(time - 60_000).toISOString();
  const end = new Date(time + 60_000).toISOString();
  await until("they are stored", async () => (await asked(`v1/metrics?from=${begin}&to=${end}&cache=skip`)).rows.length === 3);
  const { page, seen } = await look(t, `#events?kind=all&from=${begin}&to=${end}`);
  await counted(page, /^3 rows of 3$/);
  const shown = await downloaded(page, () => press(page, "This page, CSV"));
  const [heading, ...lines] = shown.text.trimEnd().split("\r\n");
  assert.equal(heading, "time,name,value,attributes,run,producer,seq");
  assert.deepEqual(lines.map((line) => line.slice(line.indexOf(",") + 1).match(/^("(?:[^"]|"")*"|[^,]*)/)[0]), ["plain", "'@sum", "\"'=HYPERLINK(\"\"http://x\"\")\""]);
  assert.match(shown.name, /^tailrace-metrics-\d{8}T\d{4}-\d{8}T\d{4}\.csv$/);
  await page.evaluate(() => (location.hash = "#events?from=-7d&limit=25"));
  await counted(page, /^25 rows of 1,500$/);
  const part = await downloaded(page, () => press(page, "This page, JSON"));
  const { rows } = await asked("v1/events?from=-7d&limit=25");
  assert.deepEqual(JSON.parse(part.text), rows);
  // More than one page of the service.
  const all = await downloaded(page, () => press(page, "All 1,500, CSV"));
  assert.equal(all.text.trimEnd().split("\r\n").length, 1 + EVENTS);
  assert.equal(all.text.split("time,name").length, 2);
  await shows(page, "#view-events .export-said", /^1,500 rows in tailrace-events-/);
  const json = await downloaded(page, () => press(page, "All 1,500, JSON"));
  assert.equal(JSON.parse(json.text).length, EVENTS);
  assert.deepEqual(seen, []);
});

test("a file can be cancelled while its pages come", async (t) => {
  const { page } = await look(t, "#events?from=-7d");
  await counted(page, /of 1,500$/);
  let asked_for = 0;
  // The second page never comes.
  await page.route(/\/v1\/events\?.*limit=1000/, (route) => {
    asked_for += 1;
    if (asked_for === 1) return route.continue();
    return undefined;
  });
  await press(page, "All 1,500, CSV");
  await shows(page, "#view-events .export-said", /^1,000 of 1,500 rows$/);
  await press(page, "Cancel");
  await shows(page, "#view-events .export-said", /^Cancelled/);
  assert.equal(await page.locator("#view-events .running").isVisible(), false);
});

test("events of the form are acknowledged, stored and shown; a refusal stands at its field", async (t) => {
  const { page, seen } = await look(t, "#events?from=-15m");
  const form = page.locator(".make");
  const fill = (label, text) => form.getByLabel(label).fill(text);
  await fill("Type", "from_form");
  await fill("User", "u-form");
  await form.getByLabel("Device").selectOption("tablet");
  await fill("Value", "a lot");
  await press(page, "Make and send");
  await shows(page, ".make output", /^400: /);
  await shows(page, "#make-value-fault", /number/);
  assert.equal(await form.getByLabel("Value").getAttribute("aria-invalid"), "true");
  await fill("Value", "2.5");
  await fill("Date", "2026-10-31T12:00:00");
  await fill("Events of a batch", "4");
  await fill("Batches", "3");
  await press(page, "Make and send");
  await shows(page, ".make output", /^Acknowledged: 3 of 3 batches, 12 events\.$/);
  await shows(page, "#make-said", /^Stored\. Show them$/);
  await page.getByRole("link", { name: "Show them" }).click();
  await counted(page, /^12 rows of 12$/);
  const text = await rowsOf(page).first().textContent();
  assert.match(text, /2026-10-31.*from_form.*live-page #2.*2\.5.*device=tablet.*user=u-form/);
  assert.deepEqual(seen.filter((fault) => !fault.includes("status of 400")), []);
});

test("names and attributes that are markup stay text, and fit however long they are", async (t) => {
  const name = `${HOSTILE}${"x".repeat(200)}`;
  const attributes = { [HOSTILE]: HOSTILE, host: "h".repeat(1_000), user: HOSTILE, ["k".repeat(128)]: "v".repeat(1_000) };
  const time = Date.now() - 30 * DAY_MS;
  await post(server, [{ name: `event.${name}`, value: 1, time, attributes }, { name: "event.", value: 1, time }]);
  const range = `from=${new Date(time - 1).toISOString()}&to=${new Date(time + 60_000).toISOString()}`;
  await until("it is stored", async () => (await asked(`v1/events?${range}&cache=skip`)).rows.length === 2);
  const { page, seen } = await look(t, `#events?${range}`, { viewport: { width: 360, height: 800 } });
  const fits = async () => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), page.url());
  await shows(page, "#view-events .rows", /<img src=x.*<img src=x onerror=alert\(1\)>=<img.*host=h+…h+/);
  await shows(page, ".shares", /<img src=x.*without a type|without a type.*<img src=x/);
  await fits();
  const hash = (group) => `#history?${range}&name=${encodeURIComponent(`event.${name}`)}&group_by=${encodeURIComponent(group)}`;
  const go = (next) => page.evaluate((to) => (location.hash = to), next);
  await go(hash(HOSTILE));
  await shows(page, "#view-history .legend", /<img src=x/);
  await fits();
  await go(`${hash("host")}&bucket=all`);
  await shows(page, "#view-history .bars", /h+…h+/);
  await fits();
  assert.equal(await page.locator("img").count(), 0);
  assert.deepEqual(seen, []);
});

test("a tenant sees its own events, and goes on after its session expired", async (t) => {
  const file = path.join(folder, "keys.toml");
  const key = run("keys", "add", "reader", "--tenant", "acme", "--roles", "read", "--file", file).trim();
  const guarded = await serve(t, { keys: file, flags: ["--store", store] });
  const { page, seen } = await open(t, browser, guarded, { hash: "#events?from=-7d&name=click" });
  const log_in = async () => {
    await page.waitForSelector("#login:not([hidden])");
    assert.equal(await rowsOf(page).count() > 0 && (await rowsOf(page).first().isVisible()), false);
    await page.fill("#key", key);
    await page.press("#key", "Enter");
  };
  await log_in();
  const bearer = { authorization: `Bearer ${key}` };
  const answer = await fetch(`${guarded.url}/v1/events?from=-7d&type=click&limit=1000`, { headers: bearer });
  const { rows } = await answer.json();
  await counted(page, new RegExp(` of ${rows.length}$`));
  const texts = await rowsOf(page).allTextContents();
  assert.ok(texts.every((text) => /acme-\d/.test(text)), texts[0]);
  await shows(page, ".make", /Your key may not send/);
  // The session ends behind the page's back.
  const [cookie] = await page.context().cookies();
  const ended = await fetch(`${guarded.url}/v1/auth/session`, {
    method: "DELETE", headers: { cookie: `${cookie.name}=${cookie.value}`, "sec-fetch-site": "same-origin" },
  });
  assert.equal(ended.status, 204);
  await press(page, "Show").catch(() => {});
  await log_in();
  await counted(page, new RegExp(` of ${rows.length}$`));
  assert.match(page.url(), /#events\?.*name=click/);
  assert.deepEqual(seen.filter((fault) => !/status of 401|net::ERR/.test(fault)), []);
});

for (const colorScheme of ["light", "dark"]) {
  test(`both views fit 360 and 1,920 pixels and axe has nothing to object to, ${colorScheme}`, async (t) => {
    const { page, seen } = await look(t, "#events?from=2026-01-01&attr.device=mobile&limit=25", { colorScheme, bypassCSP: true });
    for (const [view, hash] of [["events", "#events?from=2026-01-01&attr.device=mobile&limit=25"], ["history", "#history?name=event.*&from=2026-01-01&group_by=device&bucket=1d"]]) {
      await page.evaluate((next) => (location.hash = next), hash);
      await shows(page, `#view-${view} .answer`, /From the/);
      if (view === "history") await page.getByText("As a table").click();
      for (const width of [360, 1920]) {
        await page.setViewportSize({ width, height: 800 });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(wide <= 0, `${view}: ${wide} pixels too wide at ${width}`);
      }
      assert.deepEqual(await objections(page), [], view);
    }
    assert.deepEqual(seen, []);
  });
}

test("a keyboard reaches every control of both views, with a visible focus", async (t) => {
  const { page } = await look(t, "#events?from=-7d");
  await counted(page, /of 1,500$/);
  for (const [view, label] of [["events", "Type"], ["history", "Name"]]) {
    await page.evaluate((name) => (location.hash = `#${name}?from=-7d`), view);
    await shows(page, `#view-${view} .answer`, /From the/);
    const wanted = await page.locator(`#view-${view} :is(a, button, input, select, textarea, summary):visible:not(:disabled)`).count();
    await page.locator(`#view-${view}`).focus();
    const reached = new Set();
    for (let i = 0; i < 2 * wanted; i += 1) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate((name) => {
        const element = document.activeElement;
        const all = [...document.querySelectorAll(`#view-${name} *`)];
        const looks = getComputedStyle(element);
        const is_seen = looks.outlineStyle !== "none" && parseFloat(looks.outlineWidth) >= 2;
        return { place: all.indexOf(element), is_seen, is_control: element.matches("a, button, input, select, textarea, summary") };
      }, view);
      if (at.place < 0) break;
      assert.ok(at.is_seen, `control ${at.place} of ${view} has no visible focus`);
      if (at.is_control) reached.add(at.place);
    }
    assert.equal(reached.size, wanted, view);
    await named(page, label).focus();
    await page.keyboard.type("event.click");
    await page.keyboard.press("Enter");
    await page.waitForURL(/name=event\.click|name=[^&]*event\.click/);
  }
});

test("without Chart.js the chart is plain lines", async (t) => {
  const { page, seen } = await look(t, "#history?name=event.click&from=-7d", {
    before: (fresh) => fresh.route(/\/assets\/chart\.js$/, (route) => route.fulfill({ status: 404 })),
  });
  await shows(page, "#view-history .answer", /From the/);
  const picture = () => page.$eval("#view-history canvas", (canvas) => canvas.toDataURL());
  const counts = await picture();
  await named(page, "Figure").selectOption("avg,min,max");
  await shows(page, "#view-history .legend", /mean.*lowest.*highest/);
  await until("another picture", async () => (await picture()) !== counts);
  assert.equal(await page.evaluate(() => window.Chart), undefined);
  assert.deepEqual(seen.filter((fault) => !fault.includes("/assets/chart.js")), []);
});
