// The view of everything that was found: by the server's detector, with what it remembers from before
// the page was opened, and by this page, with a threshold of the reader's own. Its HTML stands in
// index.html.

import { alertItems, alertTable, spikeItems } from "./alert-rows.js";
import { say } from "./dom.js";
import { count } from "./format.js";
import { address } from "./views.js";

const find = (id) => document.getElementById(id);

let parts = null;
let live = null;

export function show(container, { params, page }) {
  live = page.live;
  parts ??= build();
  find("filter").value = params.get("q") ?? "";
  refresh();
}

export function hide() {}

export function tick() {
  refresh();
}

function build() {
  const [here, there] = [alertTable("Spikes found by this page"), alertTable("Alerts of the server")];
  find("alerts").append(here.home);
  find("server-alerts").append(there.home);
  find("filter").addEventListener("input", (event) => {
    history.replaceState(null, "", address("alerts", "", { q: event.target.value }));
    refresh();
  });
  find("threshold").addEventListener("input", (event) => {
    live.intake.spikes.threshold = Number(event.target.value);
    say(find("threshold-value"), event.target.value);
  });
  return { here, there };
}

function refresh() {
  const { intake: { alerts, hosts }, detector } = live;
  const wanted = find("filter").value.trim().toLowerCase();
  const fits = (name, host) => `${name}\n${host}`.toLowerCase().includes(wanted);
  const spikes = alerts.rows.filter(({ name, worst }) => fits(name, worst.host));
  const told = detector.rows.filter(({ name, host }) => fits(name, host));
  const none = (rows) => (rows.length > 0 ? "Nothing here fits the filter." : "Nothing so far.");
  parts.here.show(spikeItems(spikes), none(alerts.rows));
  parts.there.show(alertItems(told), none(detector.rows));
  parts.there.home.hidden = !detector.is_there;
  say(find("detector"), describe(detector));
  say(find("unlisted"), alerts.unlisted > 0 ? `${count(alerts.unlisted)} more were not listed.` : "");
  find("unwatched").hidden = hosts.unwatched === 0;
}

function describe({ is_there, is_live, rows }) {
  if (is_there === null) return "Not known yet: the server was not asked.";
  if (!is_there) return "This server does not look for spikes: serve with --store, or run tailrace worker --detector beside it.";
  const what = `${count(rows.length)} remembered`;
  return is_live ? `${what}; new ones appear as they are found.` : `${what}; not connected, new ones are missing.`;
}
