// How an answer came to be, as the server says of it, in words. No DOM here.

import { plain } from "../format.js";

const UNITS = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1_000]];

/** An age or a width in its largest unit: 90 s, 2 min, 3 h. */
export function lasting(ms) {
  const [name, unit] = UNITS.find(([, size]) => ms >= 2 * size || ms === size) ?? UNITS.at(-1);
  return `${plain(Math.floor(ms / unit))}\u00a0${name}`;
}

const SOURCES = {
  hit: ({ age_ms }) => `From the cache, ${lasting(age_ms)} old.`,
  stale: ({ age_ms }) => `Stale: the store could not be asked, so this is the cache's answer of ${lasting(age_ms)} ago.`,
  miss: () => "From the store.",
  skip: () => "From the store.",
  off: () => "From the store; this server has no cache.",
};

/** { text, worse }: one text, and whether the answer is worse than it should be. `asked_ms` is the
    width of the buckets that was asked for. */
export function told(answer, asked_ms = null) {
  const texts = [SOURCES[answer.cache]?.(answer) ?? ""];
  const coarser = asked_ms !== null && answer.bucket_ms > asked_ms;
  if (coarser) texts.push(`Coarser than asked for: buckets of ${lasting(answer.bucket_ms)} instead of ${lasting(asked_ms)}.`);
  if (answer.degraded) texts.push(`Why: ${answer.degraded.why}.`);
  return { text: texts.filter(Boolean).join(" "), worse: Boolean(answer.degraded) || coarser };
}
