// Numbers and times as text, always with a unit. No DOM here; read fleet.js next.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const three = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** A count in full up to five digits, then short: 12,345 and 1.2M. */
export function count(value) {
  return value < 100_000 ? whole.format(value) : short.format(value);
}

/** Any value with three figures. */
export function plain(value) {
  const size = Math.abs(value);
  if (size >= 1e5) return short.format(value);
  return three.format(value);
}

const PREFIXES = ["", "k", "M", "G", "T"];

/** Bytes with a decimal prefix, as vendors and network cards count them. Number and unit are never
    torn apart. */
export function bytes(value) {
  let [scaled, power] = [value, 0];
  while (Math.abs(scaled) >= 1000 && power + 1 < PREFIXES.length) {
    scaled /= 1000;
    power += 1;
  }
  return `${three.format(scaled)}\u00a0${PREFIXES[power]}B`;
}

export const bytesPerSecond = (value) => `${bytes(value)}/s`;
export const percent = (value) => `${three.format(value)}\u00a0%`;

/** How a metric's values are written; other names are plain numbers. */
const FORMATS = {
  "cpu.usage": percent, "disk.usage": percent, "memory.used": bytes,
  "disk.io": bytesPerSecond, "network.rx": bytesPerSecond, "network.tx": bytesPerSecond,
};

export const valueOf = (name, value) => (FORMATS[name] ?? plain)(value);
export const formatOf = (name) => FORMATS[name] ?? plain;

/** How long ago, in whole units of a size that people read at a glance. */
export function ago(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds}\u00a0s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)}\u00a0min` : `${Math.floor(seconds / 3600)}\u00a0h`;
}

/** The date, where it is not today's: metrics may bring a time of their own. */
export function otherDay(ms) {
  const [then, today] = [new Date(ms), new Date()];
  return then.toDateString() === today.toDateString() ? "" : then.toLocaleDateString("sv");
}

/** Local time of day of milliseconds since 1970, to the second. */
export function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB");
}

/** A name that may be very long, cut in the middle where both ends still tell it apart. */
export function brief(text, most = 48) {
  if (text.length <= most) return text;
  const half = Math.floor((most - 1) / 2);
  return `${text.slice(0, half)}…${text.slice(-half)}`;
}
