//! `tailrace worker`: moves what a Redis pipeline acknowledged into a store, until it is told to
//! stop. Any number of them share the work. What it does is in the crate `tailrace-worker`; here
//! it is joined with its log and its store, and told apart from one that cannot work.
//!
//! `lag.rs` watches how far it is behind, `stop.rs` stops it on purpose.

mod lag;
mod stop;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};
use tailrace_backend::{
    Forgetting, LocalBus, RedisAlerts, RedisBus, RedisCache, RedisConfig, RedisLog,
};
use tailrace_contract::{Alerts, Log};
use tailrace_producers::parse_duration;
use tailrace_worker::{
    Detector, DetectorOptions, Drained, Options, Parts, Progress, STORE_GROUP, Worker,
};

use crate::cli::RedisArgs;
use crate::exit::{Ended, Fault};
use crate::exporter::Exporter;
use crate::interrupt::Stop;
use crate::registry::{self, LogKind};
use crate::store::{self, StoreArgs};
use crate::{printing, redis, serve};
use stop::StopAt;

/// Arguments of `worker`.
#[derive(Debug, Args, Clone)]
pub struct WorkerArgs {
    /// The pipeline whose log is read; those over one Redis and prefix share a log
    #[arg(default_value = registry::WORKED)]
    pub pipeline: String,
    /// Prefix of all keys and channels in Redis: the same as the server's
    #[arg(long, default_value = "tailrace", env = "TAILRACE_REDIS_PREFIX")]
    pub redis_prefix: String,
    /// Readers in this process, each with commits of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub members: u8,
    /// Name of the group: those of one name share the work, another name fills another store
    #[arg(long, default_value = STORE_GROUP)]
    pub group: String,
    /// A commit holds about so many metrics at most
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub commit_metrics: u32,
    /// The first batch of a commit waits no longer than this for others
    #[arg(long, default_value = "10ms", value_parser = parse_duration)]
    pub commit_age: Duration,
    /// What a worker took and left for so long is taken over by another
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub claim_idle: Duration,
    /// Also look for spikes; of several workers one does, and another when it is gone
    #[arg(long)]
    pub detector: bool,
    /// Write how far behind worker and detector are into this file, a row a second
    #[arg(long, value_name = "FILE")]
    pub lag_csv: Option<PathBuf>,
    /// Serve figures for Prometheus at this address; port 0: a free one
    #[arg(long, value_name = "ADDRESS", env = "TAILRACE_WORKER_METRICS")]
    pub metrics: Option<SocketAddr>,
    /// Serve those figures on addresses that other machines can reach
    #[arg(long)]
    pub trust_network: bool,
    /// At the end: how long what is in hand may take; the rest stays in the log
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub drain: Duration,
    /// End when standard input ends: for whoever starts workers
    #[arg(long, hide = true)]
    pub with_parent: bool,
    /// Freeze at a named point, such as after-commit:3, to be killed there
    #[arg(long, hide = true)]
    pub stop_at: Option<StopAt>,
    /// The Redis of the pipeline
    #[command(flatten)]
    pub redis: RedisArgs,
    /// Where to
    #[command(flatten)]
    pub store: StoreArgs,
}

/// The one line on standard output that says that a worker works.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ready {
    /// `worker`.
    pub ready: String,
    /// Its process.
    pub pid: u32,
    /// The key of the log in Redis.
    pub log: String,
    /// The group.
    pub group: String,
    /// The kind of store.
    pub store: String,
    /// Where Prometheus asks.
    pub metrics: Option<SocketAddr>,
}

/// The line on standard output at the end: counts since the start.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Summary {
    /// Batches stored.
    pub batches: u64,
    /// Their metrics.
    pub metrics: u64,
    /// Batches that were stored before.
    pub duplicates: u64,
    /// Entries that became dead letters.
    pub dead: u64,
    /// Whether everything that was read is stored and acknowledged; otherwise it stays pending.
    pub whole: bool,
}

/// Works until Ctrl-C, SIGTERM, or (with `--with-parent`) the end of standard input.
///
/// # Errors
/// A log that lives in a server's memory, no Redis or no store given or reached, an address in
/// use.
pub fn run(arguments: &WorkerArgs) -> anyhow::Result<Ended> {
    refuse_what_cannot_work(arguments)?;
    if let Some(stop) = arguments.stop_at {
        stop.install();
    }
    serve::runtime()?.block_on(work(arguments))
}

