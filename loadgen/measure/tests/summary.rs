//! From made-up trials to rows and sentences: what may be said, and what may not.

use tailrace_measure::csv::csv;
use tailrace_measure::record::{
    Arm, Arrivals, AuditSeal, Check, Codec, Cost, Distribution, Experiment, Flush, Latencies,
    Ledger, Link, Load, Measurement, Outcomes, QUANTILES, Quantile, Row, SCHEMA_VERSION, Seals,
    SlowAnswer, Summary, Trial,
};
use tailrace_measure::summary::summarize;

const US: u64 = 1_000;

fn arm(slug: &str, promise: &str) -> Arm {
    Arm {
        slug: slug.into(),
        pipeline: slug.into(),
        promise: promise.into(),
        floor: slug == "floor",
        connections: 8,
        in_flight_per_connection: 1,
        batch_metrics: 1,
        codec: Codec::Json,
        tls: false,
        flush: Flush::Batch,
        link: None,
        keys: false,
        store: None,
        fsync: None,
    }
}

fn load(slug: &str, rate_per_s: f64, feed_one_in: Option<u64>) -> Load {
    Load {
        slug: slug.into(),
        label: slug.into(),
        rate_per_s,
        arrivals: Arrivals::Poisson,
        warm_up_ms: 500,
        window_ms: 4_000,
        timeout_ms: 1_000,
        in_flight_max: 4_000,
        feed_one_in,
        crowd: None,
        spin: false,
    }
}

fn experiment() -> Experiment {
    let (nothing, server) = ("promises nothing after a crash", "survives the server's death");
    Experiment {
        name: "race".into(),
        question: "What does a transport cost?".into(),
        seed: 1,
        rounds: 3,
        baseline: "http1-memory".into(),
        arms: vec![
            arm("floor", ""),
            arm("http1-memory", nothing),
            arm("http1-redis", server),
            arm("ws-memory", nothing),
            arm("ws-redis", server),
        ],
        loads: vec![load("low", 2_000.0, None), load("feed", 2_000.0, Some(10))],
        left_out: vec![],
        ..Experiment::default()
    }
}

fn distribution(p50_ns: u64, p99_ns: u64) -> Distribution {
    let entry = |q: f64| Quantile {
        q,
        ns: Some(if q < 0.9 { p50_ns } else { p99_ns }),
        support: 80,
        episodes: None,
        interval_ns: None,
    };
    Distribution {
        count: 8_000,
        unanswered: 0,
        min_ns: p50_ns,
        max_ns: p99_ns,
        quantiles: QUANTILES.map(entry).to_vec(),
    }
}

fn trial(arm: &str, load: &str, round: u32, figures: (u64, u64, f64)) -> Trial {
    let (p50_ns, p99_ns, cpu) = figures;
    let outcomes =
        Outcomes { scheduled: 8_000, acked: 8_000, released_on_time: 8_000, ..Outcomes::default() };
    Trial {
        schema_version: SCHEMA_VERSION,
        arm: arm.into(),
        load: load.into(),
        round,
        order: 1,
        started_utc: "2026-11-21T00:00:00Z".into(),
        schedule_sha256: String::new(),
        window_ns: 4_000_000_000,
        offered_per_s: 2_000.0,
        achieved_per_s: 2_000.0,
        outcomes: outcomes.clone(),
        latencies: Latencies { ack: distribution(p50_ns, p99_ns), ..Latencies::default() },
        slowest: vec![SlowAnswer { due_ns: 5, ack_ns: p99_ns * u64::from(round), lateness_ns: 1 }],
        cost: Cost { server_cpu_us_per_metric: (arm != "floor").then_some(cpu), ..Cost::default() },
        ledger: Ledger { outcomes, ..Ledger::default() },
        seals: Seals { measurement: Measurement::Valid, audit: AuditSeal::Kept, checks: vec![] },
        faults: vec![],
        ended_early: None,
        durability: None,
    }
}

