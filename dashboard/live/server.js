// What the server says of itself: health, readiness, its counters and aggregates. Asked for only
// while the feed is live; a server that is down is the feed's business.

import { ask } from "./ask.js";

/** Failures in a row after which the feed's connection is doubted too. */
const DOUBT_AFTER = 3;

/** Counters of Prometheus' text format by name; labels are left out, values of one name summed. */
export function counters(text) {
  const sums = new Map();
  for (const line of text.split("\n")) {
    const found = /^([a-z_]+)(?:\{.*\})? (\S+)$/.exec(line);
    if (found) sums.set(found[1], (sums.get(found[1]) ?? 0) + Number(found[2]));
  }
  return sums;
}

/** How far each group of the log's readers in that process is behind: [{ group, waiting, oldest_ms }]. */
export function groups(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    const [, name, group, value] = /^tailrace_worker_(unread_entries|pending_entries|oldest_ms)\{group="([^"]*)"\} (\S+)$/.exec(line) ?? [];
    if (!name) continue;
    if (!found.has(group)) found.set(group, { group, waiting: 0, oldest_ms: 0 });
    if (name === "oldest_ms") found.get(group).oldest_ms = Number(value);
    else found.get(group).waiting += Number(value);
  }
  return [...found.values()];
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
    const sums = counters(answer.told);
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
      groups: groups(answer.told),
    };
  }

  /** { fine, text, pipeline?, recent?, alerts?, store?, worker? }; `recent` and `alerts`: whether there
      are any to ask for; `worker`: how far the store is behind. */
  async health() {
    const [health, ready] = await Promise.all([this.#reached("health"), this.#reached("ready")]);
    if (!health || !ready) return { fine: false, text: "does not answer" };
    const { pipeline, recent, alerts, store, worker, detail } = health.told;
    if (!health.ok) return { fine: false, text: detail };
    const told = { pipeline, recent, alerts, store, worker };
    if (!ready.ok) return { ...told, fine: false, text: "draining: takes no new work" };
    return { ...told, ...described(health.told) };
  }

  /** { names, overflow }; nothing when the server is silent. */
  async aggregates() {
    const answer = await this.#reached("v1/aggregates");
    return answer?.ok ? answer.told : null;
  }

  async #reached(path) {
    const answer = await ask(path);
    this.#failures = answer.status === 0 ? this.#failures + 1 : 0;
    if (this.#failures >= DOUBT_AFTER) this.#doubt();
    return answer.status === 0 ? null : answer;
  }
}

/** In words, and whether all is well. How much there is, is told to whom the server belongs. */
function described({ status, trouble, log, store }) {
  const words = [];
  if (log) words.push(`Log: ${log.description}; ${log.entries.toLocaleString("en")} batches`);
  else if (status === "ok") words.push("Healthy");
  if (log?.waiting > 0) words.push(`${log.waiting.toLocaleString("en")} waiting`);
  if (store) words.push(store.up ? `store: ${store.name}` : `store ${store.name} is away`);
  const away = (trouble ?? []).filter((part) => !(part === "store" && store));
  if (away.length > 0) words.push(`in trouble: ${away.join(", ")}`);
  return { fine: status === "ok", text: words.join(", ") };
}