fn refuse_what_cannot_work(arguments: &WorkerArgs) -> anyhow::Result<()> {
    let usage = |text: String| Err(Fault::Usage(text).into());
    let name = &arguments.pipeline;
    match registry::find(name)?.log() {
        Some(LogKind::Redis) => {}
        Some(LogKind::Memory) => {
            return usage(format!(
                "the log of {name} lives in its server's process, where no other can read it; \
                 let the server itself fill the store: tailrace serve {name} --store sqlite"
            ));
        }
        Some(LogKind::Postgres) => {
            return usage(format!(
                "{name} commits each batch itself, before it answers: nothing is left for a worker"
            ));
        }
        None => return usage(format!("{name} has no log, so there is nothing to store")),
    }
    if arguments.redis.url.is_none() {
        return usage(
            "a worker needs the Redis of a running pipeline: give --redis URL \
                      (TAILRACE_REDIS_URL), the same as the server's"
                .into(),
        );
    }
    if arguments.store.store.is_none() {
        return usage(
            "a worker needs to know where to: give --store sqlite:FILE or --store \
                      postgres://USER@HOST/DATABASE (TAILRACE_STORE)"
                .into(),
        );
    }
    let public = arguments.metrics.filter(|address| !address.ip().is_loopback());
    if let Some(address) = public.filter(|_| !arguments.trust_network) {
        return usage(format!(
            "{address} can be reached from other machines, and the figures ask for no key; \
             serve them on 127.0.0.1, or say --trust-network"
        ));
    }
    Ok(())
}

async fn work(arguments: &WorkerArgs) -> anyhow::Result<Ended> {
    let (config, _private) = redis::for_server(&arguments.redis, &arguments.redis_prefix)?;
    let forgetting = Forgetting::new(Arc::new(RedisCache::new(&config)?));
    let mut parts = connect(&config, arguments).await.map_err(redis::missing_if_unreachable)?;
    // The servers' answers about the past, which its commits make stale.
    parts.after = Some(Arc::new(forgetting.clone()));
    let options = options(&config, arguments);
    let mut worker =
        Worker::open(&parts, &options).await.context("the log has no group for this worker")?;
    let progress = worker.progress();
    let detector = detector(&parts.log, &config, arguments).await?;
    let watch = lag::Watch::start(&worker, detector.as_ref(), arguments.lag_csv.as_deref())?;
    let exporter = arguments.metrics.map(|address| export(address, arguments, &watch));
    let exporter = exporter.transpose()?;
    let metrics = exporter.as_ref().map(Exporter::address);
    // First the news, then the work: whoever stops it at a point has heard that it runs.
    let stop = Stop::caught()?;
    announce(&config, arguments, parts.store.name(), metrics)?;
    worker.begin(&parts, options);
    tokio::select! {
        () = serve::until_stopped(stop, arguments.with_parent) => {}
        () = worker.failed() => anyhow::bail!(
            "a part of the worker ended by itself, which is a fault of this program; what it had \
             in hand stays in the log: start it again"
        ),
    }
    let whole = worker.drain(arguments.drain).await == Drained::Whole;
    forgetting.flush().await;
    if let Some(detector) = detector {
        detector.drain(arguments.drain).await;
    }
    conclude(&progress, whole)
}

fn conclude(progress: &Progress, whole: bool) -> anyhow::Result<Ended> {
    if !whole {
        tracing::warn!("the time to drain is over; what is not stored stays in the log");
    }
    let (batches, metrics) = (progress.batches(), progress.metrics());
    let (duplicates, dead) = (progress.duplicates(), progress.dead());
    let summary = Summary { batches, metrics, duplicates, dead, whole };
    printing::line(&serde_json::to_string(&summary)?)?;
    Ok(Ended::Fine)
}

async fn connect(config: &RedisConfig, arguments: &WorkerArgs) -> anyhow::Result<Parts> {
    let choice = arguments.store.or_file();
    let store = store::open(&choice).await?;
    let bus = RedisBus::connect(config, Arc::new(LocalBus::new())).await?;
    let log = RedisLog::connect(config.clone()).await?;
    Ok(Parts { log, store, bus, after: None })
}

fn options(config: &RedisConfig, arguments: &WorkerArgs) -> Options {
    Options {
        group: arguments.group.clone(),
        members: arguments.members.into(),
        commit_metrics: arguments.commit_metrics as usize,
        commit_age: arguments.commit_age,
        claim_idle: arguments.claim_idle,
        // What is idle must be looked for about as often as it becomes so.
        claim_every: Options::new("").claim_every.min(arguments.claim_idle),
        ..Options::new(config.stream())
    }
}

async fn detector(
    log: &Arc<dyn Log>,
    config: &RedisConfig,
    arguments: &WorkerArgs,
) -> anyhow::Result<Option<Detector>> {
    if !arguments.detector {
        return Ok(None);
    }
    let alerts: Arc<dyn Alerts> = RedisAlerts::connect(config).await?;
    let options = DetectorOptions { lease: arguments.claim_idle, ..DetectorOptions::default() };
    Ok(Some(Detector::start(log, alerts, options).await?))
}

fn export(
    address: SocketAddr,
    arguments: &WorkerArgs,
    watch: &lag::Watch,
) -> anyhow::Result<Exporter> {
    Exporter::start(address, watch.text(arguments.group.clone())).with_context(|| {
        format!("cannot listen on {address}: is it in use? Port 0 takes a free one")
    })
}

fn announce(
    config: &RedisConfig,
    arguments: &WorkerArgs,
    store: &str,
    metrics: Option<SocketAddr>,
) -> anyhow::Result<()> {
    let ready = Ready {
        ready: "worker".into(),
        pid: std::process::id(),
        log: config.stream(),
        group: arguments.group.clone(),
        store: store.into(),
        metrics,
    };
    Ok(printing::line(&serde_json::to_string(&ready)?)?)
}
