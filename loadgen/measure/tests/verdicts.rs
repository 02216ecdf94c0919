//! Expectations and the primary figure on made-up trials: what is confirmed, refuted, or left
//! open, and in which words.

use tailrace_measure::primary::undecided;
use tailrace_measure::record::{
    Arm, Arrivals, AuditSeal, Bounds, Claim, Codec, Cost, Distribution, Expectation, Experiment,
    Figure, Flush, Judged, Judgment, Latencies, Ledger, Load, Measurement, Outcomes, Primary,
    QUANTILES, Quantile, SCHEMA_VERSION, Seals, Trial,
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

fn load(slug: &str) -> Load {
    Load {
        slug: slug.into(),
        label: slug.into(),
        rate_per_s: 2_000.0,
        arrivals: Arrivals::Poisson,
        warm_up_ms: 500,
        window_ms: 4_000,
        timeout_ms: 1_000,
        in_flight_max: 4_000,
        feed_one_in: None,
        crowd: None,
        spin: false,
    }
}

fn experiment(rounds: u32, expectations: Vec<Expectation>) -> Experiment {
    Experiment {
        name: "made-up".into(),
        question: "Does it judge?".into(),
        rounds,
        baseline: "old".into(),
        arms: vec![arm("floor", ""), arm("old", "none"), arm("new", "none"), arm("kept", "some")],
        loads: vec![load("low"), load("high")],
        expectations,
        ..Experiment::default()
    }
}

fn trial(arm: &str, load: &str, round: u32, p50_us: u64, cpu: f64) -> Trial {
    let entry = |q: f64| Quantile {
        q,
        ns: Some(p50_us * US),
        support: 80,
        episodes: None,
        interval_ns: None,
    };
    let outcomes = Outcomes { scheduled: 8_000, acked: 8_000, ..Outcomes::default() };
    let ack = Distribution { quantiles: QUANTILES.map(entry).to_vec(), ..Distribution::default() };
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
        latencies: Latencies { ack, ..Latencies::default() },
        slowest: vec![],
        cost: Cost { server_cpu_us_per_metric: Some(cpu), ..Cost::default() },
        ledger: Ledger { outcomes, ..Ledger::default() },
        seals: Seals { measurement: Measurement::Valid, audit: AuditSeal::Kept, checks: vec![] },
        faults: vec![],
        ended_early: None,
        durability: None,
    }
}

/// A run in which `new` needs so many times the CPU of `old`, one number a round; `old` is
/// dearer under the high load, and the floor is far below all of them.
fn run(ratios: &[f64]) -> Vec<Trial> {
    let rounds = (1..).zip(ratios);
    let of_round = |(round, ratio): (u32, &f64)| {
        let drift = f64::from(round);
        [
            trial("floor", "low", round, 10, 0.5),
            trial("floor", "high", round, 10, 0.5),
            trial("old", "low", round, 100, 10.0 * drift),
            trial("old", "high", round, 150, 30.0 * drift),
            trial("new", "low", round, 90, 10.0 * drift * ratio),
            trial("new", "high", round, 90, 10.0 * drift * ratio),
            trial("kept", "low", round, 400, 50.0 * drift),
        ]
    };
    rounds.flat_map(of_round).collect()
}

fn expect(claim: Claim) -> Expectation {
    Expectation { that: "It is so".into(), arm: "new".into(), load: "low".into(), claim }
}

fn cpu(above: Option<f64>, below: Option<f64>) -> Claim {
    Claim::Ratio {
        figure: Figure::Cpu,
        against: "old".into(),
        against_load: "low".into(),
        bounds: Bounds { above, below },
    }
}

fn judge(trials: &[Trial], expectation: Expectation) -> Judged {
    let rounds = trials.iter().map(|trial| trial.round).max().unwrap_or(3);
    let summary = summarize("r", &experiment(rounds, vec![expectation]), trials);
    summary.verdicts.into_iter().next().expect("a verdict on each expectation")
}

/// With these ratios by round, is the claim confirmed, and is that what is said?
fn check(ratios: &[f64], claim: Claim, verdict: Judgment, said: &str) {
    let judged = judge(&run(ratios), expect(claim));
    assert_eq!(judged.verdict, verdict, "{ratios:?}: {}", judged.sentence);
    assert!(judged.sentence.contains(said), "{said:?} is not in {:?}", judged.sentence);
}

