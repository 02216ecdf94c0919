// The README's pictures of pages, taken anew by `cargo xtask pictures`: the results site from the
// recorded runs, the live page while a fleet sends, the console in the middle of a run. Whatever
// they show was measured or sent a moment ago or stands in results/; nothing is posed.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { BIN, ROOT, launch, ready, tailrace } from "../tests/site-support.mjs";

const OUT = path.join(ROOT, "dashboard/pictures");
const CHART = path.join(ROOT, "dashboard/node_modules/chart.js/dist/chart.umd.min.js");
const VIEW = { width: 1280, height: 860 };
/** Long enough for lines to become curves. */
const WATCHED_MS = 20_000;

const folder = await mkdtemp(path.join(os.tmpdir(), "tailrace-pictures-"));
const children = [];
const browser = await launch();
try {
  await site();
  await live();
  await lab();
} finally {
  await browser.close();
  for (const child of children.reverse()) await end(child);
  await rm(folder, { recursive: true, force: true });
}

async function page(url, colorScheme = "light") {
  const context = await browser.newContext({ viewport: VIEW, colorScheme });
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

async function take(page, name) {
  await page.screenshot({ path: path.join(OUT, `${name}.png`) });
  console.log(`dashboard/pictures/${name}.png`);
}

async function site() {
  const out = path.join(folder, "site");
  await tailrace(["site", "--results", path.join(ROOT, "results"), "--out", out, "--no-npm"], {
    TAILRACE_CHART_JS: CHART,
  });
  const runs = (await readdir(path.join(ROOT, "results"))).filter((name) => name.includes("-protocols-")).sort();
  const shown = await page(`${pathToFileURL(out).href}/run.html?run=${runs.at(-1)}`);
  await ready(shown);
  await shown.locator("#picture").scrollIntoViewIfNeeded();
  await shown.evaluate(() => document.querySelector("#picture").scrollIntoView());
  await take(shown, "run");
}

async function live() {
  const words = ["serve", "http1-memory", "--open", "--with-parent", "--ingest", "127.0.0.1:0"];
  // With a store the server looks for spikes too, and says how far the store is behind.
  const server = start([...words, "--observer", "127.0.0.1:0", "--store", "sqlite::temporary:"], "pipe");
  const { ingest, observer } = JSON.parse(String((await once(server.stdout, "data"))[0]));
  start(["produce", `http://${ingest}`, "--hosts", "24", "--spikes", "every=8s,for=3s,height=3"], "ignore");
  const shown = await page(`http://${observer}/`, "dark");
  await shown.waitForTimeout(WATCHED_MS);
  await take(shown, "live");
}

async function lab() {
  const words = ["console", "--results", path.join(folder, "results"), "--chart-js", CHART];
  const server = start(words, "ignore");
  const [line] = await once(server.stdout, "data");
  const shown = await page(/Open (\S+)/.exec(line)[1]);
  await ready(shown);
  await shown.click("#by-building");
  await shown.waitForSelector("#start");
  await shown.fill("#words", "WebSocket sends fewer bytes and wakes up less often.");
  await shown.fill("[name=ratio]", "0.9");
  await shown.click("#start");
  await shown.waitForFunction(() => document.querySelectorAll("#watch tbody tr").length >= 2);
  await shown.waitForTimeout(WATCHED_MS / 4);
  await shown.evaluate(() => document.querySelector("#plan").scrollIntoView());
  await take(shown, "console");
  await shown.click("#stop");
  await shown.waitForSelector("#result");
}

function start(words, input) {
  const environment = { ...process.env, TAILRACE_OFFLINE: "1" };
  const child = spawn(BIN, words, { env: environment, stdio: [input, "pipe", "ignore"], cwd: ROOT });
  children.push(child);
  return child;
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
