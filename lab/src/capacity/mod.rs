//! `tailrace capacity`: how much a pipeline takes before it misses an objective. Rates are chosen
//! in `tailrace_loadgen::capacity`; every trial has a fresh server (`trials.rs`), and the whole
//! curve is kept and shown (`outcome.rs`). It lacks other people's servers: those are loaded by
//! `tailrace load`.

mod outcome;
mod trials;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tailrace_loadgen::capacity::{Bounds, Found, Objective, search};
use tailrace_loadgen::experiment::limits;
use tailrace_measure::record::{Arm, CapacityAnswer, Codec, Flush};

use crate::cli::RedisArgs;
use crate::exit::{Ended, Fault};
use crate::play::catalog::catalog;
use crate::registry;
use trials::Trials;

/// A pipeline that refuses half of what is due is fast with the rest: unless another share is
/// asked for, this one belongs to every objective.
const ANSWERED: Objective = Objective::Answered { least: 0.999 };
/// Below, a pipeline is not what is measured.
const LEAST_PER_S: f64 = 10.0;

/// Arguments of `capacity`.
#[derive(Debug, Args, Clone)]
#[command(after_help = "An objective is `ack|live p50|p95|p99|p99.9 < DURATION` or `answered >= \
    SHARE`; several must hold together. Without a share of its own, answered >= 99.9% is one of \
    them. The answer: between a rate at which 3 of 3 trials passed and one at which at least 2 of \
    3 failed.")]
pub struct CapacityArgs {
    /// Which pipeline
    pub pipeline: String,
    /// What must hold: 'ack p99 < 10ms'; several times for several
    #[arg(long = "slo", required = true, value_name = "OBJECTIVE")]
    pub objectives: Vec<Objective>,
    /// The first rate, batches a second
    #[arg(long, default_value_t = 1_000.0, value_parser = crate::cli::rate)]
    pub from: f64,
    /// No rate above this is tried
    #[arg(long, default_value_t = 200_000.0, value_parser = crate::cli::rate)]
    pub most: f64,
    /// Length of each window
    #[arg(long, default_value = "2s", value_parser = tailrace_producers::parse_duration)]
    pub window: Duration,
    /// An answer later than this after its due time is no answer
    #[arg(long, default_value = "5s", value_parser = tailrace_producers::parse_duration)]
    pub timeout: Duration,
    /// Metrics in a batch
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub batch: u32,
    /// Everything random comes from here; arrivals are Poisson
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder of recorded runs
    #[arg(long, default_value = "results", env = "TAILRACE_RESULTS")]
    pub results: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Redis for a redis pipeline
    #[command(flatten)]
    pub redis: RedisArgs,
}

/// Searches, keeps and prints.
///
/// # Errors
/// An unknown pipeline, objectives that the window cannot decide (exit code 2), a server that does
/// not start, or results that cannot be written.
pub fn run(arguments: &CapacityArgs) -> anyhow::Result<Ended> {
    let arm = arm(arguments)?;
    let objectives = objectives(arguments);
    let bounds = bounds(arguments, &objectives)?;
    let mut trials = Trials::start(arguments, arm, objectives)?;
    let found = search(bounds, &mut |rate| trials.attempt(rate))?;
    let capacity = trials.report(&found)?;
    outcome::show(&capacity, trials.folder(), arguments.json)?;
    Ok(ended(&found))
}

fn ended(found: &Found) -> Ended {
    match found.answer {
        CapacityAnswer::Between | CapacityAnswer::AboveHighest => Ended::Fine,
        CapacityAnswer::BelowLowest => Ended::Failed,
        CapacityAnswer::CannotDecide => Ended::InvalidMeasurement,
        CapacityAnswer::Interrupted => Ended::Interrupted,
    }
}

fn arm(arguments: &CapacityArgs) -> Result<Arm, Fault> {
    if arguments.pipeline.contains("://") {
        return Err(Fault::Usage(format!(
            "{} is an address, and capacity starts its pipelines itself; `tailrace load` loads \
             any address at a rate that you choose",
            arguments.pipeline
        )));
    }
    let pipeline = registry::find(&arguments.pipeline)?;
    let known = catalog(arguments.redis.fsync);
    let promise = known.iter().find(|known| known.name == pipeline.name);
    let (connections, in_flight_per_connection) = pipeline.protocol.fair_load;
    Ok(Arm {
        slug: pipeline.name.into(),
        pipeline: pipeline.name.into(),
        promise: promise.map(|known| known.promise.clone()).unwrap_or_default(),
        floor: pipeline.name == registry::FLOOR,
        connections,
        in_flight_per_connection,
        batch_metrics: arguments.batch,
        codec: Codec::Json,
        tls: false,
        flush: Flush::Batch,
        link: None,
        keys: false,
        store: None,
        fsync: None,
    })
}

fn objectives(arguments: &CapacityArgs) -> Vec<Objective> {
    let mut objectives = arguments.objectives.clone();
    if !objectives.iter().any(|one| matches!(one, Objective::Answered { .. })) {
        objectives.push(ANSWERED);
    }
    objectives
}

/// Nothing is tried at a rate whose window is too short for its percentiles.
fn bounds(arguments: &CapacityArgs, objectives: &[Objective]) -> Result<Bounds, Fault> {
    let CapacityArgs { from, most, window, .. } = arguments;
    let window_ms = window.as_millis();
    if window_ms == 0 || window_ms > u128::from(limits::WINDOW_MS_MAX) {
        let longest = limits::WINDOW_MS_MAX / 1_000;
        return Err(Fault::Usage(format!("a window lasts from 1 ms to {longest} s")));
    }
    let needs = |objective: &Objective| match *objective {
        Objective::Latency { q, .. } => trials::supported_per_s(q, *window),
        Objective::Answered { .. } => LEAST_PER_S,
    };
    let least = objectives.iter().map(needs).fold(LEAST_PER_S, f64::max);
    if *from < least || most < from {
        return Err(Fault::Usage(format!(
            "rates from {from:.0} to {most:.0} do not fit: in a window of {:.1} s these \
             percentiles need at least {least:.0} batches a second, and --most is above --from; \
             lengthen --window or raise --from",
            window.as_secs_f64()
        )));
    }
    Ok(Bounds { from: *from, least, most: *most })
}
