// What the server says of itself: health, readiness, its counters and aggregates. Asked for only
// while the feed is live; a server that is down is the feed's business.

/** An answer that takes longer is none, in milliseconds. */
const PATIENCE_MS = 5_000;
/** Failures in a row after which the feed's connection is doubted too. */
const DOUBT_AFTER = 3;

async function ask(path) {
  return fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
}

/** Counters of Prometheus' text format by name; labels are left out, values of one name summed. */
export function counters(text) {
  const sums = new Map();
  for (const line of text.split("\n")) {
    const found = /^([a-z_]+)(?:\{.*\})? (\S+)$/.exec(line);
    if (found) sums.set(found[1], (sums.get(found[1]) ?? 0) + Number(found[2]));
  }
  return sums;
}

export class Server {
  #failures = 0;
  #before = null;
  #doubt;
  #may;

  /** `doubt` is called when the server has stopped answering; `may` says whether the visitor has a
      role. */
  constructor(doubt, may = () => true) {
    [this.#doubt, this.#may] = [doubt, may];
  }

  /** The connection is a new one, perhaps to a new server: rates begin anew. */
  reconnected() {
    this.#failures = 0;
    this.#before = null;
  }

  /** Batches and metrics a second since the last call; nothing at the first. */
  async rates() {
    // The counters are those of all tenants: not everybody may see them.
    if (!this.#may("admin")) return null;
    const answer = await this.#reached("metrics");
    if (!answer?.ok) return null;
    const sums = counters(await answer.text());
    const now = {
      at: performance.now(),
      batches: sums.get("tailrace_ingest_batches_total"),
      metrics: sums.get("tailrace_ingest_metrics_total"),
      refused: sums.get("tailrace_ingest_refused_total") ?? 0,
    };
    const before = this.#before;
    this.#before = now;
    // Counters that fell are another server's.
    if (!before || now.batches === undefined || now.batches < before.batches) return null;
    const seconds = (now.at - before.at) / 1000;
    return {
      batches_per_s: (now.batches - before.batches) / seconds,
      metrics_per_s: (now.metrics - before.metrics) / seconds,
      metrics: now.metrics,
      refused: now.refused,
    };
  }

  /** { fine, text, pipeline?, recent? }; `recent`: whether there are aggregates to ask for. */
  async health() {
    const [health, ready] = await Promise.all([this.#reached("health"), this.#reached("ready")]);
    if (!health || !ready) return { fine: false, text: "does not answer" };
    const told = await health.json();
    if (!health.ok) return { fine: false, text: told.detail };
    if (!ready.ok) return { fine: false, pipeline: told.pipeline, text: "draining: takes no new work" };
    // How much there is, is told to whom the server belongs.
    if (!told.log) return { fine: true, pipeline: told.pipeline, recent: told.recent, text: "Healthy" };
    const { description, entries, waiting } = told.log;
    const log = `Log: ${description}; ${entries.toLocaleString("en")} batches`;
    const queue = waiting > 0 ? `, ${waiting.toLocaleString("en")} waiting` : "";
    return { fine: true, pipeline: told.pipeline, recent: told.recent, text: log + queue };
  }

  /** { names, overflow }; nothing when the server is silent. */
  async aggregates() {
    const answer = await this.#reached("v1/aggregates");
    return answer?.ok ? answer.json() : null;
  }

  async #reached(path) {
    try {
      const answer = await ask(path);
      this.#failures = 0;
      return answer;
    } catch {
      this.#failures += 1;
      if (this.#failures >= DOUBT_AFTER) this.#doubt();
      return null;
    }
  }
}
