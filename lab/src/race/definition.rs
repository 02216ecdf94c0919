//! The race as an experiment: the pipelines that were asked for under a low rate, the low rate
//! with a live subscriber, and a high rate. The low rate shows the latency of a system that has
//! time; the high one, a share of what the slowest arm takes, shows it at work. All arms get the
//! same loads.

use tailrace_backend::Found;
use tailrace_loadgen::experiment::{Definition, Known, LoadPlan, Rate, limits};
use tailrace_measure::record::{Arm, Flush};

use crate::cli::RaceArgs;
use crate::contestants::Contestants;
use crate::exit::Fault;
use crate::play::catalog::catalog;
use crate::redis;
use crate::registry::{self, LogKind, Pipeline};

/// Share of the slowest arm's capacity: busy, and far enough from the knee that the machine's
/// own drift does not push an arm over it.
const HIGH_SHARE: f64 = 0.6;
/// Notices a second that a live subscriber gets at most.
const LIVE_PER_S: f64 = 1_000.0;

/// What `race` plays.
///
/// # Errors
/// A pipeline or contestant that was asked for by name lacks its Redis, or another need.
pub(super) fn definition(
    arguments: &RaceArgs,
    contestants: &Contestants,
) -> Result<Definition, Fault> {
    let arms = arms(arguments, contestants)?;
    let low_per_s = super::low::rate(arguments.rate, &arms);
    let baseline = arms.iter().find(|arm| !arm.floor).map(|arm| arm.slug.clone());
    let definition = |window_ms| Definition {
        name: "race".into(),
        question: "What does each way of ingesting cost, and how long do its slowest answers take?"
            .into(),
        prediction: String::new(),
        about: String::new(),
        source: None,
        seed: arguments.seed,
        rounds: arguments.rounds,
        decide: false,
        faults: Vec::new(),
        baseline: baseline.clone().unwrap_or_default(),
        arms: arms.clone(),
        loads: loads(arguments, window_ms, low_per_s),
        primary: None,
        expectations: Vec::new(),
    };
    let window_ms = match arguments.window {
        Some(window) => millis(window),
        None => super::window::fitting(definition),
    };
    Ok(definition(window_ms))
}

/// The floor, then what was asked for: pipelines in declared order, then contestants.
fn arms(arguments: &RaceArgs, contestants: &Contestants) -> Result<Vec<Arm>, Fault> {
    let asked = arguments.pipelines.iter().filter_map(|name| registry::find(name).ok());
    let asked: Vec<Pipeline> = asked.collect();
    let on_redis = asked.iter().any(|pipeline| pipeline.log() == Some(LogKind::Redis));
    if let Found::Missing(how) = redis::find(&arguments.redis)
        && on_redis
    {
        return Err(Fault::Missing(how));
    }
    let commits = asked.iter().any(|pipeline| pipeline.log() == Some(LogKind::Postgres));
    if arguments.behind.insert.is_some() && !commits {
        return Err(Fault::Usage(
            "--insert is how a pipeline writes that commits before it answers; name one that does"
                .into(),
        ));
    }
    if (commits || arguments.behind.store == Some(super::StoreArg::Postgres))
        && let Found::Missing(how) = arguments.postgres.find()
    {
        return Err(Fault::Missing(how));
    }
    let is_asked = |name: &str| asked.iter().any(|pipeline| pipeline.name == name);
    let catalog = catalog(arguments.redis.fsync);
    let all = arguments.pipelines.is_empty();
    let unasked = |name: &str| registry::find(name).is_ok_and(|found| found.is_raced_unasked());
    let wanted = |known: &&Known| {
        known.floor || if all { unasked(&known.name) } else { is_asked(&known.name) }
    };
    let mut arms: Vec<Arm> =
        catalog.iter().filter(wanted).map(|known| arm(known, arguments)).collect();
    for known in contestants.known(&arguments.redis) {
        let arm = arm(&known, arguments);
        if let Some(how) = contestants.lacks(&arm, &arguments.redis) {
            return Err(Fault::Missing(format!("{}: {how}", arm.slug)));
        }
        arms.push(arm);
    }
    Ok(arms)
}

