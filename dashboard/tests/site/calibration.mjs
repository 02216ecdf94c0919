// Calibrations on the site: those that are recorded in `results/`, one of them with every name a trap,
// one damaged. Part of `site.test.mjs`, which writes the site.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { HOSTILE, colours, objections, open, pictures, unfold, visit } from "../site-support.mjs";

const pageOf = (name) => `calibration.html?run=${name}`;

/** `shared`: what the tests of one recording have in common, filled before they run. */
export function calibration(shared) {
  const recorded = async (name) =>
    JSON.parse(await readFile(path.join(shared.recorded.results, name, "calibration.json"), "utf8"));

  test("calibrations are listed, lead to their pages, and a run says how far the instrument is off", async (t) => {
    const { page, seen } = await open(t, shared.browser, shared.home, "index.html");
    const { peers, damaged } = shared.recorded.calibrations;
    const { tally, build } = await recorded(peers);
    const line = page.locator("#calibrations li", { hasText: peers });
    const told = await line.innerText();
    for (const part of [`${tally.passed} within, ${tally.failed} beyond`, build.revision, "wrk"]) assert.ok(told.includes(part), told);
    const broken = await page.locator("#calibrations li", { hasText: damaged }).innerText();
    assert.match(broken, /Cannot be shown: .*calibration\.json was cut short or changed by hand/);
    assert.ok(!broken.includes(shared.recorded.results), "whose disk it is on is not told");
    await line.locator("a").click();
    await page.waitForSelector("#errors canvas");
    const drawn = await colours(page);
    assert.ok(drawn.length >= 7, `${drawn.length} charts: a server each, and what each tool told`);
    for (const [label, found] of drawn) assert.ok(label.length > 20 && found > 8, `${label}: ${found} colours`);
    const links = await page.$$eval("#downloads li a", (all) => all.map((link) => link.href));
    assert.equal(links.length, 2);
    for (const link of links) assert.equal((await fetch(link)).status, 200, link);
    await visit(page, `${shared.home}/${shared.run("plain")}`);
    assert.match(await page.textContent("#seals #how-far"), /newest calibration.* within, .* beyond/s);
    assert.deepEqual(seen, []);
  });

  test("every figure of a calibration's page is the record's", async (t) => {
    const { page, seen } = await open(t, shared.browser, shared.site.file, pageOf(shared.recorded.calibrations.peers));
    const record = await recorded(shared.recorded.calibrations.peers);
    await unfold(page.locator("summary", { hasText: "Every percentile by itself" }));
    const shown = await page.$$eval('[aria-label="Every percentile"] tbody tr', (rows) =>
      rows.map((row) => [...row.children].map((cell) => cell.textContent)),
    );
    const expected = await page.evaluate((trials) => {
      const { format, calibration, verdicts } = window.Tailrace;
      return trials.flatMap((trial) =>
        trial.points.map((point) => [
          trial.server,
          trial.tool ?? "tailrace",
          trial.protocol,
          `p${Number((point.q * 100).toFixed(6))}`,
          format.latency(point.theory_ns),
          format.latency(point.measured_ns),
          calibration.signed(point.error_ns),
          `±${format.latency(Math.max(150_000, Math.floor(point.theory_ns / 100)))}`,
          format.latency(point.served_ns),
          [...new Set([point.woken_ns, point.worked_off_ns].map((ns) => format.latency(ns)))].join(" to "),
          calibration.signed(point.left_ns),
          verdicts.of(point.verdict).word,
        ]),
      );
    }, [...record.cells, ...record.peers]);
    // All but the schedule; the order is by what stands beside what.
    const sorted = (rows) => rows.map((row) => row.join(" | ")).sort();
    assert.deepEqual(sorted(shown.map((row) => row.filter((_, at) => at !== 3))), sorted(expected));
    const marks = await page.evaluate(() =>
      Object.values(window.Chart.instances)
        .filter((chart) => chart.config.type === "scatter")
        .reduce((total, chart) => total + chart.data.datasets.reduce((sum, { data }) => sum + data.length, 0), 0),
    );
    assert.equal(marks, expected.filter((row) => row[6] !== "–").length, "each has its mark");
    const { passed, failed, invalid_trials: _, ...open_ones } = record.tally;
    const unjudged = Object.values(open_ones).reduce((total, number) => total + number, 0);
    const answer = (await page.textContent("#answer")).replaceAll("\u202f", "");
    for (const told of [`Of ${passed + failed + unjudged} percentiles`, `${passed} are within`, `${failed || "none"} beyond`, `Not judged: ${unjudged}`])
      assert.ok(answer.includes(told), `${told} in ${answer}`);
    const floors = await page.textContent("#floors table");
    const floor = await page.evaluate((ns) => window.Tailrace.format.latency(ns), record.floors[0].points[2].ns);
    assert.ok(floors.includes(floor), floors);
    for (const told of [record.command.join(" "), record.build.binary_sha256, record.machine.kernel])
      assert.ok((await page.textContent("#made")).includes(told), told);
    assert.deepEqual(seen, []);
  });

  test("a calibration is narrowed down by keyboard, and the address holds the choice", async (t) => {
    const { page, seen } = await open(t, shared.browser, shared.site.file, pageOf(shared.recorded.calibrations.peers));
    const before = await pictures(page);
    await page.focus("#server");
    await page.keyboard.type("freeze");
    await page.keyboard.press("Tab");
    await page.waitForFunction(() => window.location.hash.includes("server=freeze"));
    assert.notDeepEqual(await pictures(page), before);
    assert.equal(await page.locator("#errors .cell").count(), 1);
    const link = await page.locator("#figures a.anchor").getAttribute("href");
    assert.equal(link, "#server=freeze&at=figures");
    const other = await open(t, shared.browser, shared.site.file, pageOf(shared.recorded.calibrations.peers) + "#server=freeze&protocol=http1&rate=7&at=figures");
    assert.equal(await other.page.inputValue("#server"), "freeze");
    assert.equal(await other.page.inputValue("#protocol"), "http1");
    assert.equal(await other.page.evaluate(() => document.activeElement.id), "figures");
    const { cells, peers } = await recorded(shared.recorded.calibrations.peers);
    const kept = [...cells, ...peers].filter((one) => one.server === "freeze" && one.protocol === "http1");
    assert.match(await other.page.textContent("#figures [role=status]"), new RegExp(`^${kept.length} trials of ${cells.length + peers.length}`));
    assert.deepEqual([...seen, ...other.seen], []);
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`calibrations fit any width and leave axe nothing to say, ${colorScheme}`, async (t) => {
      const { page } = await open(t, shared.browser, shared.home, pageOf(shared.recorded.calibrations.pingPong), { colorScheme, bypassCSP: true });
      for (const name of ["pingPong", "peers"]) {
        if (name === "peers") await visit(page, `${shared.home}/${pageOf(shared.recorded.calibrations.peers)}`);
        for (const summary of await page.locator("main summary").all()) await unfold(summary);
        assert.deepEqual(await objections(page), [], name);
        for (const width of [360, 1920]) {
          await page.setViewportSize({ width, height: 900 });
          await page.waitForFunction((most) => document.documentElement.scrollWidth <= most, width);
        }
      }
    });
  }

  test("names of calibrations are text; a verdict that nobody knows is shown as it is", async (t) => {
    const { hostile } = shared.recorded.calibrations;
    const script = path.join(shared.site.out, "data", `${hostile}.js`);
    const text = await readFile(script, "utf8");
    await writeFile(script, text.replace('"verdict":"pass"', '"verdict":"blessed_by_nobody"'));
    const { page, seen } = await open(t, shared.browser, shared.site.file, pageOf(hostile));
    for (const summary of await page.locator("summary").all()) await unfold(summary);
    const trap = HOSTILE;
    for (const where of ["#answer", ".controls", "#errors", "#figures", "#seals", "#made"])
      assert.ok((await page.textContent(where)).includes(trap), where);
    assert.match(await page.textContent("#figures .verdict-key"), /blessed by nobody.*do not know/s);
    assert.equal(await page.locator("img").count(), 0);
    assert.deepEqual(seen, []);
  });

  test("on paper a calibration is light, and nothing of it is cut", async (t) => {
    const { page, seen } = await open(t, shared.browser, shared.site.file, pageOf(shared.recorded.calibrations.peers), { colorScheme: "dark" });
    await page.emulateMedia({ media: "print" });
    // A4 without its margins, in pixels.
    await page.setViewportSize({ width: 695, height: 1000 });
    await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
    const { scheme, cut } = await page.evaluate(() => ({
      scheme: getComputedStyle(document.documentElement).colorScheme,
      cut: [...document.querySelectorAll("main *")]
        .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .map((one) => one.outerHTML.slice(0, 80)),
    }));
    assert.equal(scheme, "light");
    assert.deepEqual(cut, []);
    assert.deepEqual(seen, []);
  });

  test("an address that names no calibration, or a damaged one, says so", async (t) => {
    const { page, seen } = await open(t, shared.browser, shared.home, "calibration.html");
    assert.match(await page.textContent("main"), /names no calibration/);
    for (const [name, told] of [
      ["../../etc/passwd", /There is no calibration/],
      [shared.recorded.calibrations.damaged, /cut short or changed by hand, or is of another version; calibrate again/],
    ]) {
      await visit(page, `${shared.home}/${pageOf(encodeURIComponent(name))}`);
      assert.match(await page.textContent("main"), told);
    }
    assert.deepEqual(seen, []);
  });
}
