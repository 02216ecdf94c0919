// A run to be asked: arms by promise, loads, trials, and distributions of any choice of rounds.
// Seals and sentences stand in the records; here percentiles are computed anew from buckets.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { unpack, merged, at } = Tailrace.histogram;

  // What a latency begins and ends with. `live` exists under loads with a subscriber only, `durable`
  // where there is a store as well.
  const LATENCIES = [
    { key: "ack", name: "ack: due to acknowledged", axis: "latency from due to acknowledged" },
    { key: "live", name: "live: due to seen by a subscriber", axis: "latency from due to seen live" },
    { key: "durable", name: "durable: due to known as committed", axis: "latency from due to known as committed" },
    { key: "service", name: "service: sent to acknowledged (diagnostic)", axis: "time from sent to acknowledged" },
    { key: "lateness", name: "lateness: due to released (the generator's own)", axis: "time from due to released" },
  ];
  const SHAPES = ["circle", "rectRot", "triangle", "rect", "rectRounded"];
  const SERIES = 7;

  function model(run) {
    const experiment = run.manifest.experiment;
    const distributions = new Map();
    const unpacked = new Map();
    const arms = experiment.arms.map((arm) => ({ ...arm, ...look(experiment.arms, arm) }));

    function trials(arm, load, rounds) {
      return run.trials.filter(
        (trial) => trial.arm === arm && trial.load === load && (!rounds || rounds.has(trial.round)),
      );
    }

    // Trials of a choice as one distribution; null when none has this latency.
    function distribution(chosen, latency) {
      const having = chosen.filter((trial) => trial[latency]);
      if (having.length === 0) return null;
      const key = latency + ":" + having.map((trial) => run.trials.indexOf(trial)).join(",");
      if (!distributions.has(key)) {
        distributions.set(key, merged(having.map((trial) => parts(trial, latency))));
      }
      return distributions.get(key);
    }

    function parts(trial, latency) {
      const key = latency + ":" + run.trials.indexOf(trial);
      if (!unpacked.has(key)) unpacked.set(key, unpack(trial[latency]));
      return unpacked.get(key);
    }

    // A percentile of one trial. state: "value", "beyond" (among the unanswered), "unsupported"
    // (too few batches above), "invalid" (the instrument spoilt it), "none" (not measured).
    function percentile(trial, latency, q) {
      const whole = distribution([trial], latency);
      if (!whole || whole.total === 0) return { ns: null, state: "none", support: 0, own: null };
      const found = { ...at(whole, q), own: latency === "ack" ? recorded(trial, q) : null };
      if (spoilt(trial, latency, q)) return { ...found, state: "invalid" };
      if (!found.supported) return { ...found, state: "unsupported" };
      return { ...found, state: found.ns === null ? "beyond" : "value" };
    }

    // Over trials: never an average of percentiles but the trials' own, their median in the middle.
    // `own`: of a single trial, the interval that its record carries.
    function spread(chosen, latency, q) {
      const each = chosen.map((trial) => percentile(trial, latency, q));
      const values = each
        .filter((one) => one.state === "value")
        .map((one) => one.ns)
        .sort((a, b) => a - b);
      const beyond = each.filter((one) => one.state === "beyond").length;
      return {
        median: median(values, beyond),
        lowest: values.length ? values[0] : null,
        highest: beyond || values.length === 0 ? null : values[values.length - 1],
        beyond: beyond > 0,
        unsupported: each.some((one) => one.state === "unsupported"),
        trials: each.length,
        counted: each.filter((one) => one.state !== "invalid").length,
        own: each.length === 1 ? each[0].own : null,
        values,
      };
    }

    return {
      run,
      experiment,
      arms,
      groups: groups(arms, experiment.baseline),
      loads: experiment.loads,
      headline: headline(experiment.loads),
      rounds: [...new Set(run.trials.map((trial) => trial.round))].sort((a, b) => a - b),
      arm: (slug) => arms.find((arm) => arm.slug === slug),
      load: (slug) => experiment.loads.find((load) => load.slug === slug),
      row: (arm, load) => run.summary.rows.find((row) => row.arm === arm && row.load === load),
      floor: arms.find((arm) => arm.floor),
      ran: (arm) => run.trials.some((trial) => trial.arm === arm.slug),
      trials,
      distribution,
      percentile,
      spread,
    };
  }

  // Colour and shape of an arm: the floor has its own, so that arms keep theirs without one. When
  // colours come again, lines are dashed.
  function look(arms, arm) {
    const place = arms.filter((other) => !other.floor).findIndex((other) => other.slug === arm.slug);
    if (arm.floor || place < 0) return { colour: "floor", shape: "circle" };
    return { again: place >= SERIES, colour: "series-" + ((place % SERIES) + 1), shape: SHAPES[place % SHAPES.length] };
  }

  // Arms by promise in declared order, the baseline first within its heading.
  function groups(arms, baseline) {
    const found = [];
    for (const arm of arms) {
      const group = found.find(({ promise }) => promise === arm.promise);
      if (group) group.arms.push(arm);
      else found.push({ promise: arm.promise, arms: [arm] });
    }
    for (const group of found) {
      group.arms.sort((a, b) => (a.slug !== baseline) - (b.slug !== baseline));
    }
    return found;
  }

  // Loads without a subscriber, whose figures are the headline; all of them if none is.
  function headline(loads) {
    const plain = loads.filter((load) => !load.feed_one_in);
    return plain.length ? plain : loads;
  }

  // INVALID as a whole, or this percentile of ack alone.
  function spoilt(trial, latency, q) {
    const struck = (check) =>
      check.verdict === "INVALID" && check.quantile !== null && Math.abs(check.quantile - q) < 1e-9;
    return trial.measurement === "INVALID" || (latency === "ack" && trial.checks.some(struck));
  }

  // Lowest and highest of the interval that the record gives a percentile; null: it gives none.
  function recorded(trial, q) {
    const found = trial.intervals.find(([of]) => Math.abs(of - q) < 1e-9);
    return found ? found.slice(1) : null;
  }

  // The middle value, or the mean of the two in the middle; `beyond` more lie above all of them.
  function median(sorted, beyond) {
    const n = sorted.length + beyond;
    const half = Math.floor(n / 2);
    if (half >= sorted.length) return null;
    return n % 2 ? sorted[half] : Math.floor((sorted[half - 1] + sorted[half]) / 2);
  }

  // The same of figures that may be missing.
  function medianOf(values) {
    const known = values.filter((value) => value !== null && value !== undefined).sort((a, b) => a - b);
    if (known.length === 0) return null;
    const half = Math.floor(known.length / 2);
    return known.length % 2 ? known[half] : (known[half - 1] + known[half]) / 2;
  }

  Tailrace.run = { model, medianOf, LATENCIES };
})();