/// A run in which WebSocket is cheaper, Redis adds 0.4 ms, and p99s of memory are the machine's.
fn run(rounds: u32) -> Vec<Trial> {
    let mut trials = Vec::new();
    for round in 1..=rounds {
        // The machine drifts: every figure of a round is worse than in the round before.
        let drift = u64::from(round);
        let cpu = 1.0 + f64::from(round) / 50.0;
        let figures = [
            ("floor", (30, 600), 0.0),
            ("http1-memory", (100, 1_000), 31.0 * cpu),
            ("ws-memory", (80, 1_100), 10.0),
            ("http1-redis", (500, 3_000), 60.0 * cpu),
            ("ws-redis", (450, 2_000 + 1_500 * (drift % 2)), 40.0),
        ];
        for (arm, (p50, p99), cpu) in figures {
            let figures = (p50 * US * drift, p99 * US * drift, cpu);
            trials.push(trial(arm, "low", round, figures));
            let mut feed = trial(arm, "feed", round, figures);
            feed.latencies.live = Some(distribution(200 * US, 5_000 * US * drift));
            trials.push(feed);
        }
    }
    trials
}

fn row<'a>(summary: &'a Summary, arm: &str) -> &'a Row {
    summary.rows.iter().find(|row| row.arm == arm).unwrap()
}

fn change(trials: &mut [Trial], arm: &str, round: u32, mut change: impl FnMut(&mut Trial)) {
    let chosen =
        |trial: &&mut Trial| trial.arm == arm && trial.load == "low" && trial.round == round;
    trials.iter_mut().filter(chosen).for_each(&mut change);
}

#[test]
fn rows_stand_by_promise_in_declared_order() {
    let summary = summarize("r", &experiment(), &run(3));
    let arms: Vec<&str> = summary.rows.iter().map(|row| row.arm.as_str()).collect();
    assert_eq!(arms, ["floor", "http1-memory", "ws-memory", "http1-redis", "ws-redis"]);
    assert!(summary.rows.iter().all(|row| row.load == "low"));
    let ws = row(&summary, "ws-memory");
    assert_eq!((ws.trials, ws.trials_valid, ws.scheduled), (3, 3, 24_000));
    assert_eq!(ws.p50.by_round_ns, [Some(80 * US), Some(160 * US), Some(240 * US)]);
    assert_eq!(ws.live_p99.as_ref().unwrap().median_ns, Some(10_000 * US));
    assert_eq!(ws.slowest[0].ack_ns, 1_100 * US * 9);
    let floor = row(&summary, "ws-memory").p50_to_floor.as_ref().unwrap();
    assert!((floor.mean - 80.0 / 30.0).abs() < 1e-9 && floor.same_direction == 3);
    assert!(row(&summary, "floor").p50_to_floor.is_none());
}

#[test]
fn one_sentence_a_promise_and_the_price_of_the_log() {
    let summary = summarize("r", &experiment(), &run(3));
    let expect = [
        "Same promise, same load (2,000/s): `ws-memory` used 3.2 times less CPU per metric than \
         `http1-memory` in 3 of 3 rounds (3.2–3.3); their p99s cannot be told apart on this machine.",
        "Same promise, same load (2,000/s): `ws-redis` used 1.56 times less CPU per metric than \
         `http1-redis` in 3 of 3 rounds (1.53–1.59); p99: no clear difference (0.67–1.17 times, \
         lowest–highest of 3 rounds).",
        "The log's price, `http1-redis` ÷ `http1-memory`: p50 5.0 times higher in 3 of 3 rounds \
         (5.0–5.0), +800 µs; CPU per metric 1.94 times more in 3 of 3 rounds (1.94–1.94).",
        "The log's price, `ws-redis` ÷ `ws-memory`: p50 5.6 times higher in 3 of 3 rounds \
         (5.6–5.6), +740 µs; CPU per metric 4.0 times more in 3 of 3 rounds (4.0–4.0).",
    ];
    assert_eq!(summary.sentences, expect);
    assert!(row(&summary, "ws-memory").p99_to_baseline.is_none());
    let said = summary.sentences.join(" ") + &summary.warnings.join(" ");
    for never in ["95 %", "won", "winner", "best"] {
        assert!(!said.contains(never), "{said}");
    }
    assert!(summary.warnings[0].contains("1 time in 4"), "{:?}", summary.warnings);
}

