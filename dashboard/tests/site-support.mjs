// What the site's tests stand on: runs recorded by the real program, one of them renamed to what
// nobody should call an arm, one with a server that was killed; the site written from them; a
// static host below a path; and a browser that notes what pages should not do.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { BIN, ROOT } from "./browser-support.mjs";

export { BIN, ROOT, launch, objections } from "./browser-support.mjs";

/** Longer than anything here takes on a busy machine, in milliseconds. */
export const PATIENCE_MS = 60_000;
export const HOSTILE = "<img src=x onerror=alert(1)>";
/** Exit codes: a busy machine makes measurements INVALID; a killed server cuts a race short, and
    what it had acknowledged is lost. */
const WHOLE = [0, 4];
const KILLED = [1, 4, 5];
const INSTALLED = path.join(ROOT, "dashboard/node_modules/chart.js/dist/chart.umd.min.js");
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

/** Runs the program; npm is not asked unless `environment` says so. */
export async function tailrace(words, environment = { TAILRACE_OFFLINE: "1" }, codes = [0]) {
  const options = { env: { ...process.env, NO_COLOR: "1", ...environment } };
  try {
    return await promisify(execFile)(BIN, words, options);
  } catch (error) {
    if (codes.includes(error.code)) return error;
    throw new Error(`tailrace ${words.join(" ")} ended with ${error.code}:\n${error.stderr}`, { cause: error });
  }
}

/** A results folder with three runs: `plain`, `hostile`, `killed`. Ends with the tests. */
export async function record(later) {
  const results = await mkdtemp(path.join(os.tmpdir(), "tailrace-site-"));
  later(() => rm(results, { recursive: true, force: true }));
  const short = ["--window", "400ms", "--rate", "1000", "--high-rate", "4000", "--results", results];
  const offline = { TAILRACE_OFFLINE: "1" };
  await tailrace(["race", "http1-memory", "ws-memory", "--store", "sqlite", "--rounds", "2", ...short], offline, WHOLE);
  const [plain] = await runs(results);
  await calm(path.join(results, plain));
  const hostile = `${plain.slice(0, -6)}000000`;
  await cp(path.join(results, plain), path.join(results, hostile), { recursive: true });
  await spoil(path.join(results, hostile), "ws-memory");
  await tailrace(
    ["race", "http1-memory", "--rounds", "1", "--timeout", "300ms", "--fault", "server:kill@150ms", ...short],
    offline,
    KILLED,
  );
  const killed = (await runs(results)).find((run) => run !== plain && run !== hostile);
  return { results, plain, hostile, killed, calibrations: await calibrations(results) };
}

/** Copies of calibrations that were recorded on purpose, by what is in them: `peers`, `pingPong`; and
    of the first `hostile`, whose names are traps, and `damaged`, which ends too early. */
async function calibrations(results) {
  const found = {};
  for (const name of (await readdir(path.join(ROOT, "results"))).filter((one) => one.includes("-calibrate-")).sort()) {
    const text = await readFile(path.join(ROOT, "results", name, "calibration.json"), "utf8").catch(() => null);
    if (text === null) continue;
    const { peers, ping_pongs: pingPongs = [] } = JSON.parse(text);
    if (peers.length) Object.assign(found, { peers: name, text });
    if (pingPongs.length) found.pingPong = name;
  }
  const { text, ...names } = found;
  if (!names.peers || !names.pingPong) throw new Error("results/ holds no calibration with other tools, or none with ping-pongs");
  const copies = { hostile: `${names.peers.slice(0, -6)}000000`, damaged: `${names.peers.slice(0, -6)}000001` };
  for (const [copy, from] of [...Object.values(names).map((name) => [name, name]), ...Object.values(copies).map((name) => [name, names.peers])])
    await cp(path.join(ROOT, "results", from), path.join(results, copy), { recursive: true });
  await writeFile(path.join(results, copies.damaged, "calibration.json"), text.slice(0, text.length / 2));
  const value = JSON.parse(text);
  const [cell] = value.cells;
  for (const one of [...value.cells, ...value.peers].filter(({ server }) => server === cell.server)) one.server = HOSTILE;
  for (const peer of value.peers) Object.assign(peer, { version: HOSTILE, arguments: [HOSTILE], tool: `${HOSTILE}${peer.tool}` });
  Object.assign(cell, { reasons: [HOSTILE] });
  Object.assign(value, { command: [HOSTILE], warnings: [HOSTILE], absent: [{ tool: HOSTILE, how: HOSTILE }] });
  await writeFile(path.join(results, copies.hostile, "calibration.json"), JSON.stringify(value));
  return { ...names, ...copies };
}

