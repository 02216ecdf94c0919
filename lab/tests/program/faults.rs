//! Faults made on purpose in the middle of a trial: the schedule goes on, the run ends by
//! itself, every batch is accounted for, and seals and exit code say what happened.

use tailrace_measure::csv::read_timeline;
use tailrace_measure::record::{AuditSeal, Trial};

use crate::stage::records::{Raced, race};

/// A race of one pipeline against the floor, with one fault.
fn raced(pipeline: &str, window: &str, fault: &str, more: &[&str]) -> Raced {
    let load = ["--rounds", "1", "--rate", "400", "--high-rate", "500", "--window", window];
    let raced = race(&[&[pipeline, "--fault", fault][..], &load, more].concat());
    // The floor is the gauge of the machine: no fault is made there.
    let floor = raced.trials().into_iter().filter(|trial| trial.arm == "floor");
    floor.for_each(|trial| assert_eq!((trial.faults, trial.ended_early), (vec![], None)));
    raced
}

/// What was done to whom, and when at the earliest, in milliseconds.
fn check_faults(trial: &Trial, expected: &[(&str, i64)]) {
    let names: Vec<_> = trial.faults.iter().map(|fault| fault.what.as_str()).collect();
    assert_eq!(names, expected.iter().map(|(what, _)| *what).collect::<Vec<_>>());
    for (fault, (what, at_ms)) in trial.faults.iter().zip(expected) {
        let late_ms = fault.at_ns / 1_000_000 - at_ms;
        assert!((0..1_000).contains(&late_ms), "{what} came {late_ms} ms late");
    }
}

/// The pictures of a trial in which something happened name it.
fn check_picture(raced: &Raced, arm: &str, load: &str, fault: &str) {
    let name = format!("timeline-{arm}-{load}-1.svg");
    let picture = std::fs::read_to_string(raced.folder.join("plots").join(&name)).expect(&name);
    assert!(picture.contains(fault), "{name} does not name {fault:?}");
}

#[test]
fn a_stalled_redis_does_not_delay_the_schedule() {
    let raced = raced("http1-redis", "3700ms", "redis:stop:3s@400ms", &[]);
    raced.expect_code(0);
    for load in ["low", "high"] {
        let trial = raced.trial("http1-redis", load);
        check_faults(&trial, &[("redis stopped", 400), ("redis continued", 3_400)]);
        assert_eq!(trial.ended_early, None);
        let (ack, lateness) = (&trial.latencies.ack, &trial.latencies.lateness);
        // What was due just after the stop waited for all of it.
        assert!(ack.max_ns > 2_500_000_000, "{load}: ack at most {} ns", ack.max_ns);
        assert!(ack.ns_at(0.5).is_some_and(|ns| ns > 500_000_000), "{load}: {ack:?}");
        // A schedule that waited would be late by more than a second in the median, and by all of the
        // stall at most.
        assert!(lateness.ns_at(0.5).is_some_and(|ns| ns < 10_000_000), "{load}: {lateness:?}");
        assert!(lateness.max_ns < 2_000_000_000, "{load}: {lateness:?}");
        assert_eq!(trial.outcomes.acked, trial.outcomes.scheduled, "{:?}", trial.outcomes);
        assert_eq!(trial.seals.audit, AuditSeal::Kept, "{:?}", trial.ledger);
        check_timeline(&raced, load);
        check_picture(&raced, "http1-redis", load, "redis stopped");
        check_picture(&raced, "http1-redis", load, "redis continued");
    }
}

/// During the stall as many batches are due as before, and all wait; what is due later waits
/// less and less.
fn check_timeline(raced: &Raced, load: &str) {
    let path = raced.trial_folder("http1-redis", load).join("timeline.csv");
    let slices = read_timeline(&std::fs::read_to_string(path).unwrap()).unwrap();
    let within = |from_ms: i64, to_ms: i64| {
        slices.iter().filter(move |s| s.due_ms >= from_ms && s.due_ms < to_ms)
    };
    let backlog_max = |from_ms, to_ms| within(from_ms, to_ms).map(|s| s.backlog).max();
    assert!(backlog_max(2_900, 3_300) > Some(800), "{load}: {:?}", backlog_max(2_900, 3_300));
    assert!(backlog_max(0, 300) < Some(400), "{load}: {:?}", backlog_max(0, 300));
    let scheduled: u64 = within(500, 3_300).map(|s| s.scheduled).sum();
    assert!(scheduled > 900, "{load}: {scheduled} were due during the stall");
    let ack_max_ns = |from_ms, to_ms| within(from_ms, to_ms).filter_map(|s| s.ack_max_ns).max();
    assert!(ack_max_ns(500, 900) > ack_max_ns(2_900, 3_300), "{load}: a stall is a slope");
}

