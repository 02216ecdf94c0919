// Stretches of time: as the query service takes them, as a form shows them, and as words. A range is
// { from, to } in the service's own spelling: `-1h` for an hour ago, nothing for "everything" and
// "until now", else instants in UTC. So a link means the same in every time zone. No DOM here.

/** What can be chosen without a calendar: how the service spells it, and how people say it. */
export const PRESETS = [
  ["-15m", "last 15 minutes"],
  ["-1h", "last hour"],
  ["-1d", "last day"],
  ["-7d", "last 7 days"],
  ["", "everything"],
];

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** As the service takes them: after 1970 and before the end of 2099. */
const TIME_MS_MAX = 4_102_444_799_999;

/** Milliseconds of `15m` and the like; nothing where it is no such length. */
export function span(text) {
  const found = /^(\d{1,9})([smhd])$/.exec(text);
  return found ? Number(found[1]) * UNITS_MS[found[2]] : null;
}

/** How the zone is called. */
export function zoneName(zone) {
  return zone === "utc" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Year, month … of a moment in a zone. */
function parts(ms, zone) {
  const date = new Date(ms);
  const get = (name) => (zone === "utc" ? date[`getUTC${name}`]() : date[`get${name}`]());
  return {
    year: get("FullYear"), month: get("Month") + 1, day: get("Date"),
    hour: get("Hours"), minute: get("Minutes"), second: get("Seconds"),
  };
}

const two = (number) => String(number).padStart(2, "0");

/** `2026-11-21`. */
export function day(ms, zone) {
  const at = parts(ms, zone);
  return `${String(at.year).padStart(4, "0")}-${two(at.month)}-${two(at.day)}`;
}

/** `15:04:05`. */
function clock(ms, zone) {
  const at = parts(ms, zone);
  return `${two(at.hour)}:${two(at.minute)}:${two(at.second)}`;
}

const isMidnight = (ms, zone) => clock(ms, zone) === "00:00:00" && ms % 1_000 === 0;

/** `2026-11-21 15:04:05`. */
export function moment(ms, zone) {
  return `${day(ms, zone)} ${clock(ms, zone)}`;
}

/** The moment at which a zone's clocks and calendars show this, `days` later; nothing where there
    is no such date or time. */
function at(date, time, zone, days = 0) {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(date);
  const of_day = /^(\d{2}):(\d{2})(?::(\d{2}))?/.exec(time || "00:00");
  if (!found || !of_day) return null;
  const [year, month, number] = [Number(found[1]), Number(found[2]) - 1, Number(found[3])];
  const fields = [year, month, number + days, Number(of_day[1]), Number(of_day[2]), Number(of_day[3] ?? 0)];
  const ms = zone === "utc" ? Date.UTC(...fields) : new Date(...fields).getTime();
  return ms >= 0 && ms <= TIME_MS_MAX ? ms : null;
}

/** A range out of a form's fields { from_date, from_time, to_date, to_time }, or { fault, field }.
    A last day without a time is meant with all its hours. */
export function chosen(fields, zone) {
  const from = at(fields.from_date, fields.from_time, zone);
  if (from === null) return { fault: "choose the first day", field: "from_date" };
  const whole = !fields.to_time;
  const to = fields.to_date ? at(fields.to_date, fields.to_time, zone, whole ? 1 : 0) : null;
  if (fields.to_date && to === null) return { fault: "this is no date between 1970 and 2099", field: "to_date" };
  if (to !== null && to <= from) return { fault: "the range ends before it begins", field: "to_date" };
  return { from: new Date(from).toISOString(), to: to === null ? "" : new Date(to).toISOString() };
}

/** A form's fields for a range; the other way round than `chosen`. */
export function fields({ from, to }, zone, now = Date.now()) {
  const first = from.startsWith("-") ? now - span(from.slice(1)) : Date.parse(from);
  const end = Date.parse(to);
  // A field of time shows seconds where there are some.
  const time = (ms) => (isMidnight(ms, zone) ? "" : clock(ms, zone).replace(/:00$/, ""));
  const none = { from_date: "", from_time: "", to_date: "", to_time: "" };
  if (Number.isNaN(first)) return none;
  const begin = { ...none, from_date: day(first, zone), from_time: time(first) };
  if (Number.isNaN(end)) return begin;
  return { ...begin, to_date: day(isMidnight(end, zone) ? end - 1 : end, zone), to_time: time(end) };
}

/** Whether it is one of PRESETS. */
export function isPreset({ from, to }) {
  return to === "" && PRESETS.some(([known]) => known === from);
}

/** What a link says as a range: the service's other spellings (`now`, plain dates, milliseconds) too.
    What the service would not take is as if it said the last day. */
export function readRange(from, to) {
  const [begin, end] = [readBegin(from), readEnd(to)];
  return begin === null || end === null ? { from: "-1d", to: "" } : { from: begin, to: end };
}

function readBegin(text) {
  if (text === "") return "";
  return text.startsWith("-") && span(text.slice(1)) !== null ? text : instant(text, 0);
}

function readEnd(text) {
  return text === "" || text === "now" ? "" : instant(text, 1);
}

/** `days`: what a plain date is added, so that as an end it means its last moment. */
function instant(text, days) {
  const ms = read(text, days);
  return ms >= 0 && ms <= TIME_MS_MAX ? new Date(ms).toISOString() : null;
}

function read(text, days) {
  if (/^\d{10,15}$/.test(text)) return Number(text);
  if (/^\d{4}-\d{2}-\d{2}T\S*(Z|[+-]\d{2}:\d{2})$/.test(text)) return Date.parse(text);
  const midnight = at(text, "", "utc");
  // The 13th month is the next year's first: such a date is none.
  return midnight !== null && day(midnight, "utc") === text ? at(text, "", "utc", days) : NaN;
}

/** Its length in milliseconds; nothing for everything. */
export function length({ from, to }, now = Date.now()) {
  if (from === "") return null;
  const end = to === "" ? now : Date.parse(to);
  const begin = from.startsWith("-") ? now - span(from.slice(1)) : Date.parse(from);
  return Math.max(0, end - begin);
}

/** The range that an answer is about, as words: `2026-11-20 00:00:00 to 2026-11-21 00:00:00`, the
    end of a day as such. */
export function inWords({ from_ms, to_ms }, zone) {
  const begin = from_ms === 0 ? "the first metric" : moment(from_ms, zone);
  const end = isMidnight(to_ms, zone) ? `the end of ${day(to_ms - 1, zone)}` : moment(to_ms, zone);
  return `${begin} to ${end}, ${zoneName(zone)}`;
}
