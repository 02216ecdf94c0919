// Exposure: what was acknowledged and not yet known to be in the store, so that the death of the
// log would have lost it. Only arms with a store and a subscriber have it. Drawn by `bars.js`.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const format = Tailrace.format;
  const { medianOf } = Tailrace.run;

  const exists = (model) => model.run.trials.some((trial) => trial.durability);

  const metrics = (value) => (value >= 100 ? format.count(value) : format.digits(value, 3));
  const ms = (value) => (value === null || value === undefined ? format.NOTHING : format.latency(value * 1e6));
  const most = (values) => {
    const known = values.filter((value) => value !== null && value !== undefined);
    return known.length ? Math.max(...known) : null;
  };
  const exposures = (trials) => trials.filter((trial) => trial.durability).map((trial) => trial.durability.exposure);
  const peak = (trials) => most(exposures(trials).map((one) => one.metrics_max));

  // Half of the interval around a trial's mean, for what its sample leaves open.
  function error({ durability }) {
    if (!durability || !durability.exposure.metric_ms) return 0;
    const { metric_ms: whole, metric_ms_error: half, metrics_mean: mean } = durability.exposure;
    return (half / whole) * mean;
  }

  const COLUMNS = [
    ["most at one moment", (trials) => (peak(trials) === null ? format.NOTHING : metrics(peak(trials)))],
    [
      "batch age at commit, as the worker says",
      (trials) => ms(medianOf(trials.map(({ durability }) => durability && durability.batch_age && durability.batch_age.mean_ms))),
    ],
    ["store drained after the window", (trials) => ms(most(trials.map(({ ledger }) => ledger.store && ledger.store.drained_ms)))],
    [
      "back to usual after the last fault",
      (trials) => ms(most(trials.map(({ durability }) => durability && durability.recovered_after_fault_ms))),
    ],
    [
      "known as committed",
      (trials) => {
        const seen = trials.filter((trial) => trial.durability).map((trial) => trial.durability);
        const sum = (of) => seen.reduce((total, one) => total + of(one), 0);
        return seen.length ? format.count(sum((one) => one.seen)) + " of " + format.count(sum((one) => one.due)) : format.NOTHING;
      },
    ],
  ];

  const figure = (page) =>
    Tailrace.bars.figure(page, {
      id: "exposure",
      title: "Exposed: acknowledged and not yet in the store",
      look: "how many metrics would be gone if the log died: on average over the window (the bar), and at most at one moment (in words). Shorter is safer; a longer batch of the worker is cheaper and exposes more.",
      unit: "metrics, on average over the window",
      parts: [{ name: "mean over the window", of: ({ durability }) => (durability ? durability.exposure.metrics_mean : null) }],
      text: metrics,
      error,
      beside: (trials) => (peak(trials) === null ? "" : ", most " + metrics(peak(trials))),
      columns: COLUMNS,
      loads: (state) => [Tailrace.way.loadOf(page.model, state)],
      plots: [],
    });

  Tailrace.exposure = { exists, figure };
})();