#[test]
fn a_memory_log_dies_with_its_server_as_its_promise_says() {
    let raced = raced("http1-memory", "500ms", "server:kill@250ms", &[]);
    raced.expect_code(1);
    let trial = raced.trial("http1-memory", "low");
    check_faults(&trial, &[("server killed", 250)]);
    let why = trial.ended_early.clone().expect("it ended early");
    assert!(why.contains("SIGKILL"), "{why}");
    let outcomes = &trial.ledger.outcomes;
    assert!(outcomes.acked > 0 && outcomes.unanswered() > 0, "{outcomes:?}");
    assert_eq!(trial.seals.audit, AuditSeal::NotAudited);
    let why = trial.ledger.not_audited.as_deref().unwrap_or_default();
    assert!(why.contains("promise"), "{why:?}");
    check_picture(&raced, "http1-memory", "low", "server killed");
}

#[test]
fn what_was_acknowledged_survives_the_servers_death_in_redis() {
    let raced = raced("ws-redis", "500ms", "server:kill@250ms", &[]);
    raced.expect_code(1);
    let trial = raced.trial("ws-redis", "low");
    check_faults(&trial, &[("server killed", 250)]);
    assert!(trial.ended_early.is_some());
    let outcomes = &trial.ledger.outcomes;
    assert!(outcomes.acked > 0 && outcomes.unanswered() > 0, "{outcomes:?}");
    check_kept(&trial);
}

/// An audit was made, by a server that was started again or that found its Redis again.
fn check_kept(trial: &Trial) {
    let ledger = &trial.ledger;
    assert_eq!(trial.seals.audit, AuditSeal::Kept, "{ledger:?}");
    let acked = ledger.outcomes.acked;
    assert!(ledger.present.is_some_and(|present| present >= acked), "{acked} acked: {ledger:?}");
}

/// In the middle of two windows of 1.2 s, and just before the end of the one with a subscriber,
/// which is half as long: there the audit begins while Redis is dying.
const REDIS_KILL: &str = "redis:kill@590ms";

#[test]
fn nothing_acknowledged_is_missing_after_redis_comes_back_that_syncs_always() {
    let more = ["--redis-fsync", "always"];
    let raced = raced("http1-redis", "1200ms", REDIS_KILL, &more);
    raced.expect_code(0);
    for load in ["low", "low-live", "high"] {
        let trial = raced.trial("http1-redis", load);
        check_faults(&trial, &[("redis killed", 590)]);
        assert_eq!(trial.ended_early, None, "the server lives on");
        // Each load finds a system that has recovered from the one before.
        let outcomes = &trial.ledger.outcomes;
        assert!(outcomes.acked > 0, "{load}: {outcomes:?}");
        assert!(load == "low-live" || outcomes.refused.contains_key(&503), "{load}: {outcomes:?}");
        assert!(outcomes.refused.keys().all(|status| *status == 503), "{load}: {outcomes:?}");
        check_kept(&trial);
    }
    let arms = raced.manifest().experiment.arms;
    let promise = &arms.iter().find(|arm| arm.slug == "http1-redis").unwrap().promise;
    assert!(promise.contains("fsync always"), "{promise}");
}

#[test]
fn a_redis_that_keeps_nothing_breaks_the_audit() {
    let more = ["--redis-fsync", "no"];
    let raced = raced("http1-redis", "1200ms", REDIS_KILL, &more);
    assert_eq!(raced.check_code(), 5);
    for load in ["low", "low-live", "high"] {
        let trial = raced.trial("http1-redis", load);
        assert_eq!(trial.seals.audit, AuditSeal::Broken, "{load}: {:?}", trial.ledger);
        let missing: u64 = trial.ledger.missing.iter().map(|(first, last)| last - first + 1).sum();
        assert_eq!(missing, trial.ledger.outcomes.acked, "{load}: all of it: {:?}", trial.ledger);
    }
    let report = std::fs::read_to_string(raced.folder.join("report.md")).unwrap();
    assert!(report.contains("BROKEN"), "{report}");
}

#[test]
fn a_given_redis_is_never_harmed() {
    let redis = crate::stage::redis();
    let pid = redis.pid();
    let more = ["--redis", &redis.url()];
    let raced = raced("http1-redis", "300ms", "redis:kill@100ms", &more);
    raced.expect_code(0);
    let trial = raced.trial("http1-redis", "low");
    check_faults(&trial, &[("redis was not started here, so nothing was done", 100)]);
    check_kept(&trial);
    assert!(trial.cost.backend_cpu_us_per_metric.is_none(), "its CPU is not attributed");
    // It runs, and what the race put there is gone.
    let mut connection = ::redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let keys: Vec<String> = ::redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert_eq!(keys, Vec::<String>::new());
    assert!(pid.is_some_and(|pid| std::path::Path::new(&format!("/proc/{pid}/stat")).exists()));
}
