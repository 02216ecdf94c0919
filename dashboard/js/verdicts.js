// What an error was taken for, in words. The record says which verdict it is; one that these pages do
// not know is shown as it stands there.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;
  const format = Tailrace.format;

  // short: a sign for tables. sort: "within", "beyond", or "open" for what nobody judged. says(allowed): what the word means.
  const KNOWN = {
    pass: { word: "within", sort: "within", says: (most) => "the error is within " + most + " of theory" },
    fail: {
      word: "✗ beyond",
      short: "✗",
      sort: "beyond",
      says: (most) => "the error is more than " + most + " of theory, and nothing below explains it",
    },
    knee: {
      word: "~ knee",
      short: "~",
      sort: "open",
      says: () => "theory jumps beside this percentile, so that a single batch more or less decides: not judged",
    },
    too_few: { word: "few", sort: "open", says: () => "fewer than ten batches lie above it: not judged" },
    server: {
      word: "server",
      sort: "open",
      says: () =>
        "not beyond what the server's own clock explains: by theory with each answer as late as it was, or by when it had answered; not judged",
    },
    machine: {
      word: "machine",
      sort: "open",
      says: () =>
        "not beyond what the machine did: what the bare echo needed on the same schedule (“floor” in older reports), what theory says with the generator acting only when the kernel had woken it and working off what had piled up, or the seal strikes the percentile; not judged",
    },
    absent: {
      word: "nothing to compare",
      sort: "open",
      says: () => "it is among the unanswered, or the tool does not say; as a trial of ours it counts as beyond",
    },
  };

  function of(verdict) {
    return (
      KNOWN[verdict] || {
        word: String(verdict).replaceAll("_", " "),
        sort: "open",
        says: () => "a word of the record that these pages do not know; its report.md explains it",
      }
    );
  }

  // "1 % or 150 µs, whichever is more,"
  function most({ share, error_ns: ns }) {
    return String(Number((share * 100).toPrecision(3))) + " % or " + format.micros(ns / 1000) + ", whichever is more,";
  }

  // The word; colour says it again.
  function mark(verdict) {
    const { word, sort } = of(verdict);
    return el("span", { class: "verdict " + sort }, word);
  }

  // As it stands beside a figure in a table that has the key below it.
  function short(verdict) {
    const { word, short: sign, sort } = of(verdict);
    return el("span", { class: "verdict " + sort, title: word }, sign || word);
  }

  // Of those that occur, in the order of this file.
  function key(verdicts, allowed) {
    const found = new Set(verdicts);
    const ordered = [...Object.keys(KNOWN).filter((name) => found.has(name)), ...[...found].filter((name) => !KNOWN[name])];
    return el(
      "dl",
      { class: "facts verdict-key" },
      ordered.flatMap((name) => [el("dt", null, mark(name)), el("dd", null, of(name).says(most(allowed)) + ".")]),
    );
  }

  Tailrace.verdicts = { of, most, mark, short, key };
})();
