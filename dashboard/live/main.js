// The live page: a feed whose batches are summed by the second, drawn at a steady pace whatever the
// rate, in one of several views. This file joins the parts; read intake.js, feed.js and views.js next.

import * as alerts_view from "./alerts-view.js";
import { onRefusal } from "./ask.js";
import { Detector } from "./detector.js";
import { Feed } from "./feed.js";
import * as fleet_view from "./fleet-view.js";
import { Flow } from "./flow.js";
import * as events_view from "./history/events.js";
import * as history_view from "./history/history.js";
import * as host_view from "./host-view.js";
import { Intake } from "./intake.js";
import { sendForm } from "./send.js";
import { Server } from "./server.js";
import { Session } from "./session.js";
import * as status from "./status.js";
import { Views } from "./views.js";

const find = (id) => document.getElementById(id);

/** Between two drawings of the charts; a reader who wants less motion gets one a second. */
const DRAW_MS = 250;
const SECOND_MS = 1_000;
/** Between two announcements of spikes to screen readers. */
const ALOUD_MS = 10_000;
/** Between two clearings of what was silent for long. */
const SWEEP_MS = 60_000;
/** Every how many seconds the server is asked for its health. */
const HEALTH_EVERY = 5;

const theme = window.Tailrace.theme;
const intake = new Intake(Number(find("threshold").value));
const detector = new Detector();
const server = new Server(() => feed.doubt(), (role) => session.may(role));
const feed = new Feed({
  state: connection,
  batch: (event) => intake.add(event),
  lagged: (missed) => flow.behind(missed),
  anew: () => intake.fleet.reconnected(),
});
const flow = new Flow(feed, status.showThinning);

/** What views see of all this. `rates` are the server's, or the page's own where those are not for
    everybody; `health` is what the server said of itself last. */
const live = {
  intake, detector, flow, server,
  is_live: false,
  rates: null,
  health: null,
  /** Whether stored metrics can be asked for, as far as is known. */
  get may_have_history() {
    return Boolean(this.health?.store) || !session.may("admin");
  },
};

let state = { name: "connecting" };
let seconds = 0;
let is_asking = false;
/** Before this the server is not asked: it said that it was too often. */
let quiet_until = 0;
/** Whether anything was shown to somebody. */
let is_drawn = false;
let aloud = { spikes: 0, at: -Infinity };

const session = new Session({
  login: find("login"),
  who: find("who"),
  begun: () => {
    lock(false);
    // What it asked as a stranger was refused.
    views.start();
    feed.open();
  },
  // What was drawn belongs to whoever was here: nothing of it stays.
  ended: () => (is_drawn ? location.reload() : strangers()),
});

const views = new Views({
  nav: find("views"),
  home: find("content"),
  views: [
    { name: "fleet", title: "Fleet", module: fleet_view },
    { name: "host", title: "Host", module: host_view },
    { name: "events", title: "Events", module: events_view },
    { name: "history", title: "History", module: history_view },
    { name: "alerts", title: "Alerts", module: alerts_view },
  ],
  page: { may: (role) => session.may(role), theme, live },
});

function strangers() {
  lock(true);
  feed.close();
  session.explain();
}

function lock(is_locked) {
  for (const id of ["content", "views"]) find(id).hidden = is_locked;
}

function connection(next) {
  state = next;
  live.is_live = next.name === "live";
  if (live.is_live) {
    server.reconnected();
    is_drawn = true;
    // Asked for at once: this may be another server than before.
    seconds = 0;
  } else {
    detector.close();
  }
  if (next.name === "waiting") {
    status.showHealth({ fine: false, text: "health unknown" });
    // A feed does not say why it broke: the key or the session may be over.
    session.look();
  }
  status.showState(state, flow.lagged);
}

async function everySecond() {
  if (document.hidden) return;
  status.showState(state, flow.lagged);
  status.forgetRefusal();
  views.tick();
  tellAloud();
  if (!live.is_live || is_asking || Date.now() < quiet_until) return;
  is_asking = true;
  try {
    await askServer();
  } finally {
    is_asking = false;
  }
}

function tellAloud() {
  const { found } = intake.alerts;
  if (found === aloud.spikes || performance.now() - aloud.at < ALOUD_MS) return;
  status.tellSpikes(found - aloud.spikes);
  aloud = { spikes: found, at: performance.now() };
}

async function askServer() {
  seconds += 1;
  live.rates = session.may("admin") ? ((await server.rates()) ?? live.rates) : seenRates();
  const { fleet, hosts } = intake;
  if (live.rates) flow.adapt(live.rates.batches_per_s, hosts.count(fleet.now()).number);
  if (seconds % HEALTH_EVERY !== 1) return;
  live.health = await server.health();
  if (live.health.pipeline) views.title = live.health.pipeline;
  status.showHealth(live.health);
  if (live.is_live && live.health.alerts !== undefined) detector.follow(live.health.alerts);
}

/** As much as the page sees, for readers who may not see the server's counters: those are of all
    tenants. */
function seenRates() {
  const { seen, fleet } = intake;
  const second = Math.floor(fleet.now() / SECOND_MS);
  const all = (tally) => tally.rate(second) * flow.factor;
  return { batches_per_s: all(seen.batch_rate), metrics_per_s: all(seen.metric_rate), is_seen: true };
}

function refused({ status: code, told, retry_after_s }) {
  if (code === 401) return void session.look();
  quiet_until = Date.now() + retry_after_s * SECOND_MS;
  status.showRefusal({ status: code, told }, quiet_until);
}

async function start() {
  theme.connect(find("theme"));
  find("plain").hidden = Boolean(window.Chart);
  const trust = location.protocol === "https:" ? " --insecure" : "";
  find("try-it").textContent = `tailrace produce ${location.origin}${trust} --hosts 50 --spikes every=20s,for=5s`;
  find("retry").addEventListener("click", () => feed.open());
  // The part behind # belongs to the views.
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    find("content").focus();
  });
  sendForm(find("send"));
  onRefusal(refused);
  views.start();
  drawAtPace();
  setInterval(everySecond, SECOND_MS);
  setInterval(() => intake.sweep(), SWEEP_MS);
  everySecond();
  if (await session.look()) feed.open();
}

function drawAtPace() {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  let drawn = -Infinity;
  setInterval(() => {
    const due = performance.now() - drawn >= (calm.matches ? SECOND_MS : DRAW_MS) * 0.9;
    if (!due || document.hidden) return;
    drawn = performance.now();
    views.draw();
  }, DRAW_MS);
}

start();
