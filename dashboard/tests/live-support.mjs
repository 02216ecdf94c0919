// What the live page's tests stand on: a real server, a real producer and a real browser, each of
// them ended with its test, and a page that remembers what it should not have done.

import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { promisify } from "node:util";
import { BIN, ROOT } from "./browser-support.mjs";

export { launch, objections } from "./browser-support.mjs";

/** Longer than anything here takes on a busy machine, in milliseconds. */
export const PATIENCE_MS = 30_000;
/** Addresses that the page may ask; only the server's own come on top. */
const HARMLESS = ["data:", "about:", "blob:"];

/** Starts `tailrace serve`; `addresses` are those of an earlier one that is to be replaced, `keys` is
    a file of those who may look. */
export async function serve(test, { cwd = ROOT, flags = [], addresses = {}, pipeline = "http1-memory", keys } = {}) {
  const { ingest = "127.0.0.1:0", observer = "127.0.0.1:0" } = addresses;
  const access = keys ? ["--keys", keys] : ["--open"];
  const words = ["serve", pipeline, ...access, "--with-parent", "--ingest", ingest, "--observer", observer];
  const child = spawn(BIN, [...words, ...flags], { cwd, stdio: ["pipe", "pipe", "inherit"] });
  test.after(() => kill(child));
  const [line] = await once(child.stdout, "data");
  const ready = JSON.parse(String(line));
  const url = `${ready.tls ? "https" : "http"}://${ready.observer}`;
  return { ...ready, url, kill: () => kill(child) };
}

/** Sends a fleet until the test ends. */
export function produce(test, server, ...flags) {
  const words = ["produce", `http://${server.ingest}`, ...flags];
  const child = spawn(BIN, words, { stdio: ["ignore", "ignore", "ignore"] });
  test.after(() => kill(child));
}

/** Sends a fleet for a while; what the producer counted, when it is done. */
export async function produced(server, ...flags) {
  const { stdout } = await promisify(execFile)(BIN, ["produce", `http://${server.ingest}`, "--json", ...flags]);
  return JSON.parse(stdout);
}

async function kill(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** Runs the program to its end and returns what it printed. */
export function run(...words) {
  return execFileSync(BIN, words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

/** Posts one batch to the observer, as a program would. */
export async function post(server, metrics, more = {}) {
  const headers = { "content-type": "application/json", ...more };
  const answer = await fetch(`${server.url}/v1/ingest`, { method: "POST", headers, body: JSON.stringify(metrics) });
  if (answer.status !== 202) throw new Error(`${answer.status}: ${await answer.text()}`);
}

/** Opens the live page, or what `hash` links to in it. `seen` fills with console errors, exceptions,
    dialogs and requests to other hosts; a test says which of them it expects. */
export async function open(test, browser, server, options = {}) {
  const { before, hash = "", ...rest } = options;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...rest });
  test.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const seen = [];
  page.on("console", (message) => message.type() === "error" && seen.push(`console: ${message.text()} ${message.location().url}`));
  page.on("pageerror", (error) => seen.push(`exception: ${error}`));
  page.on("dialog", (dialog) => seen.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
  page.on("request", (request) => {
    const url = request.url();
    const home = url.startsWith(`${server.url}/`) || HARMLESS.some((scheme) => url.startsWith(scheme));
    if (!home) seen.push(`request: ${url}`);
  });
  await before?.(page);
  await page.goto(`${server.url}/${hash}`);
  return { page, seen };
}

/** A proxy that serves the observer below `prefix`, as one before several servers does. */
export async function behindPrefix(test, server, prefix) {
  const target = new URL(server.url);
  const proxy = http.createServer((request, response) => {
    if (!request.url.startsWith(prefix)) return response.writeHead(404).end();
    const { method, headers } = request;
    const address = { host: target.hostname, port: target.port, path: `/${request.url.slice(prefix.length)}`, method, headers };
    const onward = http.request(address, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  const listen = async (port) => {
    proxy.listen(port, "127.0.0.1");
    await once(proxy, "listening");
  };
  await listen(0);
  const { port } = proxy.address();
  /** Breaks every connection and takes no new ones, until `mend`. */
  const cut = () => {
    proxy.close();
    proxy.closeAllConnections();
  };
  test.after(cut);
  return { ...server, cut, mend: () => listen(port), url: `http://127.0.0.1:${port}${prefix.replace(/\/$/, "")}` };
}

/** Asks again and again until it is so. */
export async function until(what, ask) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await ask())) if (Date.now() > end) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
}

/** Waits until the status says so. */
export async function state(page, name) {
  await page.waitForSelector(`#state[data-state="${name}"]`);
}

/** Waits until an element's text fits. */
export async function shows(page, selector, pattern) {
  const fits = ({ selector: where, source }) => new RegExp(source).test(document.querySelector(where)?.textContent ?? "");
  await page.waitForFunction(fits, { selector, source: pattern.source });
}
