//! `tailrace capacity`: how much a pipeline, or anyone's endpoint, takes before it misses an
//! objective. Rates are chosen in `tailrace_loadgen::capacity`; trials are the same for both
//! (`trials.rs`): a pipeline has a fresh server in each, an endpoint is asked whether it is back
//! (`foreign.rs`). The whole curve is kept and shown (`outcome.rs`).

mod foreign;
mod outcome;
mod trials;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tailrace_loadgen::arena::Launcher;
use tailrace_loadgen::capacity::{Bounds, Found, Objective, Path, search};
use tailrace_loadgen::experiment::limits;
use tailrace_measure::record::{Arm, CapacityAnswer, Codec, Flush};

use crate::child::Children;
use crate::cli::RedisArgs;
use crate::contestants::Contestants;
use crate::endpoint::{Endpoint, RequestArgs};
use crate::exit::{Ended, Fault};
use crate::machine::Surroundings;
use crate::play::catalog::catalog;
use crate::postgres::PostgresArgs;
use crate::{pacing, registry};
use foreign::Foreign;
use trials::Trials;

/// A pipeline that refuses half of what is due is fast with the rest: unless another share is
/// asked for, this one belongs to every objective.
const ANSWERED: Objective = Objective::Answered { least: 0.999 };
/// Below, a pipeline is not what is measured.
const LEAST_PER_S: f64 = 10.0;

/// Arguments of `capacity`.
#[derive(Debug, Args, Clone)]
#[command(
    after_help = "An objective is `ack|live p50|p90|p95|p99|p99.9|p99.99 < DURATION` or `answered >= \
    SHARE`; several must hold together. Without a share of its own, answered >= 99.9% is one of \
    them. The answer: between a rate at which 3 of 3 trials passed and one at which at least 2 of \
    3 failed."
)]
pub struct CapacityArgs {
    /// Which pipeline; or the address of anyone's endpoint, as `load` takes it
    pub pipeline: String,
    /// Requests to an endpoint; --connections, --per-connection, --threads and --spin are about
    /// pipelines too
    #[command(flatten)]
    pub request: RequestArgs,
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
    /// Metrics in a batch of a pipeline; without it one
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub batch: Option<u32>,
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
/// not start or answer, or results that cannot be written.
pub fn run(arguments: &CapacityArgs) -> anyhow::Result<Ended> {
    let objectives = objectives(arguments)?;
    let bounds = bounds(arguments, &objectives)?;
    let place = if arguments.is_endpoint() {
        Place::of_endpoint(arguments)?
    } else {
        Place::of_pipeline(arguments)?
    };
    let mut trials = Trials::start(arguments, place, objectives)?;
    let found = search(bounds, &mut |rate| trials.attempt(rate))?;
    let capacity = trials.report(&found)?;
    outcome::show(&capacity, trials.folder(), arguments.json)?;
    Ok(ended(&found))
}

impl CapacityArgs {
    fn is_endpoint(&self) -> bool {
        self.pipeline.contains("://")
    }
}

fn ended(found: &Found) -> Ended {
    match found.answer {
        CapacityAnswer::Between | CapacityAnswer::AboveHighest => Ended::Fine,
        CapacityAnswer::BelowLowest => Ended::Failed,
        CapacityAnswer::CannotDecide => Ended::InvalidMeasurement,
        CapacityAnswer::Interrupted => Ended::Interrupted,
    }
}

/// What is searched, who starts its servers, and where everything runs.
struct Place {
    arm: Arm,
    launcher: Box<dyn Launcher>,
    surroundings: Surroundings,
}

impl Place {
    fn of_pipeline(arguments: &CapacityArgs) -> Result<Self, Fault> {
        let pipeline = registry::find(&arguments.pipeline)?;
        let RequestArgs { connections, per_connection, threads, .. } = arguments.request;
        if let Some(flag) = arguments.request.of_an_endpoint() {
            return Err(Fault::Usage(format!(
                "{flag} is about requests to anyone's endpoint, and {} is a pipeline, which gets \
                 batches; name a URL instead",
                pipeline.name
            )));
        }
        let surroundings = Surroundings::with_generators(threads)?;
        pacing::beside_servers(arguments.request.pacing.spin, &surroundings)?;
        let launcher = Children {
            server_cores: surroundings.server_cores.clone(),
            link_cores: surroundings.link_cores.clone(),
            redis: arguments.redis.clone(),
            postgres: PostgresArgs::default(),
            contestants: Contestants::default(),
        };
        let (fair_connections, fair_depth) = pipeline.protocol.fair_load;
        let known = catalog(arguments.redis.fsync);
        let promise = known.iter().find(|known| known.name == pipeline.name);
        let arm = Arm {
            slug: pipeline.name.into(),
            pipeline: pipeline.name.into(),
            promise: promise.map(|known| known.promise.clone()).unwrap_or_default(),
            floor: pipeline.name == registry::FLOOR,
            connections: connections.unwrap_or(fair_connections),
            in_flight_per_connection: per_connection.unwrap_or(fair_depth),
            batch_metrics: arguments.batch.unwrap_or(1),
            codec: Codec::Json,
            tls: false,
            flush: Flush::Batch,
            link: None,
            keys: false,
            store: crate::stocked::own_store(pipeline.log()),
            fsync: None,
        };
        if arm.connections < threads {
            return Err(Fault::Usage(format!(
                "{threads} threads cannot share {} connections: each needs one of its own",
                arm.connections
            )));
        }
        Ok(Self { arm, launcher: Box::new(launcher), surroundings })
    }

    fn of_endpoint(arguments: &CapacityArgs) -> anyhow::Result<Self> {
        if arguments.batch.is_some() {
            let why = "--batch is about pipelines; an endpoint gets what --body says";
            return Err(Fault::Usage(why.into()).into());
        }
        pacing::beside_an_endpoint(&arguments.request)?;
        let endpoint = Endpoint::find(&arguments.pipeline, &arguments.request, false)?;
        let foreign = Foreign::new(endpoint, arguments.timeout);
        // Where the endpoint runs is not known: the generator goes where it is told.
        let surroundings = Surroundings::beside_an_endpoint(&arguments.request.cores);
        Ok(Self { arm: foreign.arm(), launcher: Box::new(foreign), surroundings })
    }
}

fn objectives(arguments: &CapacityArgs) -> Result<Vec<Objective>, Fault> {
    let mut objectives = arguments.objectives.clone();
    let live = |one: &Objective| matches!(one, Objective::Latency { path: Path::Live, .. });
    if objectives.iter().any(live) && arguments.is_endpoint() {
        return Err(Fault::Usage(
            "a foreign endpoint has no live feed: write ack instead of live".into(),
        ));
    }
    if objectives.iter().any(live) && arguments.request.threads > 1 {
        return Err(Fault::Usage(
            "a live subscriber follows one event loop: leave out --threads".into(),
        ));
    }
    if !objectives.iter().any(|one| matches!(one, Objective::Answered { .. })) {
        objectives.push(ANSWERED);
    }
    Ok(objectives)
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
