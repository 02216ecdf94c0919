// A calibration as its page knows it: trials of this generator and of other tools in one list, each
// percentile with what is allowed of its theory, and what a reader may choose among. Verdicts are
// the record's; `verdicts.js` has words for them. Nothing is judged here.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});

  const OURS = "tailrace";
  const COLOURS = ["series-1", "series-2", "series-3", "series-4", "series-5", "series-6", "series-7"];

  // As in report.md.
  const SHORT = { constant: "constant", poisson: "Poisson" };
  const arrivals = (load) => SHORT[load.arrivals] || Tailrace.tables.arrivals(load);
  // Of a floor, or of a cell of the record.
  const schedule = (load) => Tailrace.format.rate(load.rate_per_s) + " " + arrivals(load);

  function model(data) {
    const { calibration, allowed } = data;
    const limit = (theory) => Math.max(Math.floor(theory * allowed.share), allowed.error_ns);
    const all = [
      ...calibration.cells.map((cell) => trial(cell, limit, { tool: OURS, ours: true, arrivals: cell.arrivals })),
      // Other tools know equal distances only.
      ...calibration.peers.map((peer) => trial(peer, limit, { tool: peer.tool, ours: false, arrivals: "constant" })),
    ];
    const trials = bySetting(all);
    const tools = distinct(trials, (one) => one.tool).map((name, index) => ({
      name,
      ours: name === OURS,
      colour: COLOURS[index % COLOURS.length],
    }));
    const schedules = distinct(trials, (one) => Tailrace.format.rate(one.rate) + " " + one.schedule);
    return {
      calibration,
      allowed,
      // Where there is one schedule only, it need not stand in every row.
      several: schedules.length > 1,
      schedule: schedules[0],
      limit,
      trials,
      tools,
      tool: (name) => tools.find((tool) => tool.name === name),
      servers: distinct(trials, (one) => one.server),
      quantiles: [...new Set(trials.flatMap(({ points }) => points.map(({ q }) => q)))].sort((a, b) => a - b),
      chosen: (state) => trials.filter((one) => FILTERS.every(({ key, of }) => !state[key] || String(of(one)) === state[key])),
    };
  }

  function trial(record, limit, more) {
    const { protocol, server, rate_per_s: rate } = record;
    const points = record.points.map((point) => ({
      ...point,
      allowed_ns: point.theory_ns === null ? null : limit(point.theory_ns),
    }));
    return { ...more, protocol, server, rate, points, record, schedule: arrivals(more) };
  }

  // Ours first, then whoever ran on the same server under the same schedule, as they were recorded.
  function bySetting(all) {
    const groups = new Map();
    for (const one of all) {
      const key = setting(one);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(one);
    }
    return [...groups.values()].flat();
  }

  const setting = ({ protocol, server, rate, schedule }) => [protocol, server, rate, schedule].join("\n");

  function distinct(list, of) {
    return [...new Set(list.map(of))];
  }

  // What a reader may choose; `of` is what a trial says.
  const FILTERS = [
    { key: "protocol", name: "Protocol", of: (one) => one.protocol },
    { key: "server", name: "Server", of: (one) => one.server },
    { key: "rate", name: "Rate", of: (one) => one.rate, told: (rate) => Tailrace.format.rate(rate) },
    { key: "arrivals", name: "Arrivals", of: (one) => one.schedule },
    { key: "tool", name: "Tool", of: (one) => one.tool },
  ];

  // "http1, 2 000/s constant"
  const where = (one) => one.protocol + ", " + Tailrace.format.rate(one.rate) + " " + one.schedule;

  // "p99.9"
  const percentile = (q) => "p" + String(Number((q * 100).toFixed(6)));

  // "+0.13 ms": a sign always, since too little is as wrong as too much.
  function signed(ns, digits) {
    if (ns === null || ns === undefined) return Tailrace.format.NOTHING;
    return (ns < 0 ? "−" : "+") + Tailrace.format.latency(Math.abs(ns), digits);
  }

  // "504–516 ms", or one figure where they are told alike.
  function range(values) {
    const known = values.filter((ns) => ns !== null);
    if (known.length === 0) return Tailrace.format.NOTHING;
    const [low, high] = [Math.min(...known), Math.max(...known)].map((ns) => Tailrace.format.latency(ns, 2));
    if (low === high) return low;
    const unit = high.slice(high.indexOf(" "));
    return (low.endsWith(unit) ? low.slice(0, -unit.length) : low) + "–" + high;
  }

  Tailrace.calibration = { OURS, FILTERS, model, schedule, where, setting, percentile, signed, range };
})();
