// Questions to the query service: an address out of parameters, one question at a time, and every
// way in which an answer can fail as words for people. No DOM here; read export.js next.

import { ask } from "../ask.js";

/** An answer that takes longer is none, in milliseconds: above the service's own limits, so that its
    reason arrives and not ours. */
const PATIENCE_MS = 15_000;

/** What to do on a server that keeps nothing. */
const NO_STORE = "This server has no store, so it keeps no history: start it with --store sqlite, for example `tailrace serve http1-redis --store sqlite`.";

/** Path and query out of pairs; empty values are left out. */
export function address(path, pairs) {
  const given = pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return query.size > 0 ? `${path}?${query}` : path;
}

/** What the server, or the way to it, said instead of an answer. `status` is 0 when nobody
    answered. */
export class Refused extends Error {
  constructor(status, told = {}) {
    super(words(status, told));
    this.status = status;
    /** Seconds after which it may be otherwise; nothing when the server did not say. */
    this.retry_after_s = told.retry_after_s;
    /** Parameters that are wrong, each with why. */
    this.faults = (told.fields ?? []).map(({ pointer, detail }) => ({ name: pointer.replace(/^\?/, ""), detail }));
  }

  /** It is the moment that is wrong, not the question. */
  get passing() {
    return this.status === 429 || this.status === 503;
  }
}

/** A refusal as one text. */
export function words(status, told) {
  if (status === 0) return `${told.title ?? "The server did not answer"}: ${told.detail}`;
  if (status === 404) return NO_STORE;
  if (status === 401) return "The session is over: log in again, and this goes on.";
  const again = told.retry_after_s ? ` Try again in ${told.retry_after_s} s.` : "";
  const why = told.fields?.length ? told.fields.map(({ detail }) => detail).join("; ") : told.detail;
  return `${status}: ${sentence([told.title, why].filter(Boolean).join(": "))}${again}`;
}

function sentence(text) {
  return text === "" || /[.!?]$/.test(text) ? text : `${text}.`;
}

/** The answer as JSON has it. Throws `Refused`, or what `signal` was aborted with. */
export async function json(where, signal) {
  return (await asked(where, "application/json", signal)).told;
}

/** The answer as CSV, and where the next page is: { text, next }. Throws as `json` does. */
export async function csv(where, signal) {
  const { told, headers } = await asked(where, "text/csv", signal);
  return { text: told, next: relative(/^<([^>]*)>; rel="next"$/.exec(headers.get("link") ?? "")?.[1]) };
}

async function asked(where, accept, signal) {
  // A browser that is told to keep nothing asks the service to skip its cache as well; answers say
  // themselves that they are not to be kept.
  const options = { cache: "default", headers: { accept }, signal, patience_ms: PATIENCE_MS };
  const answer = await ask(where, options);
  signal?.throwIfAborted();
  if (!answer.ok) throw new Refused(answer.status, answer.told);
  return answer;
}

/** The service tells of a next page from its own root; the page may stand below a prefix. */
export function relative(next) {
  return next ? next.replace(/^\//, "") : null;
}

/** What comes of a question; nothing where it was refused, which `refused` is told, or where nobody
    waits for it any more. */
export async function settled(asking, signal, refused) {
  try {
    return await asking;
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!(error instanceof Refused)) throw error;
    refused(error);
    return undefined;
  }
}

/** One question at a time: the next one ends the one before. */
export class Turn {
  #controller = null;

  /** The signal of the next question. */
  next() {
    this.end();
    this.#controller = new AbortController();
    return this.#controller.signal;
  }

  /** Ends the question that runs. */
  end() {
    this.#controller?.abort();
    this.#controller = null;
  }
}
