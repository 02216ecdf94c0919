// The live page: a feed whose batches are summed by the second, drawn at a steady pace whatever
// the rate. This file joins the parts; read fleet.js, feed.js and charts.js next.

import { Alerts } from "./alerts.js";
import { charts } from "./charts.js";
import { Feed } from "./feed.js";
import { Fleet } from "./fleet.js";
import * as panels from "./panels.js";
import { sendForm } from "./send.js";
import { Server } from "./server.js";
import { Session } from "./session.js";
import { Spikes } from "./spikes.js";
import { describe, thinner, thinning } from "./thinning.js";
import { Views } from "./views.js";

const find = (id) => document.getElementById(id);

/** Between two drawings of the charts; a reader who wants less motion gets one a second. */
const DRAW_MS = 250;
const SECOND_MS = 1_000;
/** Seconds that the event types are counted over. */
const EVENTS_SECONDS = 60;
/** Batches listed. */
const BATCHES_SHOWN = 12;
/** How long the status tells of a lag. */
const LAGGED_MS = 10_000;
/** Between two announcements of spikes to screen readers. */
const ALOUD_MS = 10_000;
/** After the server said that the page is too slow, it is not asked for more again so soon. */
const THIN_HOLD_MS = 30_000;
/** The feed follows the highest rate of the last so many seconds: it gives way to a burst at once
    and comes back when there was none for a while. */
const PEAKS = 10;
/** Series without a value for so long are forgotten. */
const SWEEP_MS = 120_000;
/** Every how many seconds the server is asked for its health. */
const HEALTH_EVERY = 5;
const AGGREGATES_EVERY = 2;
/** The same while there are more names than this: the answer grows with them. */
const [MANY_NAMES, MANY_EVERY] = [500, 15];

const theme = window.Tailrace.theme;
const fleet = new Fleet();
const alerts = new Alerts();
const spikes = new Spikes(Number(find("threshold").value));
const server = new Server(() => feed.doubt(), (role) => session.may(role));

let state = { name: "connecting" };
let lagged = { at: -Infinity, number: 0 };
let rates = null;
let newest = [];
let told = { version: -1, spikes: 0, at: 0 };
let held_until = 0;
let seconds = 0;
let asking = false;
let aggregates_every = AGGREGATES_EVERY;
let health = null;
let peaks = [];

const feed = new Feed({ state: connection, batch, lagged: behind, anew: () => fleet.reconnected() });

const session = new Session({
  login: find("login"),
  who: find("who"),
  begun: () => {
    locked(false);
    feed.open();
  },
  // What was drawn belongs to whoever was here: nothing of it stays.
  ended: () => (drawn ? location.reload() : strangers()),
});
/** Whether anything was shown to somebody. */
let drawn = false;

function strangers() {
  locked(true);
  feed.close();
}

function locked(is_locked) {
  for (const id of ["content", "views"]) find(id).hidden = is_locked;
}

function connection(next) {
  if (next.name === "live") {
    server.reconnected();
    drawn = true;
    // Asked for at once: this may be another server than before.
    seconds = 0;
  }
  if (next.name === "waiting") {
    showHealth({ fine: false, text: "health unknown" });
    // A feed does not say why it broke: the key or the session may be over.
    session.look();
  }
  state = next;
  showState();
}

function showHealth(now) {
  if (now.pipeline) views.title = now.pipeline;
  panels.showHealth(now);
}

function batch(event) {
  newest.unshift(event);
  newest.length = Math.min(newest.length, BATCHES_SHOWN);
  fleet.add(event, (host, metric, received) => {
    const spike = spikes.judge(host, metric);
    if (spike) alerts.add(Math.floor(received / 1000), spike);
  });
}

function behind(missed) {
  const recent = performance.now() - lagged.at < LAGGED_MS;
  lagged = { at: performance.now(), number: (recent ? lagged.number : 0) + missed };
  if (performance.now() > held_until) {
    held_until = performance.now() + THIN_HOLD_MS;
    thin(thinner(feed.thinning));
  }
}

function thin(next) {
  feed.thin(next);
  panels.showThinning(describe(feed.thinning));
}

function showState() {
  panels.showState(state, performance.now() - lagged.at < LAGGED_MS ? lagged.number : 0);
}

function adapt() {
  if (performance.now() < held_until) return;
  const { by, factor } = feed.thinning;
  const producers = fleet.hosts().number * (by === "producers" ? factor : 1);
  thin(thinning(Math.max(...peaks), producers, feed.thinning));
}

async function everySecond() {
  if (document.hidden) return;
  showState();
  views.tick();
  panels.showFigures(rates, fleet.hosts(), alerts.found);
  panels.showEvents(fleet.events(EVENTS_SECONDS), EVENTS_SECONDS);
  panels.showBatches(newest);
  showAlerts();
  find("unwatched").hidden = spikes.unwatched === 0;
  if (state.name === "live" && !asking) await askServer();
}

function showAlerts() {
  if (told.version === alerts.version) return;
  panels.showAlerts(alerts);
  told.version = alerts.version;
  if (performance.now() - told.at > ALOUD_MS) {
    panels.tellSpikes(alerts.found - told.spikes);
    Object.assign(told, { spikes: alerts.found, at: performance.now() });
  }
}

async function askServer() {
  asking = true;
  try {
    await askInTurn();
  } finally {
    asking = false;
  }
}

async function askInTurn() {
  seconds += 1;
  const now = await server.rates();
  if (now) {
    rates = now;
    peaks = [now.batches_per_s, ...peaks].slice(0, PEAKS);
    adapt();
  }
  if (seconds % HEALTH_EVERY === 1) health = await server.health();
  showHealth(health);
  if (seconds % aggregates_every === 1) await askAggregates();
}

async function askAggregates() {
  if (health.recent === false) return panels.showNoAggregates();
  const aggregates = await server.aggregates();
  if (aggregates) panels.showAggregates(aggregates);
  aggregates_every = aggregates?.names.length > MANY_NAMES ? MANY_EVERY : AGGREGATES_EVERY;
}

/** A view of the page's own HTML has nothing to begin or end. */
const standing = { show() {}, hide() {} };

const views = new Views({
  nav: find("views"),
  home: find("content"),
  views: [
    { name: "fleet", title: "Fleet", module: standing },
    { name: "alerts", title: "Alerts", module: standing },
  ],
  page: { may: (role) => session.may(role), theme },
});

async function start() {
  theme.connect(find("theme"));
  find("plain").hidden = Boolean(window.Chart);
  const trust = location.protocol === "https:" ? " --insecure" : "";
  find("try-it").textContent = `tailrace produce ${location.origin}${trust} --hosts 50 --spikes every=20s,for=5s`;
  find("retry").addEventListener("click", () => feed.open());
  find("threshold").addEventListener("input", (event) => {
    spikes.threshold = Number(event.target.value);
    find("threshold-value").textContent = event.target.value;
  });
  // The part behind # belongs to the views.
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    find("content").focus();
  });
  sendForm(find("send"));
  drawAtPace(charts(find("charts"), theme));
  views.start();
  setInterval(everySecond, SECOND_MS);
  setInterval(() => spikes.sweep(), SWEEP_MS);
  everySecond();
  if (await session.look()) feed.open();
}

function drawAtPace(draw) {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  let drawn = -Infinity;
  setInterval(() => {
    const due = performance.now() - drawn >= (calm.matches ? SECOND_MS : DRAW_MS) * 0.9;
    if (!due || document.hidden) return;
    drawn = performance.now();
    draw(fleet);
  }, DRAW_MS);
}

start();
