// The table of the run: one row an arm by promise, figures over all rounds as the summary has
// them. Never sorted by a figure: rows stand in declared order, the baseline first.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, table, scrolling, seal, details } = Tailrace.dom;
  const format = Tailrace.format;

  const HEADS = [
    "arm",
    "answered of due",
    "typical (p50)",
    "slow 1 % (p99; lowest–highest)",
    "× baseline (p99)",
    "CPU/metric",
    "wire bytes/metric",
    "live p99",
    "audit",
    "measurement",
  ];

  // `1.31 ms (1.20–1.52)`: the median, and lowest–highest of the trials.
  function spread(value) {
    if (!value) return format.NOTHING;
    if (value.median_ns === null) {
      return value.beyond_timeout ? "> timeout" : value.unsupported ? "too few" : format.NOTHING;
    }
    const unit = value.median_ns >= 999.5e6 ? 1e9 : 1e6;
    const figure = (ns) => format.digits(ns / unit, 3);
    const text = format.latency(value.median_ns);
    if (value.interval_ns) return ranged(text, "95 %: " + value.interval_ns.map(figure).join("–"));
    const highest = value.beyond_timeout ? "> timeout" : value.highest_ns === null ? null : figure(value.highest_ns);
    if (value.lowest_ns === null || highest === null || (value.by_round_ns.length < 2 && !value.beyond_timeout))
      return text;
    return ranged(text, figure(value.lowest_ns) + "–" + highest);
  }

  function ranged(text, range) {
    return [text + " ", el("span", { class: "range" }, "(" + range + ")")];
  }

  function versus(model, row) {
    if (row.arm === model.experiment.baseline) return "baseline";
    if (row.floor) return "floor";
    if (row.trials_valid === 0) return "not ranked";
    if (row.machine_not_pipeline) return "machine, not pipeline";
    return format.ratio(row.p99_to_baseline);
  }

  function cpu(row) {
    const total = format.micros(row.cpu_us_per_metric);
    const backend = row.backend_cpu_us_per_metric;
    if (backend === null || row.cpu_us_per_metric === null) return total;
    return ranged(total, format.digits(row.cpu_us_per_metric - backend, 3) + " + " + format.digits(backend, 3));
  }

  function answered(row) {
    // No trial counts: "all 0" would read like success.
    if (row.trials_valid === 0) return format.NOTHING;
    if (row.acked === row.scheduled) return "all " + format.count(row.scheduled);
    return format.share(row.acked, row.scheduled) + " of " + format.count(row.scheduled);
  }

  // An arm with one INVALID trial of three keeps its figures, of the two others, and says so.
  function measurement(row) {
    if (row.trials_valid === row.trials) return seal(row.measurement);
    return [seal(row.measurement), " (" + row.trials_valid + " of " + row.trials + " trials count)"];
  }

  // From trials with a subscriber: the row's own, else those of a load with the same rate.
  function live(model, row, load) {
    const twin = model.loads.find((other) => other.feed_one_in && Math.abs(other.rate_per_s - load.rate_per_s) < 1e-6);
    const other = twin && model.row(row.arm, twin.slug);
    return spread(row.live_p99 || (other && other.live_p99));
  }

  function figures(model, load) {
    const rows = model.groups.flatMap(({ promise, arms }) => {
      const found = arms.map((arm) => model.row(arm.slug, load)).filter(Boolean);
      const lines = found.map((row) => ({
        class: row.audit === "BROKEN" ? "broken" : row.trials_valid === 0 ? "struck" : null,
        cells: [
          [Tailrace.controls.mark(model.arm(row.arm)), row.arm],
          answered(row),
          spread(row.p50),
          spread(row.p99),
          versus(model, row),
          cpu(row),
          row.acked ? format.bytes(row.wire_bytes_per_metric) : format.NOTHING,
          live(model, row, model.load(load)),
          seal(row.audit),
          measurement(row),
        ],
      }));
      return lines.length ? [{ heading: promise }, ...lines] : [];
    });
    if (rows.length === 0) return null;
    return scrolling("Figures of every arm", table(HEADS, rows, "Figures of every arm over all rounds"));
  }

  function section(model, chosen) {
    const place = el("div");
    chosen.subscribe((state) => {
      const load = model.load(state.load);
      const made = figures(model, state.load);
      const note = made
        ? "All rounds under this load: " +
          format.rate(load.rate_per_s) +
          ", " +
          arrivals(load) +
          ", window " +
          format.digits(load.window_ms / 1000, 2) +
          " s, timeout " +
          format.digits(load.timeout_ms / 1000, 2) +
          " s. CPU is of server and workers + backend. Compare within a promise only."
        : "The summary has no row of its own for this load: what its subscriber saw stands in the column “live p99” of the load without one.";
      place.replaceChildren(
        el("p", { class: "small" }, note),
        ...(made ? [made, details("The slowest single answers, as events", () => slowest(model, state.load))] : []),
      );
    });
    return place;
  }

  // Single events: the machine stalls now and then, so they rank nobody.
  function slowest(model, load) {
    const rows = model.groups
      .flatMap(({ arms }) => arms)
      .map((arm) => model.row(arm.slug, load))
      .filter(Boolean)
      .flatMap((row) =>
        row.slowest.map((answer) => [
          row.arm,
          format.latency(answer.ack_ns),
          format.digits(answer.due_ns / 1e9, 3) + " s",
          format.latency(answer.lateness_ns),
        ]),
      );
    return scrolling(
      "Slowest answers",
      table(["arm", "ack", "due in the window at", "of it lateness (the generator's own)"], rows),
    );
  }

  function arrivals(load) {
    const kind = load.arrivals;
    if (kind === "constant") return "equal distances";
    if (kind === "poisson") return "independent senders (Poisson)";
    if (kind && kind.burst) return "bursts of " + format.count(kind.burst.batches) + " batches";
    if (kind && kind.ramp) return "a ramp " + format.rate(kind.ramp.from) + " to " + format.rate(kind.ramp.to) + " (or in that proportion)";
    if (kind && kind.steps) return "steps " + kind.steps.steps.map((step) => format.digits(step.rate, 3) + (step.for_ms ? " for " + step.for_ms + " ms" : "")).join(", ");
    if (kind && kind.on_off) return kind.on_off.on_ms + " ms on, " + kind.on_off.off_ms + " ms off";
    if (kind && kind.replay) return format.count(kind.replay.batches) + " due times of " + kind.replay.file;
    return String(typeof kind === "object" ? JSON.stringify(kind) : kind);
  }

  Tailrace.tables = { section, arrivals };
})();