#[test]
fn three_rounds_must_agree() {
    use Judgment::{CannotTell, Confirmed, Refuted};
    let below = || cpu(None, Some(0.9));
    check(&[0.5, 0.6, 0.55], below(), Confirmed, "so in 3 of 3 rounds (0.50–0.60)");
    check(&[0.5, 0.6, 0.95], below(), CannotTell, "so in 2 of 3 rounds");
    check(&[1.0, 1.1, 0.95], below(), Refuted, "so in 0 of 3 rounds");
    let between = || cpu(Some(0.95), Some(1.05));
    check(&[1.0, 1.01, 0.99], between(), Confirmed, "expected between 0.95 and 1.05");
    check(&[1.0, 1.01, 1.2], between(), CannotTell, "so in 2 of 3 rounds");
    check(&[1.1, 1.2, 1.3], between(), Refuted, "so in 0 of 3 rounds");
}

#[test]
fn one_or_two_rounds_decide_nothing() {
    for ratios in [&[0.1][..], &[0.1, 0.1]] {
        check(ratios, cpu(None, Some(0.9)), Judgment::CannotTell, "too few rounds to tell");
    }
}

#[test]
fn six_rounds_are_judged_by_their_interval() {
    use Judgment::{CannotTell, Confirmed, Refuted};
    let sure = [0.5, 0.52, 0.48, 0.51, 0.49, 0.5];
    check(&sure, cpu(None, Some(0.9)), Confirmed, "over 6 rounds (95 %: 0.49–0.51)");
    check(&sure, cpu(Some(0.9), None), Refuted, "expected above 0.90");
    // All six on one side, but the interval reaches over the bound.
    let wide = [0.3, 0.89, 0.89, 0.89, 0.89, 0.2];
    check(&wide, cpu(None, Some(0.9)), CannotTell, "95 %");
    // One of six beyond the bound, which the interval does not reach.
    let mostly = [0.5, 0.5, 0.5, 0.5, 0.5, 0.91];
    check(&mostly, cpu(None, Some(0.9)), Confirmed, "95 %");
}

#[test]
fn invalid_trials_are_in_no_round() {
    let mut trials = run(&[0.5, 0.5, 0.5, 2.0]);
    let spoilt = |trial: &&mut Trial| trial.arm == "new" && trial.round == 4;
    for trial in trials.iter_mut().filter(spoilt) {
        trial.seals.measurement = Measurement::Invalid;
    }
    let judged = judge(&trials, expect(cpu(None, Some(0.9))));
    assert_eq!(judged.verdict, Judgment::Confirmed);
    assert!(judged.sentence.contains("3 of 3 rounds"), "{}", judged.sentence);
    assert!(judged.sentence.contains("1 round INVALID or missing"), "{}", judged.sentence);
    for trial in &mut trials {
        trial.seals.measurement = Measurement::Invalid;
    }
    let judged = judge(&trials, expect(cpu(None, Some(0.9))));
    assert_eq!(judged.verdict, Judgment::CannotTell);
    assert!(judged.sentence.contains("every trial of `new` under `low` is INVALID"));
}

#[test]
fn what_may_not_be_compared_is_not_judged() {
    let check = |trials: &[Trial], claim: Claim, why: &str| {
        let judged = judge(trials, expect(claim));
        assert_eq!((judged.verdict, judged.ratio), (Judgment::CannotTell, None), "{why}");
        assert!(judged.sentence.contains(why), "{why:?} is not in {:?}", judged.sentence);
    };
    let mut broken = run(&[0.5, 0.5, 0.5]);
    broken.iter_mut().find(|trial| trial.arm == "new").unwrap().seals.audit = AuditSeal::Broken;
    check(&broken, cpu(None, Some(0.9)), "the audit of `new` is BROKEN");

    let without: Vec<Trial> =
        run(&[0.5, 0.5, 0.5]).into_iter().filter(|trial| trial.arm != "old").collect();
    check(&without, cpu(None, Some(0.9)), "`old` did not run here");

    let mut near = run(&[0.5, 0.5, 0.5]);
    for trial in near.iter_mut().filter(|trial| trial.arm == "floor") {
        trial.latencies.ack.quantiles.iter_mut().for_each(|entry| entry.ns = Some(60 * US));
    }
    let p50 = |figure| Claim::Ratio {
        figure,
        against: "old".into(),
        against_load: "low".into(),
        bounds: Bounds { above: None, below: Some(0.95) },
    };
    check(&near, p50(Figure::P50), "they show the machine, not the pipeline");
    check(&near, p50(Figure::P99), "they show the machine, not the pipeline");
}

