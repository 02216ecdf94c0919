// The control of a time range: a choice of the usual ones, days and times for any other, and the time
// zone in which all of it is meant and shown.

import { el, say } from "../dom.js";
import { labelled } from "./filters.js";
import { PRESETS, chosen, fields, isPreset, zoneName } from "./range.js";

const CUSTOM = "custom";
const FIELDS = ["from_date", "from_time", "to_date", "to_time"];

/** { home, show({ range, zone }), read() }: `read` answers { range, zone }, or { fault } and shows it
    at its field. `prefix` keeps ids of two views apart. */
export function rangeControl(prefix) {
  const presets = [...PRESETS, [CUSTOM, "from – to"]].map(([value, text]) => el("option", { value }, text));
  const preset = el("select", { name: "preset" }, presets);
  // Where clocks show UTC anyway, there is nothing to choose.
  const zones = zoneName("local") === "UTC" ? ["utc"] : ["local", "utc"];
  const zone = el("select", { name: "zone" }, zones.map((one) => el("option", { value: one }, zoneName(one))));
  const fault = el("p", { class: "fault", id: `${prefix}-range-fault`, role: "alert" });
  const inputs = Object.fromEntries(FIELDS.map((name) => [name, el("input", {
    name, type: name.endsWith("date") ? "date" : "time", min: name.endsWith("date") ? "1970-01-01" : null,
    max: name.endsWith("date") ? "2099-12-31" : null, "aria-describedby": `${fault.id} ${prefix}-range-hint`,
  })]));
  const custom = el("div", { class: "fields custom", hidden: true },
    labelled("First day", inputs.from_date), labelled("from", inputs.from_time),
    labelled("Last day", inputs.to_date), labelled("until", inputs.to_time),
    el("p", { class: "hint", id: `${prefix}-range-hint` }, "Without a time the first day counts from its beginning, and the last day to its end. Without a last day: until now."),
  );
  const home = el("fieldset", { class: "range" }, el("legend", null, "Time"),
    el("div", { class: "fields" }, labelled("Range", preset), labelled("Time zone", zone)), custom, fault);
  const part = { home, preset, zone, inputs, custom, fault };
  preset.addEventListener("change", () => opened(part));
  // The same moments by the clocks of the other zone.
  let shown_in = zones[0];
  zone.addEventListener("change", () => {
    const before = chosen(values(inputs), shown_in);
    if (!before.fault) fill(inputs, fields(before, zone.value));
    shown_in = zone.value;
  });
  const show = (choice) => {
    shown_in = zones.includes(choice.zone) ? choice.zone : "utc";
    showRange(part, { range: choice.range, zone: shown_in });
  };
  return { home, show, read: () => read(part) };
}

function values(inputs) {
  return Object.fromEntries(FIELDS.map((name) => [name, inputs[name].value]));
}

function fill(inputs, texts) {
  for (const name of FIELDS) inputs[name].value = texts[name];
}

/** Days are asked for only where somebody wants to choose them; they begin with today. */
function opened({ preset, custom, inputs, zone }) {
  custom.hidden = preset.value !== CUSTOM;
  if (custom.hidden || inputs.from_date.value !== "") return;
  const today = new Date().toISOString();
  const { from_date } = fields({ from: today, to: "" }, zone.value);
  fill(inputs, { from_date, from_time: "", to_date: from_date, to_time: "" });
}

function showRange({ preset, zone, inputs, custom, fault }, { range, zone: shown }) {
  zone.value = shown;
  preset.value = isPreset(range) ? range.from : CUSTOM;
  custom.hidden = isPreset(range);
  if (!isPreset(range)) fill(inputs, fields(range, shown));
  say(fault, "");
  for (const name of FIELDS) inputs[name].removeAttribute("aria-invalid");
}

function read({ preset, zone, inputs, fault }) {
  for (const name of FIELDS) inputs[name].removeAttribute("aria-invalid");
  say(fault, "");
  if (preset.value !== CUSTOM) return { range: { from: preset.value, to: "" }, zone: zone.value };
  const range = chosen(values(inputs), zone.value);
  if (!range.fault) return { range, zone: zone.value };
  say(fault, `The range: ${range.fault}.`);
  inputs[range.field].setAttribute("aria-invalid", "true");
  inputs[range.field].focus();
  return { fault: range.fault };
}
