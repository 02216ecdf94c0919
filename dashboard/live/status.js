// The head of the page: the connection, the server's health, what it refused, and what is left out.
// A countdown is shown to the eye only: told aloud it would never stop.

import { say } from "./dom.js";
import { count } from "./format.js";

const find = (id) => document.getElementById(id);

/** How long a refusal is told of after it is over: long enough to be read. Milliseconds. */
const REFUSAL_MS = 8_000;

const seconds = (until) => Math.max(0, Math.ceil((until - Date.now()) / 1000));

const STATES = {
  connecting: () => "Connecting …",
  live: () => "Live",
  waiting: ({ until }) => `Connection lost; next try in ${seconds(until)} s`,
  refused: ({ until }) => `Refused; next try in ${seconds(until)} s`,
  resting: () => "Resting while this page is hidden",
  locked: () => "Waiting for a key",
};

const ALOUD = { waiting: "Connection lost, trying again", refused: "The server refuses the feed, trying again" };

export function showState(state, lagged) {
  const is_lagged = state.name === "live" && lagged > 0;
  const text = STATES[state.name](state) + (is_lagged ? `, lagged by ${count(lagged)}` : "");
  find("state").dataset.state = is_lagged ? "lagged" : state.name;
  say(find("state-text"), text);
  say(find("state-aloud"), ALOUD[state.name] ?? text);
  find("retry").hidden = !(state.name in ALOUD);
  if (state.name === "refused") showRefusal(state.why, state.until);
}

export function showHealth({ fine, pipeline, text }) {
  if (pipeline) say(find("pipeline"), pipeline);
  find("health").dataset.fine = fine;
  say(find("health-text"), text);
}

export function showThinning(text) {
  find("thinning").hidden = text === "";
  say(find("thinning"), text);
}

let told_until = 0;

/** What the server refused, in its own words, for as long as it refuses and a while longer. */
export function showRefusal({ status, told, tries = "What is shown may be old" }, until) {
  told_until = Math.max(told_until, until + REFUSAL_MS);
  find("refusal").hidden = false;
  say(find("refusal"), `${status}: ${told.title ?? "refused"}. ${told.detail ?? ""}. ${tries}.`);
}

/** Once a second. */
export function forgetRefusal() {
  if (Date.now() > told_until) find("refusal").hidden = true;
}

/** Told aloud, so at most now and then: how many spikes since the last time. */
export function tellSpikes(number) {
  say(find("alerts-aloud"), number > 0 ? `${count(number)} new ${number === 1 ? "spike" : "spikes"}` : "");
}
