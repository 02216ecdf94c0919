// Questions to the server. Addresses are relative to the page ("v1/alerts", without a slash before
// it), so that the page also works behind a proxy that serves it below a prefix. Refusals that are
// the whole page's business (nobody is logged in, too many questions) are told to whoever listens.

/** An answer that takes longer is none, in milliseconds. */
const PATIENCE_MS = 5_000;

const listeners = [];

/** `listener({ status, told, retry_after_s })` hears of every answer 401 and 429. */
export function onRefusal(listener) {
  listeners.push(listener);
}

/** Asks and reads the answer: { ok, status, told, headers }. `told` is JSON, or text where it is
    none. Status 0: there was no answer; `told` then has a title and a detail, as problems of the
    server have. `options` are fetch's; `patience_ms` may be longer than usual, and `quietly` keeps a
   refusal between the server and whoever asked. */
export async function ask(path, options = {}) {
  const { patience_ms = PATIENCE_MS, quietly = false, ...rest } = options;
  try {
    const timeout = AbortSignal.timeout(patience_ms);
    const signal = rest.signal ? AbortSignal.any([rest.signal, timeout]) : timeout;
    const answer = await fetch(path, { cache: "no-store", ...rest, signal });
    const { ok, status, headers } = answer;
    const told = await read(answer);
    if (!quietly && (status === 401 || status === 429)) refused({ status, told, headers });
    return { ok, status, told, headers };
  } catch {
    const told = { title: "The server did not answer", detail: "is it still running?" };
    return { ok: false, status: 0, told, headers: new Headers() };
  }
}

async function read(answer) {
  const text = await answer.text();
  const is_json = answer.headers.get("content-type")?.includes("json");
  return is_json && text !== "" ? JSON.parse(text) : text;
}

function refused({ status, told, headers }) {
  const retry_after_s = Number(headers.get("retry-after")) || 1;
  for (const listener of listeners) listener({ status, told, retry_after_s });
}
