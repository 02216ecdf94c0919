// The view of the whole fleet: figures, charts of all hosts together, who is first, what was found,
// types of events, newest batches, aggregates. Its HTML stands in index.html.

import { alertItems, alertTable, spikeItems } from "./alert-rows.js";
import { charts } from "./charts.js";
import * as panels from "./panels.js";
import { Top } from "./top.js";
import { address } from "./views.js";

const find = (id) => document.getElementById(id);

/** Seconds that the event types are counted over. */
const EVENTS_SECONDS = 60;
/** Alerts listed of each kind; their own view lists more. */
const FOUND_SHOWN = 4;
/** Every how many seconds aggregates are asked for, and the same while there are more names than
    `MANY_NAMES`: the answer grows with them. */
const [AGGREGATES_EVERY, MANY_NAMES, MANY_EVERY] = [2, 500, 15];

let parts = null;
let live = null;
let seconds = 0;
let aggregates_every = AGGREGATES_EVERY;
let is_asking = false;

export function show(container, { params, page }) {
  live = page.live;
  parts ??= build(page);
  parts.top.choose(params.get("top") ?? "");
  seconds = 0;
  refresh(true);
}

export function hide() {}

export function tick() {
  refresh(false);
  seconds += 1;
  // Health says first whether there are any: to ask for what is not there is an error to a browser.
  if (live.is_live && live.health && !is_asking && seconds % aggregates_every === 1) askAggregates();
}

export function draw() {
  const { fleet, newest } = live.intake;
  parts.draw(fleet);
  if (newest[0] === parts.newest) return;
  parts.newest = newest[0];
  parts.batches(newest);
}

function build({ theme }) {
  const remember = (by) => {
    history.replaceState(null, "", address("fleet", "", { top: by }));
    refresh(true);
  };
  const [spikes, alerts] = [alertTable("Spikes found by this page"), alertTable("Alerts of the server")];
  find("found-here").append(spikes.home);
  find("found-there").append(alerts.home);
  return {
    spikes,
    alerts,
    top: new Top(find("top-hosts"), find("top-by"), remember),
    draw: charts(find("charts"), theme),
    batches: panels.batchTable(find("batches")),
    newest: null,
    aggregates: panels.aggregateTable(find("aggregates"), find("aggregates-more")),
  };
}

function refresh(force) {
  const { intake, detector, flow, rates, health } = live;
  const { fleet, hosts, alerts, seen } = intake;
  const now = fleet.now();
  panels.showFigures({ rates, hosts: hosts.count(now), is_part: flow.factor > 1 });
  panels.showFound(alerts.found, detector);
  panels.showLag(health?.worker, rates?.groups);
  panels.showEvents(fleet.events(EVENTS_SECONDS), EVENTS_SECONDS);
  parts.top.show(hosts, now, flow.host_factor, force);
  panels.showTaken(seen);
  parts.spikes.show(spikeItems(alerts.rows.slice(0, FOUND_SHOWN)), "No spikes so far.");
  find("found-there").hidden = !detector.is_there;
  parts.alerts.show(alertItems(detector.rows.slice(0, FOUND_SHOWN)), "No alerts so far.");
}

async function askAggregates() {
  if (!live.health.recent) return parts.aggregates(null);
  is_asking = true;
  const aggregates = await live.server.aggregates();
  is_asking = false;
  if (aggregates) parts.aggregates(aggregates);
  aggregates_every = aggregates?.names.length > MANY_NAMES ? MANY_EVERY : AGGREGATES_EVERY;
}