#[test]
fn one_arm_is_compared_with_itself_and_with_the_floor() {
    let under = Claim::Ratio {
        figure: Figure::Cpu,
        against: "old".into(),
        against_load: "low".into(),
        bounds: Bounds { above: Some(2.0), below: None },
    };
    let claim = Expectation { arm: "old".into(), load: "high".into(), ..expect(under) };
    let judged = judge(&run(&[1.0, 1.0, 1.0]), claim);
    assert_eq!(judged.verdict, Judgment::Confirmed);
    assert!(judged.sentence.starts_with("CPU per metric of `old` under `high` ÷ under `low`"));

    let bounds = Bounds { above: None, below: Some(10.0) };
    let judged =
        judge(&run(&[1.0, 1.0, 1.0]), expect(Claim::ToFloor { figure: Figure::P50, bounds }));
    assert_eq!(judged.verdict, Judgment::Confirmed);
    assert!((judged.ratio.unwrap().mean - 9.0).abs() < 1e-9);
}

#[test]
fn live_is_judged_under_a_load_with_a_subscriber() {
    let bounds = Bounds { above: Some(1.5), below: None };
    let against = ("old".into(), "low".into());
    let claim = Claim::Ratio {
        figure: Figure::LiveP99,
        against: against.0,
        against_load: against.1,
        bounds,
    };
    let mut trials = run(&[1.0, 1.0, 1.0]);
    let judged = judge(&trials, expect(claim.clone()));
    assert_eq!(judged.verdict, Judgment::CannotTell, "nobody watched: {}", judged.sentence);
    for trial in &mut trials {
        let us = if trial.arm == "new" { 800 } else { 400 };
        let entry = |q: f64| Quantile {
            q,
            ns: Some(us * US),
            support: 80,
            episodes: None,
            interval_ns: None,
        };
        let quantiles = QUANTILES.map(entry).to_vec();
        trial.latencies.live = Some(Distribution { quantiles, ..Distribution::default() });
    }
    let judged = judge(&trials, expect(claim));
    assert_eq!(judged.verdict, Judgment::Confirmed, "{}", judged.sentence);
    assert!(judged.sentence.contains("live p99") && judged.sentence.contains("2.0, so in 3 of 3"));
}

#[test]
fn shares_and_audits_are_a_census() {
    let bounds = Bounds { above: Some(0.999), below: None };
    let mut trials = run(&[1.0]);
    let judged = judge(&trials, expect(Claim::Answered { bounds }));
    assert_eq!(judged.verdict, Judgment::Confirmed, "{}", judged.sentence);
    assert_eq!(judge(&trials, expect(Claim::AuditKept)).verdict, Judgment::Confirmed);

    let one = trials.iter_mut().find(|trial| trial.arm == "new" && trial.load == "low").unwrap();
    (one.outcomes.acked, one.outcomes.timed_out) = (7_900, 100);
    one.seals.audit = AuditSeal::Broken;
    one.seals.measurement = Measurement::Invalid;
    assert_eq!(judge(&trials, expect(Claim::AuditKept)).verdict, Judgment::Refuted);
    let judged = judge(&trials, expect(Claim::Answered { bounds }));
    assert_eq!(judged.verdict, Judgment::CannotTell, "of a lost audit nothing else is claimed");
    let one = trials.iter_mut().find(|trial| trial.arm == "new" && trial.load == "low").unwrap();
    one.seals = Seals { measurement: Measurement::Valid, audit: AuditSeal::Kept, checks: vec![] };
    let judged = judge(&trials, expect(Claim::Answered { bounds }));
    assert_eq!(judged.verdict, Judgment::Refuted);
    assert!(judged.sentence.contains("98.8 % in 1 round"), "{}", judged.sentence);
}

fn answer(ratios: &[f64], primary: Primary) -> String {
    let experiment =
        Experiment { primary: Some(primary), ..experiment(ratios.len() as u32, vec![]) };
    let summary = summarize("r", &experiment, &run(ratios));
    assert!(summary.sentences.is_empty(), "nothing beside what was announced");
    summary.answer.expect("an answer").sentence
}

fn primary() -> Primary {
    Primary { figure: Figure::Cpu, load: "low".into(), against_load: None, pairs: vec![] }
}

#[test]
fn the_primary_figure_is_answered_in_one_sentence() {
    let said = answer(&[0.5, 0.5, 0.5], primary());
    let expect = "CPU per metric under `low` (2,000/s): `new` 2.0 times less than `old` in 3 of 3 \
                  rounds (2.0–2.0).";
    assert_eq!(said, expect);
    let pairs = vec![("kept".into(), "old".into()), ("new".into(), "old".into())];
    let said = answer(&[1.0, 1.0, 1.0], Primary { pairs, ..primary() });
    assert!(said.contains("`kept` 5.0 times more than `old`"), "{said}");
    assert!(said.contains("`new` against `old`: no clear difference"), "{said}");
    assert!(said.contains("price of a promise, not a ranking"), "{said}");
    assert!(said.contains("some of it may be chance"), "{said}");
    let under = Primary { load: "high".into(), against_load: Some("low".into()), ..primary() };
    let said = answer(&[1.0, 1.0, 1.0], under);
    assert!(said.contains("`old` 3.0 times more than itself under `low`"), "{said}");
    assert!(said.contains("`kept` cannot be compared with itself under `low`"), "{said}");
}

