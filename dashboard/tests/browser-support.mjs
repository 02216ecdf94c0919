// What every test in a browser stands on: the program, the browser, and axe.

import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

/** The workspace's folder: from here a server finds the Chart.js that npm installed. */
export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const BIN = process.env.TAILRACE_BIN ?? path.join(ROOT, "target/debug/tailrace");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** One browser for a file of tests. */
export async function launch() {
  const args = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ];
  return chromium.launch({ executablePath: CHROMIUM, args });
}

/** What axe objects to, by the rules of WCAG 2.2 AA and best practice; with `rules`, by those alone.
    It is told to the browser from outside: a page's policy lets no script in. */
export async function objections(page, rules) {
  const is_there = await page.evaluate(() => "axe" in window);
  if (!is_there) await page.evaluate(await readFile(path.join(ROOT, "dashboard/node_modules/axe-core/axe.min.js"), "utf8"));
  const violations = await page.evaluate(async (only) => {
    const options = { resultTypes: ["violations"], ...(only && { runOnly: only }) };
    return (await window.axe.run(document, options)).violations;
  }, rules);
  const where = ({ html, any }) => `${html.slice(0, 120)} ${any[0]?.message ?? ""}`;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(where).join(" | ")}`);
}
