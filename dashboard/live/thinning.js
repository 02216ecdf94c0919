// How much of the feed the page takes. A page that drowns shows nothing, so beyond a rate it asks
// the server for a part: some producers with all their batches, or, when there are only a few
// producers, some of the batches of each. Arithmetic only; feed.js does the asking.

/** Batches a second that any browser of today takes in without a stutter. */
const BATCHES_PER_S_MAX = 3_000;
/** A thinned feed aims below the limit, so that it is not changed every second. */
const BATCHES_PER_S_AIM = 1_500;
/** Seen of each part, producers are enough to stand for the fleet. */
const PRODUCERS_LEAST = 8;
/** One in so many at most. */
const FACTOR_MAX = 65_536;

export const WHOLE = Object.freeze({ by: "producers", factor: 1 });

function power(ratio) {
  return Math.min(FACTOR_MAX, 2 ** Math.ceil(Math.log2(Math.max(1, ratio))));
}

/** What to ask for next, given all batches a second, producers in the whole fleet as far as
    known, and what is asked for now. The same object when nothing is to change. */
export function thinning(batches_per_s, producers, now) {
  const needed = batches_per_s > BATCHES_PER_S_MAX ? power(batches_per_s / BATCHES_PER_S_AIM) : 1;
  const by = producers >= PRODUCERS_LEAST * needed ? "producers" : "sample";
  const floods = batches_per_s / now.factor > BATCHES_PER_S_MAX;
  // Down only when it is far too thin: the rate of a fleet varies.
  const starves = now.factor > 1 && needed <= now.factor / 4;
  const wrong_way = now.factor > 1 && needed > 1 && now.by === "producers" && by === "sample";
  if (!floods && !starves && !wrong_way) return now;
  return needed === 1 ? WHOLE : { by, factor: needed };
}

/** The next thinner part, after the server said that this reader is too slow. */
export function thinner(now) {
  return { by: now.by, factor: Math.min(FACTOR_MAX, now.factor * 2) };
}

/** As a part of the feed's address. */
export function query({ by, factor }) {
  return factor > 1 ? `&${by}=${factor}` : "";
}

/** In words, or nothing when all is shown. */
export function describe({ by, factor }) {
  if (factor <= 1) return "";
  const share = factor.toLocaleString("en");
  return by === "producers"
    ? `Too much for one page: charts and alerts show 1 producer in ${share}, with all its batches. Rates and totals are exact.`
    : `Too much for one page: charts and alerts show 1 batch in ${share} of each producer. Rates and totals are exact.`;
}