#[test]
fn a_broken_audit_is_the_headline_and_ranks_nowhere() {
    let mut trials = run(3);
    change(&mut trials, "ws-memory", 2, |trial| {
        trial.seals.audit = AuditSeal::Broken;
        trial.ledger.missing = vec![(3, 5), (9, 9)];
    });
    let summary = summarize("r", &experiment(), &trials);
    let expect = "BROKEN: `ws-memory` did not keep what it acknowledged, and is not ranked: \
                  lost: 4 acknowledged batches (round 2, load `low`).";
    assert_eq!(summary.sentences[0], expect);
    let ws = row(&summary, "ws-memory");
    assert_eq!((ws.audit, &ws.cpu_to_baseline), (AuditSeal::Broken, &None));
    assert!(!summary.sentences.iter().any(|sentence| sentence.contains("`ws-memory` used")));
}

#[test]
fn invalid_trials_are_counted_and_in_no_figure() {
    let mut trials = run(3);
    change(&mut trials, "ws-redis", 1, |trial| {
        trial.seals.measurement = Measurement::Invalid;
        trial.seals.checks = vec![Check {
            name: "steal".into(),
            figure: 0.2,
            unit: "share".into(),
            suspect_at: Some(0.01),
            invalid_at: Some(0.05),
            verdict: Measurement::Invalid,
            quantile: None,
            sentence: "stolen".into(),
        }];
    });
    let summary = summarize("r", &experiment(), &trials);
    let ws = row(&summary, "ws-redis");
    assert_eq!((ws.trials, ws.trials_valid, ws.scheduled), (3, 2, 16_000));
    assert_eq!(ws.p50.by_round_ns, [Some(900 * US), Some(1_350 * US)]);
    assert_eq!(ws.cpu_to_baseline.as_ref().unwrap().rounds, 2);
    assert_eq!(ws.measurement, Measurement::Invalid);
    assert_eq!(ws.reasons, ["INVALID in 1 of 3 trials (round 1): stolen"]);
    assert!(summary.warnings[0].starts_with("1 of 3 trials of `ws-redis`"));
}

#[test]
fn a_percentile_among_the_unanswered_is_no_value() {
    let mut trials = run(3);
    for round in [1, 2, 3] {
        change(&mut trials, "ws-redis", round, |trial| trial.latencies.ack.quantiles[3].ns = None);
    }
    let summary = summarize("r", &experiment(), &trials);
    let ws = row(&summary, "ws-redis");
    assert!(ws.p99.beyond_timeout && ws.p99.median_ns.is_none() && ws.p99_to_baseline.is_none());
    let said = "that of `ws-redis` lies beyond the timeout of 1.0 s";
    assert!(summary.sentences[1].contains(said), "{:?}", summary.sentences);
}

#[test]
fn a_percentile_without_support_is_not_ranked() {
    let mut trials = run(1);
    change(&mut trials, "ws-redis", 1, |trial| trial.latencies.ack.quantiles[3].support = 9);
    let summary = summarize("r", &experiment(), &trials);
    assert!(row(&summary, "ws-redis").p99.unsupported);
    assert!(summary.sentences[1].contains("fewer than 10 batches of `ws-redis` lie above it"));
    assert!(summary.sentences[1].contains("in the only round"), "{:?}", summary.sentences);
}

#[test]
fn a_tail_of_few_episodes_is_printed_and_not_ranked() {
    let ranked = |episodes: f64| {
        let mut trials = run(3);
        for round in 1..=3 {
            change(&mut trials, "ws-redis", round, |trial| {
                for entry in &mut trial.latencies.ack.quantiles {
                    entry.episodes = Some(episodes);
                }
            });
        }
        let summary = summarize("run", &experiment(), &trials);
        let row = row(&summary, "ws-redis");
        assert!(row.p99.median_ns.is_some());
        (row.p99_to_baseline.is_some(), row.reasons.join(" "), summary.sentences.join(" "))
    };
    assert!(ranked(4.0).0, "12 over all rounds");
    let (there, reasons, sentences) = ranked(2.0);
    assert!(!there);
    for text in [reasons, sentences] {
        assert!(text.contains("only about 6 slow episodes of `ws-redis`"), "{text}");
    }
}

#[test]
fn six_rounds_allow_an_interval() {
    let summary = summarize("r", &experiment(), &run(6));
    let said = &summary.sentences[0];
    assert!(said.contains("3.3 times less CPU per metric") && said.contains("(95 %: "), "{said}");
    assert!(!said.contains("3 of 3"));
}

