// How the run can be checked and made again: its trials one by one, machine and build, downloads.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, table, scrolling, seal, details } = Tailrace.dom;
  const format = Tailrace.format;

  const QUANTILES = [0.5, 0.99];
  const HISTOGRAMS = ["ack", "service", "lateness", "queued", "live", "durable"];

  function trials(page) {
    const { model } = page;
    return el(
      "div",
      null,
      recomputed(model),
      coarse(model.run),
      details(format.plural(model.run.trials.length, "trial") + ", one by one, with their histograms", () =>
        trialTable(page),
      ),
    );
  }

  // Percentiles computed here from buckets against those that the summary recorded.
  function recomputed(model) {
    let equal = 0;
    let all = 0;
    for (const row of model.run.summary.rows) {
      const counted = model.trials(row.arm, row.load).filter((trial) => trial.measurement !== "INVALID");
      QUANTILES.forEach((q) => {
        const recorded = row["p" + q * 100];
        const here = model.spread(counted, "ack", q);
        all += 1;
        if (
          here.median === recorded.median_ns &&
          here.lowest === recorded.lowest_ns &&
          here.highest === recorded.highest_ns
        )
          equal += 1;
      });
    }
    const text =
      equal === all
        ? "Percentiles of this page are computed here from the histograms' buckets: all " +
          all +
          " rows of p50 and p99 equal the summary's, nanosecond for nanosecond."
        : "Of " +
          all +
          " rows of p50 and p99 computed here from the histograms' buckets, " +
          (all - equal) +
          " differ from the summary's: its files do not belong together.";
    return el(
      "p",
      { id: "recomputed", class: equal === all ? "" : "banner alarm", "data-equal": equal, "data-all": all },
      text,
    );
  }

  // Buckets are 1/1024 of a doubling wide, joined ones so many times more.
  function coarse({ coarseness }) {
    if (coarseness === 0) return null;
    const percent = format.digits((100 * 2 ** coarseness) / 1024, 2);
    return el(
      "p",
      { class: "small" },
      "To keep this page small, neighbouring buckets were joined: merged rounds are within " +
        percent +
        " %, the percentiles of single trials exact.",
    );
  }

  function trialTable(page) {
    const { model } = page;
    const heads = [
      "arm",
      "load",
      "round",
      "place in round",
      "answered of due",
      "p50",
      "p99",
      "CPU/metric",
      "measurement",
      "audit",
      "histograms",
    ];
    const rows = model.run.trials.map((trial) => {
      const figure = (q) => {
        const one = model.percentile(trial, "ack", q);
        return {
          value: format.latency(one.ns),
          beyond: "> timeout",
          unsupported: "too few",
          invalid: format.latency(one.ns) + " (INVALID)",
          none: format.NOTHING,
        }[one.state];
      };
      const { server_cpu_us_per_metric: server, backend_cpu_us_per_metric: backend } = trial.cost;
      return [
        trial.arm,
        trial.load,
        String(trial.round),
        String(trial.order),
        format.share(trial.outcomes.acked, trial.outcomes.scheduled),
        figure(0.5),
        figure(0.99),
        server === null ? format.NOTHING : format.micros(server + (backend || 0)),
        seal(trial.measurement),
        seal(trial.audit),
        histograms(page, trial),
      ];
    });
    return scrolling("Every trial", table(heads, rows));
  }

  function histograms(page, trial) {
    const folder = ["trials", trial.arm, trial.load, trial.round].join("/") + "/";
    const links = HISTOGRAMS.filter((name) => page.files.includes(folder + name + ".hlog"));
    return links.map((name, index) => [
      index ? " " : "",
      el(
        "a",
        {
          href: page.href(folder + name + ".hlog"),
          download: [trial.arm, trial.load, trial.round, name + ".hlog"].join("-"),
        },
        name,
      ),
    ]);
  }

  // Where a record was made, and with what; of a run as of a calibration.
  function surroundings(record) {
    const { machine, build, placement } = record;
    return [
      ["command", record.command.join(" ")],
      ["processor", machine.cpu + ", " + format.plural(machine.cores, "core") + " for this run"],
      ["memory", format.memory(machine.memory_bytes)],
      [
        "kernel",
        machine.kernel +
          (machine.virtualization ? ", " + machine.virtualization : "") +
          (machine.governor ? ", governor " + machine.governor : ""),
      ],
      [
        "TCP congestion control",
        machine.generator_congestion_control
          ? machine.generator_congestion_control + " at the generator, " + machine.congestion_control + " elsewhere"
          : "not recorded",
      ],
      [
        "cores",
        "server on " +
          placement.server_cores.join(", ") +
          "; generator on " +
          placement.generator_cores.join(", ") +
          (placement.shared ? " (shared)" : ""),
      ],
      ["build", "revision " + build.revision + ", " + build.profile + ", " + build.rustc],
      ["program", "tailrace " + record.tailrace_version + ", SHA-256 " + build.binary_sha256],
    ];
  }

  function manifest(model) {
    const { manifest } = model.run;
    const { experiment } = manifest;
    const facts = [
      ["run", manifest.run],
      ...surroundings(manifest),
      ["seed", String(experiment.seed)],
      ["rounds", String(experiment.rounds)],
      ...manifest.backends.map((backend) => [
        backend.name,
        backend.description + (backend.private ? "" : "; given, so its CPU is not attributed"),
      ]),
      ...(manifest.contestants || []).map((contestant) => [
        contestant.name,
        contestant.title +
          "; " +
          contestant.version +
          (contestant.not_audited ? "; not audited: " + contestant.not_audited : ""),
      ]),
    ];
    return el(
      "div",
      null,
      el(
        "dl",
        { class: "facts" },
        facts.flatMap(([name, value]) => [el("dt", null, name), el("dd", null, value)]),
      ),
      el("h3", null, "Arms"),
      arms(experiment),
      el("h3", null, "Loads"),
      loads(experiment),
      details("manifest.json, whole", () => el("pre", { tabindex: "0" }, JSON.stringify(manifest, null, 2))),
    );
  }

  function arms(experiment) {
    const heads = [
      "arm",
      "pipeline",
      "promise",
      "connections",
      "in flight on each",
      "metrics in a batch",
      "codec",
      "TLS",
      "answers flushed",
      "link",
    ];
    const rows = experiment.arms.map((arm) => [
      arm.slug,
      arm.pipeline,
      arm.promise,
      format.count(arm.connections),
      format.count(arm.in_flight_per_connection),
      format.count(arm.batch_metrics),
      arm.codec || "json",
      arm.tls ? "yes" : "no",
      arm.flush === "each" ? "one by one" : "together",
      link(arm.link),
    ]);
    return scrolling("Arms", table(heads, rows));
  }

  function link(link) {
    if (!link) return "loopback";
    const width = link.bandwidth_mbit_per_s ? ", " + format.digits(link.bandwidth_mbit_per_s, 3) + " Mbit/s" : "";
    return format.digits(link.round_trip_ms, 3) + " ms round trip" + width;
  }

  function loads(experiment) {
    const heads = ["load", "label", "rate", "arrivals", "warm-up", "window", "timeout", "most in flight", "subscriber", "generator"];
    const rows = experiment.loads.map((load) => [
      load.slug,
      load.label,
      format.rate(load.rate_per_s),
      Tailrace.tables.arrivals(load),
      format.digits(load.warm_up_ms / 1000, 2) + " s",
      format.digits(load.window_ms / 1000, 2) + " s",
      format.digits(load.timeout_ms / 1000, 2) + " s",
      format.count(load.in_flight_max),
      load.feed_one_in ? "follows one batch in " + load.feed_one_in : "none",
      load.spin ? "spins before due times" : "sleeps until due times",
    ]);
    return scrolling("Loads", table(heads, rows));
  }

  const KNOWN = [
    ["summary.json", "rows, sentences, warnings"],
    ["summary.csv", "the rows for a spreadsheet"],
    ["manifest.json", "what ran, where, with what"],
    ["report.html", "the report in one file"],
    ["report.md", "the table and sentences for a pull request"],
  ];

  function downloads(page) {
    const own = KNOWN.filter(([name]) => page.files.includes(name));
    const plots = page.files.filter((file) => /^plots\/[^/]+\.(svg|png)$/.test(file));
    const hlogs = page.files.filter((file) => file.endsWith(".hlog"));
    const records = page.files.filter((file) => /^trials\/.*\.(json|csv)$/.test(file));
    return el(
      "div",
      null,
      el(
        "ul",
        { class: "downloads" },
        own.map(([name, what]) => el("li", null, el("a", { href: page.href(name) }, name), " – " + what)),
      ),
      plots.length ? details(format.plural(plots.length, "plot"), () => list(page, plots)) : null,
      hlogs.length
        ? details(format.plural(hlogs.length, "histogram") + " (.hlog, for any reader of HdrHistogram)", () =>
            list(page, hlogs),
          )
        : null,
      records.length
        ? details(format.plural(records.length, "record") + " of trials (figures, ledger, timeline, processor time)", () =>
            list(page, records),
          )
        : null,
    );
  }

  function list(page, files) {
    return el(
      "ul",
      { class: "downloads" },
      files.map((file) => el("li", null, el("a", { href: page.href(file) }, file))),
    );
  }

  Tailrace.record = { trials, surroundings, manifest, downloads };
})();
