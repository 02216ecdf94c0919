// The form that makes events and sends them to the ingest door, batch after batch: of a chosen type,
// user, device and date. Nothing is checked here that the server checks: its own answer is shown at
// the field that it is about. Then it waits until the store holds them, so that the log shows them.

import { el, say } from "../dom.js";
import { count } from "../format.js";
import { ask } from "../ask.js";
import { showAnswer } from "../send.js";
import { address as link } from "../views.js";
import { choices, labelled, suggested } from "./filters.js";
import { zoneName } from "./range.js";

/** Batches of one go: enough to see the charts move, few enough to stay a form and not become a
    load generator, which is another verb's work. */
const BATCHES_MAX = 100;
/** Who sends, as the log shows it. */
const PRODUCER = "live-page";
/** How often the store is asked whether it has them, and for how long. Milliseconds. */
const [STORED_EVERY_MS, STORED_WITHIN_MS] = [300, 30_000];
const MINUTE_MS = 60_000;
const TYPES = ["page_view", "click", "purchase", "sign_up"];
const DEVICES = [["desktop", "desktop"], ["mobile", "mobile"], ["tablet", "tablet"], ["", "none"]];

/** A card with the form: { home, allow(may) }; `sent` is called when the store has what was sent. */
export function generator(sent) {
  const said = el("p", { class: "hint", id: "make-said", role: "status" });
  const answer = el("output");
  const form = makeForm();
  const stop = el("button", { type: "button", hidden: true }, "Cancel");
  const go = el("button", { type: "submit", name: "go" }, "Make and send");
  form.append(el("p", { class: "buttons" }, go, stop));
  const part = { form, go, stop, said, answer, sent };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(part);
  });
  const body = el("div", null, form, answer, said);
  const refused = el("p", { class: "hint", hidden: true }, "Your key may not send: it lacks the role “ingest”.");
  const home = el("section", { class: "card make" }, el("h2", null, "Make events"), body, refused);
  const allow = (may) => ([body.hidden, refused.hidden] = [!may, may]);
  return { home, allow };
}

function makeForm() {
  const type = suggested("make", "type", { value: "click" });
  type.suggest(TYPES);
  const text = (name, more = {}) => el("input", { name, autocomplete: "off", spellcheck: "false", ...more });
  const number = (name, value, max) => text(name, { type: "number", min: 1, max, value });
  const field = (title, control, hint) => {
    const fault = el("span", { class: "fault", id: `make-${control.name}-fault` });
    return labelled(title, control, { hint, fault });
  };
  return el("form", { class: "chooser", novalidate: true, autocomplete: "off" }, el("div", { class: "fields" },
    field("Type", type.input), type.list, field("User", text("user", { value: "u-1" })),
    field("Device", choices("device", DEVICES)), field("Value", text("value", { value: "1", inputmode: "decimal" })),
    field("Date", text("date", { type: "datetime-local", step: 1 }), `${zoneName("local")}; empty: now`),
    field("Events of a batch", number("events", 10)), field("Batches", number("batches", 1, BATCHES_MAX))));
}

/** One batch as the door takes it. Events of one date are a millisecond apart, so that they have an
    order. What is no number goes out as the text that it is. */
export function batchOf({ type, user, device, value, date, events }, seq) {
  const given = Object.entries({ user, device }).filter(([, text]) => text !== "");
  const number = value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
  const begins_ms = date === "" ? null : new Date(date).getTime() + seq * events;
  const metrics = Array.from({ length: events }, (_, i) => ({
    // Without a type there is no name: the door says so.
    name: type === "" ? "" : `event.${type}`, value: number, ...(begins_ms === null ? {} : { time: begins_ms + i }),
    attributes: Object.fromEntries(given),
  }));
  return { producer: PRODUCER, seq, metrics };
}

function wanted({ elements }) {
  const text = (name) => elements[name].value;
  const whole = (name, most) => Math.min(most, Math.max(1, Math.floor(Number(text(name))) || 1));
  return {
    type: text("type").trim(), user: text("user").trim(), device: text("device"), value: text("value"), date: text("date"),
    // The door's own limit is lower; its answer is what the form is there to show.
    events: whole("events", 10_000), batches: whole("batches", BATCHES_MAX),
  };
}

/** A field of the form for a place in the batch. */
const fieldOf = (pointer) => {
  const [, place] = /^\/metrics\/\d+\/(.+)$/.exec(pointer) ?? [null, pointer];
  const known = { name: "type", value: "value", time: "date", "attributes/user": "user", "attributes/device": "device", "/metrics": "events" };
  return known[place];
};

async function send(part) {
  const { form, stop, said } = part;
  // Not a disabled button: whoever pressed it by key would be nowhere.
  if (!stop.hidden) return;
  const choice = wanted(form);
  form.elements.batches.value = choice.batches;
  const controller = new AbortController();
  stop.onclick = () => controller.abort();
  stop.hidden = false;
  say(said, "");
  const run = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const done = await sendAll(part, choice, run, controller.signal);
  if (done.batches > 0) await waitForStore(part, choice, run, done, controller.signal);
  if (controller.signal.aborted) say(said, `Cancelled. ${acknowledged(done, choice)}`);
  if (document.activeElement === stop) part.go.focus();
  stop.hidden = true;
}

async function sendAll({ form, answer }, choice, run, signal) {
  const done = { batches: 0, events: 0 };
  while (done.batches < choice.batches && !signal.aborted) {
    const headers = { "content-type": "application/json", "tailrace-run": run };
    const body = JSON.stringify(batchOf(choice, done.batches));
    // The batch has an identity: when no answer came, it may be sent again.
    let given = await ask("v1/ingest", { method: "POST", headers, body });
    if (given.status === 0) given = await ask("v1/ingest", { method: "POST", headers, body });
    if (given.status === 202) Object.assign(done, { batches: done.batches + 1, events: done.events + given.told.accepted });
    showAnswer(form, answer, fieldOf, given, acknowledged(done, choice));
    if (given.status !== 202) break;
  }
  return done;
}

function acknowledged({ batches, events }, choice) {
  return `Acknowledged: ${count(batches)} of ${count(choice.batches)} ${choice.batches === 1 ? "batch" : "batches"}, ${count(events)} events.`;
}

async function waitForStore({ said, sent }, choice, run, done, signal) {
  const end = Date.now() + STORED_WITHIN_MS;
  say(said, "Waiting for the store …");
  while (!signal.aborted) {
    const { status, told } = await ask(`v1/audit/${run}?of=store`, { signal });
    if (status === 403) return say(said, "Whether they are stored is not told to a key without the role “read”.");
    if (status === 404) return say(said, "This server has no store: the log keeps them, and no history.");
    if (status === 200 && present(told) >= done.batches) return stored(said, choice, sent);
    if (Date.now() > end) return say(said, "Not in the store yet: its worker is behind.");
    await new Promise((next) => setTimeout(next, STORED_EVERY_MS));
  }
}

/** Batches of an audit. */
function present({ producers }) {
  return producers.flatMap((one) => one.present).reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

function stored(said, { type, user, date }, sent) {
  const begin = date === "" ? null : new Date(date).getTime();
  const range = begin === null ? { from: "-15m" }
    : { from: new Date(begin).toISOString(), to: new Date(begin + MINUTE_MS).toISOString() };
  const where = link("events", "", { name: type, "attr.user": user, ...range });
  said.replaceChildren("Stored. ", el("a", { href: where }, "Show them"));
  sent();
}
