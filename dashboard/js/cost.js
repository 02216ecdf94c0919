// What a metric costs: processor time, bytes on the wire, memory. Drawn by `bars.js`.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const format = Tailrace.format;
  const { figure } = Tailrace.bars;

  const MEBIBYTE = 2 ** 20;

  const cpu = (page) =>
    figure(page, {
      id: "cpu",
      title: "CPU for each metric",
      look: "within a promise, whose bar is shorter in every trial, at each load: at a low rate each metric pays its own wake-up, so the same pipeline costs more.",
      unit: "CPU µs for each acknowledged metric",
      parts: [
        { name: "server", of: (trial) => trial.cost.server_cpu_us_per_metric },
        { name: "backend", of: (trial) => trial.cost.backend_cpu_us_per_metric },
        { name: "workers beside it", of: (trial) => trial.cost.worker_cpu_us_per_metric },
      ],
      text: format.micros,
      loads: () => page.model.headline,
      besideDots: true,
      plots: [],
    });

  const wire = (page) =>
    figure(page, {
      id: "wire",
      title: "Bytes on the wire for each metric",
      look: "what the transport adds around the same metric. Payload of the connection, without TCP/IP headers.",
      unit: "bytes for each metric",
      parts: [
        { name: "sent", of: (trial) => trial.cost.sent_bytes_per_metric },
        { name: "received", of: (trial) => trial.cost.received_bytes_per_metric },
      ],
      text: format.bytes,
      loads: (state) => [page.model.load(state.load)],
      plots: ["cost"],
    });

  const memory = (page) =>
    figure(page, {
      id: "memory",
      title: "Peak memory",
      look: "memory that grows with the load is a queue. Largest resident memory of each process during the trial.",
      unit: "largest resident memory, MiB",
      parts: [
        { name: "server", of: (trial) => trial.cost.server_peak_rss_bytes },
        { name: "backend", of: (trial) => trial.cost.backend_peak_rss_bytes },
      ],
      text: format.memory,
      tick: (value) => format.count(value / MEBIBYTE),
      binary: true,
      loads: (state) => [page.model.load(state.load)],
      plots: [],
    });

  Tailrace.cost = { cpu, wire, memory };
})();
