// Where the axes of a history chart have their marks, and what stands there. No DOM here.

import { day } from "./range.js";

const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];
/** Distances between two marks of time. */
const STEPS = [
  SECOND, 5 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY,
];
/** What a step between values may be, times a power of ten. */
const ROUND = [1, 2, 2.5, 5, 10];

/** Milliseconds by which a zone's clocks are ahead of UTC at a moment. */
function ahead(ms, zone) {
  return zone === "utc" ? 0 : -new Date(ms).getTimezoneOffset() * MINUTE;
}

/** Round moments between two, { x, label }, about `most` of them at most. */
export function timeTicks(from_ms, to_ms, most, zone) {
  const step = STEPS.find((width) => (to_ms - from_ms) / width <= most) ?? STEPS.at(-1);
  const ticks = [];
  // By the zone's clock, so that days begin at its midnight before and after a clock was changed.
  const clock = from_ms + ahead(from_ms, zone);
  for (let at = Math.ceil(clock / step) * step; ; at += step) {
    const x = at - ahead(at - ahead(from_ms, zone), zone);
    if (x > to_ms) return ticks;
    if (x >= from_ms) ticks.push({ x, label: label(at, x, step, zone) });
  }
}

function label(clock, x, step, zone) {
  if (clock % DAY === 0 || step >= DAY) return step >= 30 * DAY ? day(x, zone) : day(x, zone).slice(5);
  const text = new Date(clock).toISOString().slice(11, 19);
  return step < MINUTE ? text : text.slice(0, 5);
}

/** Round values around all that are drawn, 0 among them where that is near: { low, high, step }. */
export function valueScale(lowest, highest, most) {
  const [low, high] = [Math.min(0, lowest), Math.max(0, highest)];
  const spread = high - low || 1;
  const size = 10 ** Math.floor(Math.log10(spread / most));
  const step = size * ROUND.find((one) => one * size * most >= spread);
  return { low: Math.floor(low / step) * step, high: Math.ceil((high || (low === 0 ? step : 0)) / step) * step, step };
}