fn arm(known: &Known, arguments: &RaceArgs) -> Arm {
    // An echo has no handshake: it stays the floor of what the machine does in clear text.
    let tls = arguments.tls && !known.floor;
    let clear = if arguments.tls && known.floor { ", in clear text" } else { "" };
    Arm {
        slug: format!("{}{}", known.name, if tls { "-tls" } else { "" }),
        pipeline: known.name.clone(),
        promise: format!("{}{clear}", known.promise),
        floor: known.floor,
        connections: known.connections,
        in_flight_per_connection: known.in_flight_per_connection,
        batch_metrics: arguments.batch,
        codec: arguments.codec.into(),
        tls,
        flush: Flush::Batch,
        link: arguments.link.record(),
        keys: false,
        store: arguments.behind.setup(registry::find(&known.name).ok().and_then(|p| p.log())),
        fsync: None,
    }
}

/// All loads, in the order in which they run.
fn loads(arguments: &RaceArgs, window_ms: u64, low_per_s: f64) -> Vec<LoadPlan> {
    let load = |slug, label, rate| load(arguments, window_ms, slug, label, rate);
    let low = load("low", "low rate", Rate::PerS(low_per_s));
    let live = LoadPlan {
        slug: "low-live".into(),
        label: "low rate, with a live subscriber".into(),
        live_per_s: Some(LIVE_PER_S),
        // Long enough that its p99 has the batches above it that a percentile needs.
        window_ms: (low.window_ms * 2 / 3).max(1),
        ..low.clone()
    };
    let share = Rate::OfSlowest { share: HIGH_SHARE, above: Some(low_per_s) };
    let high = arguments
        .high_rate
        .map_or_else(|| load("high", "", share), |rate| load("high", "high", Rate::PerS(rate)));
    vec![low, live, high]
}

fn load(arguments: &RaceArgs, window_ms: u64, slug: &str, label: &str, rate: Rate) -> LoadPlan {
    // A fault must be visible in the latencies, not hidden by a cap on what may wait.
    let waiting_s = if arguments.faults.is_empty() {
        limits::WAITING_S
    } else {
        arguments.timeout.as_secs_f64().max(limits::WAITING_S)
    };
    LoadPlan {
        slug: slug.into(),
        label: label.into(),
        rate,
        arrivals: arguments.arrivals.clone(),
        warm_up_ms: limits::WARM_UP_MS,
        window_ms: window_ms.max(1),
        timeout_ms: millis(arguments.timeout),
        waiting_s,
        live_per_s: None,
        crowd: None,
        spin: arguments.pacing.spin,
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use tailrace_loadgen::experiment::estimate_ms;

    use super::*;
    use crate::cli::Cli;

    fn defined(words: &[&str]) -> Definition {
        definition(&Cli::parse_from(words).race, &Contestants::default()).unwrap()
    }

    #[test]
    fn a_race_of_everything_takes_about_two_minutes() {
        let takes_s = estimate_ms(&defined(&["tailrace"])) / 1_000;
        assert!((60..150).contains(&takes_s), "{takes_s} s");
    }

    #[test]
    fn fewer_arms_get_longer_windows_and_a_window_that_was_given_stays() {
        let all = defined(&["tailrace"]).loads[0].window_ms;
        let in_memory = |p: &&Pipeline| p.log() == Some(LogKind::Memory);
        let mut names = registry::PIPELINES.iter().filter(in_memory).map(|p| p.name);
        let (one, other) = (names.next().unwrap(), names.next().unwrap());
        let two = defined(&["tailrace", one, other]).loads[0].window_ms;
        assert!(1_600 <= all && all <= two && two == 2_500, "{all}, {two}");
        assert_eq!(defined(&["tailrace", "--window", "700ms"]).loads[0].window_ms, 700);
    }
}
