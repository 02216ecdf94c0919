// The live page of a server with keys, in a real browser: nothing for strangers, a login that
// leaves no key behind, one tenant's metrics, and an end by logout and by revocation.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { launch, open, post, run, serve, shows, state } from "./live-support.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** A file of keys for two tenants. */
async function keys(t) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "tailrace-keys-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, "keys.toml");
  const add = (tenant) => run("keys", "add", tenant, "--tenant", tenant, "--file", file).trim();
  return { file, acme: add("acme"), beta: add("beta") };
}

/** What the browser says by itself of an answer 401 is no fault of the page. */
const faults = (seen) => seen.filter((line) => !/^console: Failed to load resource.* 401 /.test(line));

async function log_in(page, key) {
  await page.fill("#key", key);
  await page.press("#key", "Enter");
}

test("strangers see a login, and whoever has a key sees its tenant", async (t) => {
  const { file, acme, beta } = await keys(t);
  const server = await serve(t, { keys: file });
  const { page, seen } = await open(t, browser, server);
  await page.waitForSelector("#login:not([hidden])");
  assert.equal(await page.locator("#content").isVisible(), false);
  assert.equal(await page.locator("#who").isVisible(), false);
  await log_in(page, "tr_acme_guessed");
  await shows(page, "#login-fault", /^401: .*unknown, wrong, revoked/);
  await log_in(page, acme);
  await state(page, "live");
  await shows(page, "#who b", /^acme$/);
  assert.equal(await page.locator("#login").isVisible(), false);
  assert.equal(await page.inputValue("#key"), "");
  const bearer = (key) => ({ authorization: `Bearer ${key}` });
  await post(server, { name: "of.beta", value: 1 }, bearer(beta));
  await post(server, { name: "of.acme", value: 1 }, bearer(acme));
  await shows(page, "#batches", /of\.acme/);
  await shows(page, "#aggregates", /of\.acme/);
  // The server's counters are of all tenants: this one sees what the page counts.
  await shows(page, "#metrics-total", /^as this page sees it$/);
  assert.doesNotMatch(await page.textContent("#content"), /of\.beta/);
  // The form sends with the cookie.
  await page.click("#send button");
  await shows(page, "#send-answer", /^202/);
  // No script can read it, and no storage keeps the key.
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite], ["tailrace_session", true, "Strict"]);
  const kept = await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert.doesNotMatch(kept, /tr_|tailrace_session/);
  await page.reload();
  await state(page, "live");
  await page.click("#logout");
  await page.waitForSelector("#login:not([hidden])");
  assert.doesNotMatch(await page.textContent("#content"), /of\.acme/);
  await page.reload();
  await page.waitForSelector("#login:not([hidden])");
  assert.deepEqual(faults(seen).filter((line) => !/ERR_ABORTED|net::/.test(line)), []);
});

test("a revoked key ends the page's feed, and the page says so", async (t) => {
  const { file, acme, beta } = await keys(t);
  const server = await serve(t, { keys: file });
  const { page } = await open(t, browser, server);
  await page.waitForSelector("#login:not([hidden])");
  await log_in(page, acme);
  await state(page, "live");
  await post(server, { name: "of.acme", value: 1 }, { authorization: `Bearer ${acme}` });
  await shows(page, "#batches", /of\.acme/);
  await page.evaluate(() => (location.hash = "#alerts"));
  run("keys", "revoke", "acme", "--file", file);
  await page.waitForSelector("#login:not([hidden])");
  await shows(page, "#login-fault", /^Your session is over: it expired, or its key was revoked/);
  assert.doesNotMatch(await page.textContent("#content"), /of\.acme/);
  assert.equal(await page.locator("#views").isVisible(), false);
  // Another key of somebody who may look leads back to where the page was.
  await log_in(page, beta);
  await shows(page, "#who b", /^beta$/);
  await page.waitForSelector("#view-alerts:not([hidden])");
  await shows(page, "#login-fault", /^$/);
});