#[test]
fn a_dear_subscriber_is_told() {
    let mut trials = run(3);
    for trial in trials.iter_mut().filter(|t| t.load == "feed" && t.arm == "ws-redis") {
        trial.cost.server_cpu_us_per_metric = Some(50.0);
    }
    let summary = summarize("r", &experiment(), &trials);
    let reasons = &row(&summary, "ws-redis").reasons;
    assert!(reasons[0].contains("with the subscriber server CPU is 1.25 times"), "{reasons:?}");
}

#[test]
fn an_unfinished_run_is_summed_up() {
    let mut experiment = experiment();
    experiment.left_out = vec!["`ws-nats` left out: install nats-server".into()];
    let empty = summarize("r", &experiment, &[]);
    assert!(empty.rows.is_empty() && empty.sentences.is_empty());
    assert_eq!(empty.warnings[0], experiment.left_out[0]);
    let trials: Vec<Trial> = run(1).into_iter().filter(|trial| trial.arm != "floor").collect();
    let summary = summarize("r", &experiment, &trials[..1]);
    assert_eq!((summary.rows.len(), summary.sentences.len()), (1, 0));
}

#[test]
fn the_csv_has_a_line_a_row() {
    let summary = summarize("r", &experiment(), &run(3));
    let text = csv(&summary);
    assert_eq!(text.lines().count(), 1 + summary.rows.len());
    let columns = text.lines().next().unwrap().split(',').count();
    let plain = || text.lines().filter(|line| !line.contains('"'));
    assert!(
        plain().count() > 2 && plain().all(|line| line.split(',').count() == columns),
        "{text}"
    );
    assert!(text.contains("\nws-memory,low,promises nothing after a crash,false,3,3,24000,"));
}

/// Two arms without a link, the same two behind one of 50 ms, and a floor for either.
fn experiment_with_links() -> Experiment {
    let nothing = "promises nothing after a crash";
    let far = |slug: &str, promise: &str, floor| Arm {
        link: Some(Link { round_trip_ms: 50.0, bandwidth_mbit_per_s: None }),
        floor,
        ..arm(slug, promise)
    };
    let arms = vec![
        arm("floor", ""),
        far("floor-far", "", true),
        arm("http1-memory", nothing),
        arm("ws-memory", nothing),
        far("http1-far", nothing, false),
        far("ws-far", nothing, false),
    ];
    Experiment { arms, loads: vec![load("low", 2_000.0, None)], ..experiment() }
}

#[test]
fn behind_a_link_the_floor_and_the_baseline_are_behind_it_too() {
    let figures = [
        ("floor", (30, 100)),
        ("floor-far", (50_030, 50_100)),
        ("http1-memory", (60, 500)),
        ("ws-memory", (50, 150)),
        ("http1-far", (50_060, 50_500)),
        ("ws-far", (50_050, 50_150)),
    ];
    let of_round = |round| {
        figures.map(|(arm, (p50, p99))| trial(arm, "low", round, (p50 * US, p99 * US, 2.0)))
    };
    let mut trials: Vec<Trial> = (1..=3).flat_map(of_round).collect();
    let summary = summarize("run", &experiment_with_links(), &trials);
    let check = |arm: &str, p99_to_floor: f64, is_machine: bool, has_baseline: bool| {
        let row = row(&summary, arm);
        let ratio = row.p99_to_floor.as_ref().unwrap().mean;
        assert!((ratio / p99_to_floor - 1.0).abs() < 1e-9, "{arm}: {ratio}");
        assert_eq!(row.machine_not_pipeline, is_machine, "{arm}");
        assert_eq!(row.cpu_to_baseline.is_some(), has_baseline, "{arm}");
    };
    check("http1-memory", 5.0, false, false);
    check("ws-memory", 1.5, true, true);
    // What the link takes says nothing of how far from the machine they are.
    check("http1-far", 50_500.0 / 50_100.0, false, false);
    check("ws-far", 50_150.0 / 50_100.0, true, true);
    assert!(row(&summary, "floor-far").p99_to_floor.is_none());
    assert!(!summary.warnings.iter().any(|text| text.contains("floor")), "{:?}", summary.warnings);

    trials.retain(|trial| trial.arm != "floor-far");
    let mut alone = experiment_with_links();
    alone.arms.retain(|arm| arm.slug != "floor-far");
    let summary = summarize("run", &alone, &trials);
    assert!(row(&summary, "ws-far").p99_to_floor.is_none());
    let told = summary.warnings.iter().any(|text| text.contains("`http1-far`, `ws-far`"));
    assert!(told, "{:?}", summary.warnings);
}
