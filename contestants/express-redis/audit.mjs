// What the stream holds of one run, as sequence ranges: read from Redis and from nowhere else, so
// that a batch that was acknowledged and not stored shows. It is slow on purpose of being plain;
// nobody asks while anything is measured.

const PAGE = 1_000;

/** The audit of a run: what Tailrace asks for after a trial. */
export async function audit(redis, stream, run) {
  const producers = new Map();
  for await (const entry of entriesOf(redis, stream)) {
    if (entry.run !== run) continue;
    const seen = producers.get(entry.producer) ?? { seqs: [], metrics: 0 };
    producers.set(entry.producer, seen);
    seen.seqs.push(Number(entry.seq));
    seen.metrics += Number(entry.metrics);
  }
  const names = [...producers.keys()].sort();
  return { run, producers: names.map((producer) => account(producer, producers.get(producer))) };
}

async function* entriesOf(redis, stream) {
  let from = "-";
  for (;;) {
    const page = await redis.xRange(stream, from, "+", { COUNT: PAGE });
    for (const { message } of page) yield message;
    if (page.length < PAGE) return;
    from = `(${page.at(-1).id}`;
  }
}

function account(producer, { seqs, metrics }) {
  let outOfOrder = 0;
  let largest = -1;
  for (const seq of seqs) {
    if (seq < largest) outOfOrder += 1;
    else largest = seq;
  }
  const sorted = [...seqs].sort((a, b) => a - b);
  const repeated = sorted.filter((seq, index) => index > 0 && sorted[index - 1] === seq);
  return { producer, present: ranges(sorted), repeated: ranges(repeated), metrics, out_of_order: outOfOrder };
}

/** Inclusive ranges of sorted numbers, each counted once. */
function ranges(sorted) {
  const found = [];
  for (const seq of sorted) {
    const last = found.at(-1);
    if (last === undefined || seq > last[1] + 1) found.push([seq, seq]);
    else last[1] = seq;
  }
  return found;
}
