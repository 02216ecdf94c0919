//! Arms of one run and of two: what is divided by what, and what is refused.

use tailrace_measure::compare::{Side, compare};
use tailrace_measure::floor_ratios::ratios_to_floor;
use tailrace_measure::record::{
    Arm, Arrivals, AuditSeal, Codec, Compared, ComparedBy, ComparedFigure, Cost, Distribution,
    Experiment, Figure, Flush, Latencies, Ledger, Load, Manifest, Measurement, Outcomes, QUANTILES,
    Quantile, RunComparison, SCHEMA_VERSION, Seals, Trial,
};

fn arm(slug: &str) -> Arm {
    Arm {
        slug: slug.into(),
        pipeline: slug.into(),
        promise: "nothing".into(),
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

fn load() -> Load {
    Load {
        slug: "low".into(),
        label: "low".into(),
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

/// A run and its trials.
struct Run {
    manifest: Manifest,
    trials: Vec<Trial>,
}

/// Arms with a p50 in microseconds for each round.
fn run(name: &str, arms: &[(&str, &[u64])]) -> Run {
    let experiment = Experiment {
        name: "made-up".into(),
        rounds: arms[0].1.len() as u32,
        arms: arms.iter().map(|(slug, _)| arm(slug)).collect(),
        loads: vec![load()],
        ..Experiment::default()
    };
    let of_arm = |(slug, p50s): &(&str, &[u64])| -> Vec<Trial> {
        (1..).zip(*p50s).map(|(round, p50)| trial(slug, round, *p50)).collect()
    };
    let manifest = serde_json::from_value(serde_json::json!({
        "schema_version": SCHEMA_VERSION, "tailrace_version": "0", "run": name,
        "started_utc": "", "command": [], "experiment": experiment,
        "machine": tailrace_measure::record::Machine::default(),
        "build": tailrace_measure::record::Build::default(),
        "placement": tailrace_measure::record::Placement::default(),
        "backends": [], "attempts_before": 0,
    }));
    Run { manifest: manifest.unwrap(), trials: arms.iter().flat_map(of_arm).collect() }
}

fn trial(arm: &str, round: u32, p50_us: u64) -> Trial {
    let entry = |q: f64| Quantile {
        q,
        ns: Some(p50_us * 1_000),
        support: 80,
        episodes: None,
        interval_ns: None,
    };
    let outcomes = Outcomes { scheduled: 8_000, acked: 8_000, ..Outcomes::default() };
    let ack = Distribution { quantiles: QUANTILES.map(entry).to_vec(), ..Distribution::default() };
    Trial {
        schema_version: SCHEMA_VERSION,
        arm: arm.into(),
        load: "low".into(),
        round,
        order: 1,
        started_utc: String::new(),
        schedule_sha256: String::new(),
        window_ns: 4_000_000_000,
        offered_per_s: 2_000.0,
        achieved_per_s: 2_000.0,
        outcomes: outcomes.clone(),
        latencies: Latencies { ack, ..Latencies::default() },
        slowest: vec![],
        cost: Cost { sent_bytes_per_metric: 450.0, ..Cost::default() },
        ledger: Ledger { outcomes, ..Ledger::default() },
        seals: Seals { measurement: Measurement::Valid, audit: AuditSeal::Kept, checks: vec![] },
        faults: vec![],
        ended_early: None,
        durability: None,
    }
}

fn side<'a>(run: &'a Run, arm: Option<&'a str>) -> Side<'a> {
    Side { manifest: &run.manifest, trials: &run.trials, arm }
}

fn p50(comparison: &RunComparison) -> &ComparedFigure {
    comparison.figures.iter().find(|one| one.figure == Figure::P50).unwrap()
}

const FLOOR: &[u64] = &[10, 20, 10, 20, 10, 20];
const OLD: &[u64] = &[100, 200, 101, 199, 99, 202];
const NEW: &[u64] = &[150, 301, 150, 300, 151, 300];

#[test]
fn arms_of_one_run_are_paired_by_round() {
    let run = run("one", &[("floor", FLOOR), ("old", OLD), ("new", NEW)]);
    let comparison = compare(side(&run, Some("new")), side(&run, Some("old"))).unwrap();
    assert_eq!(comparison.by, ComparedBy::Round);
    let p50 = p50(&comparison);
    assert_eq!(p50.verdict, Compared::Higher);
    assert!(p50.sentence.contains("1.50 times higher over 6 rounds"), "{}", p50.sentence);
    let wire = comparison.figures.iter().find(|one| one.figure == Figure::WireBytes).unwrap();
    assert_eq!(wire.verdict, Compared::NoDifference, "{}", wire.sentence);
}

#[test]
fn two_runs_are_compared_by_their_floors() {
    // The second machine is twice as slow, in everything.
    let twice = |values: &[u64]| values.iter().map(|us| us * 2).collect::<Vec<u64>>();
    let here = run("here", &[("floor", FLOOR), ("old", OLD)]);
    let (floor, old, new) = (twice(FLOOR), twice(OLD), twice(NEW));
    let there = run("there", &[("floor", &floor), ("old", &old), ("new", &new)]);
    let same = compare(side(&there, None), side(&here, None)).unwrap();
    assert_eq!((same.by, same.figures.len()), (ComparedBy::Floor, 4));
    assert_eq!(p50(&same).verdict, Compared::NoDifference);
    assert!(p50(&same).sentence.contains("are excluded (95 %)"), "{}", p50(&same).sentence);
    let other = compare(side(&there, Some("new")), side(&here, Some("old"))).unwrap();
    assert_eq!(p50(&other).verdict, Compared::Higher);
    assert!(p50(&other).sentence.contains("1.50 times higher, by the floors"));
}

#[test]
fn few_rounds_decide_nothing() {
    let run = run("few", &[("floor", &FLOOR[..3]), ("old", &OLD[..3]), ("new", &NEW[..3])]);
    let comparison = compare(side(&run, Some("new")), side(&run, Some("old"))).unwrap();
    let p50 = p50(&comparison);
    assert_eq!(p50.verdict, Compared::CannotTell);
    assert!(p50.sentence.contains("in 3 of 3 rounds") && p50.sentence.contains("1 time in 4"));
    assert!(comparison.warnings.iter().any(|warning| warning.contains("--rounds 6")));
}

#[test]
fn what_has_nothing_in_common_is_refused_with_a_sentence() {
    let check = |a: Side<'_>, b: Side<'_>, words: &str| {
        let why = compare(a, b).expect_err(words);
        assert!(why.contains(words), "{why}");
    };
    let with = run("with", &[("floor", FLOOR), ("old", OLD)]);
    let without = run("without", &[("old", OLD), ("new", NEW)]);
    check(side(&with, None), side(&without, None), "`without` has no floor");
    check(side(&with, Some("new")), side(&with, Some("old")), "it has floor, old");
    check(side(&with, None), side(&with, None), "divided by itself");
    let mut faster = run("faster", &[("floor", FLOOR), ("old", OLD)]);
    faster.manifest.experiment.loads[0].rate_per_s = 3_000.0;
    check(side(&with, None), side(&faster, None), "no load in common");
    let other = run("other", &[("floor", FLOOR), ("new", NEW)]);
    check(side(&with, None), side(&other, None), "no arm in common");
}

#[test]
fn every_arm_is_divided_by_the_floor_of_its_own_round() {
    let run = run("a", &[("floor", &[50, 100]), ("http", &[200, 400])]);
    let ratios = ratios_to_floor(&run.manifest.experiment, &run.trials);
    let p50 = ratios.iter().find(|one| one.figure == Figure::P50).unwrap();
    assert_eq!(
        (p50.arm.as_str(), p50.load.as_str(), p50.why_not.as_deref()),
        ("http", "low", None)
    );
    let ratio = p50.ratio.as_ref().unwrap();
    assert!((ratio.lowest - 4.0).abs() < 0.01 && (ratio.highest - 4.0).abs() < 0.01, "{ratio:?}");
}

#[test]
fn an_arm_near_the_floor_says_so_and_one_without_is_divided_by_nothing() {
    let near = run("a", &[("floor", &[50, 50]), ("http", &[60, 60])]);
    let ratios = ratios_to_floor(&near.manifest.experiment, &near.trials);
    assert!(ratios[0].why_not.as_ref().unwrap().contains("machine"), "{:?}", ratios[0]);
    let bare = run("b", &[("http", &[60, 60])]);
    assert_eq!(ratios_to_floor(&bare.manifest.experiment, &bare.trials), []);
}

#[test]
fn a_run_that_spun_is_not_compared_with_one_that_slept() {
    let arms = [("floor", FLOOR), ("arm", OLD)];
    let (mut spun, mut slept) = (run("spun", &arms), run("slept", &arms));
    spun.manifest.experiment.loads[0].spin = true;
    let why = compare(side(&spun, None), side(&slept, None)).unwrap_err();
    assert!(why.contains("under `low` the generator spun"), "{why}");
    // What both did the same way is compared, and what is left out is named.
    let also = Load { slug: "high".into(), ..load() };
    for run in [&mut slept, &mut spun] {
        run.manifest.experiment.loads.push(also.clone());
    }
    let comparison = compare(side(&spun, None), side(&slept, None)).unwrap();
    assert!(comparison.figures.iter().all(|one| one.load == "high"));
    let named = |warning: &String| warning.starts_with("Not compared: under `low`");
    assert!(comparison.warnings.iter().any(named), "{:?}", comparison.warnings);
}
