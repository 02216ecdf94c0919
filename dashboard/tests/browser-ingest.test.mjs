// Doors as a browser sees them: HTTP/2 over TLS straight into the measured transport, the live
// page over TLS, and what a page of another site may do, which is nothing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, serve, shows, state } from "./live-support.mjs";

const SECURE = { pipeline: "http2-memory", flags: ["--tls-self-signed"] };
/** Nobody vouches for a certificate that a server made for itself. */
const TRUSTING = { ignoreHTTPSErrors: true };

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** Posts from within the page to the origin that it came from, and tells which protocol it took. */
function postFromPage(page, metric) {
  return page.evaluate(async (body) => {
    const answer = await fetch("/v1/ingest", { method: "POST", body: JSON.stringify(body) });
    const text = await answer.text();
    const entries = performance.getEntriesByType("resource").filter((entry) => entry.name.endsWith("/v1/ingest"));
    return { status: answer.status, text, protocol: entries.at(-1)?.nextHopProtocol };
  }, metric);
}

test("a browser ingests over HTTP/2 and TLS into the measured transport", async (t) => {
  const server = await serve(t, SECURE);
  const context = await browser.newContext(TRUSTING);
  t.after(() => context.close());
  const page = await context.newPage();
  // Nothing is served at this path but a refusal; it gives the page the transport's origin.
  const refusal = await page.goto(`https://${server.ingest}/`);
  assert.ok(refusal.status() >= 400, String(refusal.status()));
  for (let i = 0; i < 3; i += 1) {
    const { status, text, protocol } = await postFromPage(page, { name: "from.browser", value: i });
    assert.deepEqual([status, JSON.parse(text).accepted, protocol], [202, 1, "h2"]);
  }
  const { status, text } = await postFromPage(page, { name: "from.browser", value: "no number" });
  assert.equal(status, 400);
  assert.match(text, /"pointer":"\/value"/);
  const aggregates = await context.request.get(`${server.url}/v1/aggregates`);
  const [kept] = (await aggregates.json()).names;
  assert.deepEqual([kept.name, kept.count, kept.sum], ["from.browser", 3, 3]);
});

test("the live page works over TLS", async (t) => {
  const server = await serve(t, SECURE);
  const { page, seen } = await open(t, browser, server, TRUSTING);
  await state(page, "live");
  await shows(page, "#pipeline", /^http2-memory$/);
  await page.fill("#name", "over.tls");
  await page.locator("#name").press("Enter");
  await shows(page, "#send-answer", /^202/);
  await shows(page, "#batches", /over\.tls/);
  const list = await page.context().request.get(`${server.url}/`, { headers: { accept: "*/*" } });
  assert.match(await list.text(), /curl -N https:/);
  assert.deepEqual(seen, []);
});

test("a page of another site writes nothing and reads nothing", async (t) => {
  const [server, other] = [await serve(t), await serve(t)];
  const { page } = await open(t, browser, other);
  await state(page, "live");
  const tried = await page.evaluate(async ([observer, ingest]) => {
    const body = JSON.stringify({ name: "foreign", value: 1 });
    const outcomes = [];
    for (const door of [observer, `http://${ingest}`]) {
      // The page's own policy forbids this much already; a page of a real stranger has none.
      const sent = await fetch(`${door}/v1/ingest`, { method: "POST", mode: "no-cors", body }).then(() => "sent", () => "refused");
      outcomes.push(sent);
    }
    return outcomes;
  }, [server.url, server.ingest]);
  assert.deepEqual(tried, ["refused", "refused"]);
  const stranger = await page.context().newPage();
  await stranger.goto(`${other.url}/health`);
  const sent = await stranger.evaluate(async ([observer, ingest]) => {
    const body = JSON.stringify({ name: "foreign", value: 1 });
    const outcomes = [];
    for (const door of [observer, `http://${ingest}`]) {
      outcomes.push((await fetch(`${door}/v1/ingest`, { method: "POST", mode: "no-cors", body })).type);
      outcomes.push(await fetch(`${door}/health`).then(() => "read", () => "hidden"));
    }
    return outcomes;
  }, [server.url, server.ingest]);
  assert.deepEqual(sent, ["opaque", "hidden", "opaque", "hidden"]);
  const counters = async () => (await fetch(`${server.url}/metrics`)).text();
  assert.match(await counters(), /ingest_batches_total\{[^}]*\} 0\n/);
  await stranger.evaluate((url) => {
    const frame = document.createElement("iframe");
    frame.src = url;
    document.body.append(frame);
    return new Promise((done) => frame.addEventListener("load", done));
  }, `${server.url}/`);
  // A frame that the policy refuses holds the browser's own page of errors.
  assert.match(stranger.frames().at(-1).url(), /^chrome-error:/);
});
