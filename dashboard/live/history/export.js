// Answers as files: page after page of the service's own CSV or JSON, joined. The service writes the
// CSV, and makes cells harmless that a spreadsheet would compute; here it is only put together, so
// both are the same. Bounded, can be stopped, and waits when it is told to. No DOM here.

import { csv, json, relative } from "./client.js";

/** Rows of one file at most: about what a spreadsheet opens, and tens of megabytes. */
export const ROWS_MAX = 100_000;
/** Rows asked for at a time: as many as the service gives. */
export const PAGE_ROWS = 1_000;
/** A page that is refused for the moment is asked for so many times. */
const TRIES = 5;
/** Between two tries where the service does not say, in seconds. */
const WAIT_S = 1;
const LINE = "\r\n";

/** How a page of each format is read: { parts, rows, next }. `first` says whether it begins the
    file: only then its CSV keeps the heading. */
export const FORMATS = {
  csv: {
    type: "text/csv",
    async read(where, first, signal) {
      const { text, next } = await csv(where, signal);
      return { parts: [first ? text : text.slice(text.indexOf(LINE) + LINE.length)], rows: csvRows(text), next };
    },
    whole: (parts) => parts,
  },
  json: {
    type: "application/json",
    async read(where, first, signal) {
      const { rows, next } = await json(where, signal);
      const text = rows.map((row) => JSON.stringify(row)).join(",\n");
      return { parts: text === "" ? [] : [first ? text : `,\n${text}`], rows: rows.length, next: relative(next) };
    },
    whole: (parts) => ["[\n", ...parts, "\n]\n"],
  },
};

/** Lines of a CSV below its heading; line ends within quotes are none. */
export function csvRows(text) {
  return text.replace(/"(?:[^"]|"")*"/g, "").split(LINE).length - 2;
}

/** Reads from `where` on until the end or until `most` rows: { parts, rows, complete }. `told` hears
    how many there are so far. Throws `Refused`, or what `signal` was aborted with. */
export async function gather(format, where, { most = ROWS_MAX, told = () => {}, signal, wait = pause }) {
  const { read, whole } = FORMATS[format];
  const [parts, seen] = [[], { rows: 0 }];
  let next = where;
  while (next !== null && seen.rows < most) {
    const here = next;
    const page = await patiently(() => read(here, seen.rows === 0, signal), wait, signal);
    parts.push(...page.parts);
    seen.rows += page.rows;
    next = page.next;
    told(seen.rows);
  }
  return { parts: whole(parts), rows: seen.rows, complete: next === null };
}

/** Asks again when the service says that it is only the moment. */
async function patiently(ask, wait, signal) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await ask();
    } catch (refused) {
      if (!refused.passing || tried === TRIES) throw refused;
      await wait((refused.retry_after_s ?? WAIT_S) * 1_000, signal);
    }
  }
}

function pause(ms, signal) {
  return new Promise((done, ended) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      ended(signal.reason);
    }, { once: true });
  });
}

/** A name for the file that every file system takes: `tailrace-events-20261120T0000-20261121T0000.csv`. */
export function fileName(what, { from_ms, to_ms }, format) {
  const text = (ms) => new Date(ms).toISOString().replace(/:\d\d\.\d+Z$/, "").replace(/[-:]/g, "");
  return `tailrace-${what}-${from_ms === 0 ? "all" : text(from_ms)}-${text(to_ms)}.${format}`;
}