#[test]
fn many_comparisons_are_corrected() {
    // By itself the difference is sure at 95 %; as one of twenty it is not.
    let ratios = [1.02, 1.12, 1.05, 1.2, 1.03, 1.08];
    let alone = answer(&ratios, primary());
    assert!(alone.contains("`new` 1.08 times more than `old`"), "{alone}");
    let pairs: Vec<_> = std::iter::once(("new".into(), "old".into()))
        .chain((0..19).map(|_| ("old".into(), "new".into())))
        .collect();
    let said = answer(&ratios, Primary { pairs, ..primary() });
    assert!(said.contains("no difference found, corrected for 20 comparisons"), "{said}");
}

#[test]
fn what_is_to_be_decided_asks_for_rounds_by_its_spread_alone() {
    let asks = |ratios: &[f64], decide: bool| {
        let experiment = Experiment { primary: Some(primary()), decide, ..experiment(6, vec![]) };
        undecided(&experiment, &run(ratios))
    };
    let quiet = [2.0, 2.01, 1.99, 2.0, 2.01, 1.99];
    assert!(!asks(&quiet, true));
    assert!(asks(&quiet[..5], true), "the first stage comes first");
    let noisy = [0.8, 1.2, 0.9, 1.3, 1.0, 1.1];
    assert!(asks(&noisy, true));
    assert!(!asks(&noisy, false));
    // A difference that is plain to see, in rounds that vary as much, is no reason to stop.
    assert!(asks(&noisy.map(|ratio| ratio * 5.0), true));
}

#[test]
fn two_stages_are_answered_with_their_own_interval() {
    let first = [0.96, 1.04, 0.95, 1.05, 0.97, 1.03];
    let said = |ratios: &[f64], decide: bool| {
        let rounds = ratios.len() as u32;
        let experiment =
            Experiment { primary: Some(primary()), decide, ..experiment(rounds, vec![]) };
        let answer = summarize("r", &experiment, &run(ratios)).answer.unwrap();
        let ratio = answer.comparisons[0].ratio.clone().unwrap();
        (answer.sentence, ratio.first_stage, ratio.interval.unwrap().1)
    };
    // Later rounds that happen to agree do not narrow it beyond what their number allows.
    let both: Vec<f64> = first.into_iter().chain([1.0; 6]).collect();
    let (sentence, stage, wide) = said(&both, true);
    assert!(sentence.contains("no difference found; differences above +3 %"), "{sentence}");
    assert!(
        sentence.ends_with("The spread of the first 6 rounds asked for no more."),
        "{sentence}"
    );
    assert_eq!(stage, Some(6));
    let (_, none, narrow) = said(&both, false);
    assert_eq!(none, None);
    assert!(wide > narrow, "{wide} {narrow}");
}

/// A race that goes on for as long as it is undecided, as the program's does.
#[test]
fn a_decision_goes_through_its_second_stage_and_ends() {
    let decided = |ratio: &dyn Fn(usize) -> f64| {
        let mut ratios = Vec::new();
        loop {
            let rounds = ratios.len() as u32;
            let experiment =
                Experiment { primary: Some(primary()), decide: true, ..experiment(6, vec![]) };
            let trials = run(&ratios);
            if rounds >= 6 && !undecided(&experiment, &trials) || rounds == 20 {
                let experiment = Experiment { rounds, ..experiment };
                let answer = summarize("r", &experiment, &trials).answer.unwrap();
                return (rounds, answer.sentence);
            }
            ratios.push(ratio(ratios.len()));
        }
    };
    // Ten per cent more, and six per cent up and down by round.
    let (rounds, said) = decided(&|round| if round % 2 == 0 { 1.166 } else { 1.034 });
    assert!((9..15).contains(&rounds), "{rounds}: {said}");
    assert!(said.contains("`new` 1.10 times more than `old` over "), "{said}");
    assert!(
        said.ends_with(&format!("The spread of the first 6 rounds asked for {rounds}.")),
        "{said}"
    );
    let (rounds, said) = decided(&|round| if round % 2 == 0 { 1.5 } else { 0.9 });
    assert!(rounds == 20 && said.contains("20 are the most"), "{rounds}: {said}");
    let (rounds, said) = decided(&|_| 1.3);
    assert!(rounds == 6 && said.ends_with("asked for no more."), "{rounds}: {said}");
}