async function runs(results) {
  return (await readdir(results)).filter((name) => name.includes("-race-")).sort();
}

/** A busy machine calls its measurements INVALID. Here they count, so that there is something to
    see, and the summary is made again. */
async function calm(folder) {
  for (const file of await readdir(path.join(folder, "trials"), { recursive: true })) {
    if (path.basename(file) !== "trial.json") continue;
    const whole = path.join(folder, "trials", file);
    const trial = JSON.parse(await readFile(whole, "utf8"));
    trial.seals.measurement = "VALID";
    for (const check of trial.seals.checks) check.verdict = "VALID";
    await writeFile(whole, JSON.stringify(trial));
  }
  await tailrace(["report", folder]);
}

/** Question, load and arm become what a careless page would run. */
async function spoil(folder, arm) {
  for (const name of ["manifest.json", "summary.json"]) {
    const file = path.join(folder, name);
    const text = (await readFile(file, "utf8")).replaceAll(`"${arm}"`, JSON.stringify(HOSTILE));
    const value = JSON.parse(text);
    if (value.experiment) {
      Object.assign(value.experiment, { question: HOSTILE, prediction: HOSTILE, about: HOSTILE });
      value.experiment.loads[0].label = HOSTILE;
    } else {
      value.sentences = [`\`${HOSTILE}\` ${HOSTILE}`];
      value.warnings = [HOSTILE];
    }
    await writeFile(file, JSON.stringify(value));
  }
  await rename(path.join(folder, "trials", arm), path.join(folder, "trials", HOSTILE));
  for (const file of await readdir(path.join(folder, "trials", HOSTILE), { recursive: true })) {
    if (path.basename(file) !== "trial.json") continue;
    const whole = path.join(folder, "trials", HOSTILE, file);
    await writeFile(whole, (await readFile(whole, "utf8")).replaceAll(`"${arm}"`, JSON.stringify(HOSTILE)));
  }
}

/** Writes the site with the Chart.js that is installed for the tests, or without any. */
export async function write(results, out, charts) {
  const named = charts ? { TAILRACE_CHART_JS: INSTALLED } : {};
  await tailrace(["site", "--results", results, "--out", out, "--no-npm"], named);
  return { out, file: pathToFileURL(out).href };
}

/** Serves a folder below a path; returns the address of the folder. */
export async function host(later, folder) {
  const below = "/some/where";
  const server = http.createServer(async (request, response) => {
    const asked = decodeURIComponent(new URL(request.url, "http://x").pathname);
    try {
      if (!asked.startsWith(`${below}/`)) throw new Error("outside");
      const body = await readFile(path.join(folder, path.normalize(asked.slice(below.length))));
      response.writeHead(200, { "content-type": TYPES[path.extname(asked)] ?? "application/octet-stream" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  later(() => server.close());
  return `http://127.0.0.1:${server.address().port}${below}`;
}

/** A page of the site at `home`. `seen` fills with console errors and warnings, exceptions,
    dialogs and requests that leave `home`. */
export async function open(test, browser, home, address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  test.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const seen = [];
  page.on(
    "console",
    (message) => ["error", "warning"].includes(message.type()) && seen.push(`console: ${message.text()}`),
  );
  page.on("pageerror", (error) => seen.push(`exception: ${error}`));
  page.on("dialog", (dialog) => seen.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${home}/`) && !url.startsWith("data:")) seen.push(`request: ${url}`);
  });
  await visit(page, `${home}/${address}`);
  return { page, seen };
}

export async function visit(page, url) {
  await page.goto(url);
  await ready(page);
}

/** Waits until the page has loaded its data and drawn it. */
export async function ready(page) {
  await page.waitForFunction(() => !document.querySelector("[aria-busy]"));
}

/** Opens what is folded. Its content is made when it is first seen, a moment after the click. */
export async function unfold(summary) {
  await summary.click();
  await summary.evaluate(
    ({ parentElement: details }) =>
      new Promise((resolve) => {
        const look = () => (details.childElementCount > 1 ? resolve() : setTimeout(look, 5));
        look();
      }),
  );
}

/** How many different colours each canvas shows, by its label. */
export function colours(page) {
  return page.$$eval("canvas", (all) =>
    all.map((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const found = new Set(new Uint32Array(data.buffer));
      return [canvas.getAttribute("aria-label"), found.size];
    }),
  );
}

/** What all canvases show now. */
export function pictures(page) {
  return page.$$eval("canvas", (all) => all.map((canvas) => canvas.toDataURL()));
}
