// The connection to the live feed: opens it, opens it again when it breaks, asks for what was
// missed meanwhile, and rests while nobody looks. The browser's own way to come back is not used:
// it gives up for good at the first refusal and does not tell when it will try again.

import { WHOLE, query } from "./thinning.js";

/** Waits before the first, second … try; the last one repeats. Milliseconds. */
const WAITS_MS = [500, 1_000, 2_000, 4_000, 8_000];
/** Part of a wait that is drawn by lot, so that many pages do not come back at once. */
const LOT = 0.3;
/** What is older than this is not asked for again: the server keeps seconds, and so does a chart
    that moves. Milliseconds. */
const REPLAY_MS = 15_000;
/** A server that takes longer to say why it refuses does not say it. Milliseconds. */
const REFUSAL_MS = 5_000;
/** A page that nobody sees keeps its feed for so long: looking away for a moment costs nothing. */
const HIDDEN_MS = 10_000;

export class Feed {
  #told;
  #source = null;
  #timer = 0;
  #tries = 0;
  #last = { id: "", at: 0 };
  #hidden_timer = 0;
  #thinning = WHOLE;
  #over = false;
  /** Batches that the server says this page was too slow for. */
  missed = 0;
  /** Events received over the page's life. */
  received = 0;

  /** `told` has: state({name, until?, why?}), batch(event), lagged(n), anew(). `why` is the server's
      answer when it refused: { status, told }. */
  constructor(told) {
    this.#told = told;
    document.addEventListener("visibilitychange", () => this.#look());
    window.addEventListener("online", () => this.#now());
    window.addEventListener("pagehide", () => this.#close());
    window.addEventListener("pageshow", (event) => event.persisted && this.#now());
  }

  get thinning() {
    return this.#thinning;
  }

  /** Takes another part of the feed from here on. */
  thin(thinning) {
    if (thinning === this.#thinning) return;
    this.#thinning = thinning;
    if (this.#source) this.open();
  }

  /** Connects, or connects anew. */
  open() {
    this.#close();
    this.#over = false;
    const replay = this.#last.id && Date.now() - this.#last.at < REPLAY_MS;
    const after = replay ? `&after=${encodeURIComponent(this.#last.id)}` : "";
    if (!replay) this.#told.anew();
    this.#told.state({ name: "connecting" });
    const path = `v1/metrics/live?view=full${query(this.#thinning)}${after}`;
    const source = new EventSource(path);
    source.onopen = () => {
      this.#tries = 0;
      this.#told.state({ name: "live" });
    };
    source.onmessage = (message) => this.#take(message);
    source.onerror = () => {
      // A browser ends it for good where the server answered with something else than a stream.
      if (source.readyState === EventSource.CLOSED) this.#refused(path);
      else this.#broken();
    };
    this.#source = source;
  }

  /** Ends it until it is opened again: there is nobody who may look. */
  close() {
    this.#close();
    this.#over = true;
    this.#told.state({ name: "locked" });
  }

  /** Somebody else saw the server fail: a connection may be dead without knowing it. */
  doubt() {
    if (this.#source) this.#broken();
  }

  #take(message) {
    const event = JSON.parse(message.data);
    this.received += 1;
    if (event.type === "live") {
      this.#last.id = message.lastEventId;
      this.#last.at = Date.now();
      // Without metrics when the log had dropped them by then.
      if (event.metrics) this.#told.batch(event);
    } else if (event.type === "lagged") {
      this.missed += event.missed;
      this.#told.lagged(event.missed);
    }
  }

  #broken() {
    this.#close();
    const wait = WAITS_MS[Math.min(this.#tries, WAITS_MS.length - 1)] * (1 + LOT * Math.random());
    this.#tries += 1;
    this.#wait(wait, { name: "waiting" });
  }

  #wait(wait, state) {
    clearTimeout(this.#timer);
    this.#told.state({ ...state, until: Date.now() + wait });
    this.#timer = setTimeout(() => this.open(), wait);
  }

  /** A feed does not say why it was refused, nor when to come back: that is asked for first. */
  async #refused(path) {
    this.#close();
    const why = await refusal(path);
    // Somebody else opened or ended it meanwhile.
    if (this.#source || this.#over || document.hidden) return;
    if (!why) return this.#broken();
    this.#wait(Math.max(why.retry_after_s * 1_000, WAITS_MS[1]), { name: "refused", why });
  }

  /** There is a reason to think that a try would succeed. */
  #now() {
    this.#tries = 0;
    if (this.#over) return;
    if (this.#source?.readyState !== EventSource.OPEN && !document.hidden) this.open();
  }

  #look() {
    clearTimeout(this.#hidden_timer);
    if (document.hidden) {
      this.#hidden_timer = setTimeout(() => this.#rest(), HIDDEN_MS);
    } else {
      this.#now();
    }
  }

  #rest() {
    if (this.#over) return;
    this.#close();
    this.#told.state({ name: "resting" });
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }
}

/** The server's answer where it refuses a feed: { status, told, retry_after_s }; nothing where it
    does not, or where there is nobody who may look: session.js sees to that. */
async function refusal(path) {
  const over = new AbortController();
  const patience = setTimeout(() => over.abort(), REFUSAL_MS);
  try {
    const answer = await fetch(path, { cache: "no-store", signal: over.signal });
    if (answer.ok || answer.status === 401) return null;
    const retry_after_s = Number(answer.headers.get("retry-after")) || 1;
    return { status: answer.status, told: await answer.json(), retry_after_s };
  } catch {
    return null;
  } finally {
    // A feed that is granted after all would go on.
    over.abort();
    clearTimeout(patience);
  }
}
