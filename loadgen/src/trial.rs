//! One trial: open, warm up, measure, drain, audit, judge. The event loop has a thread of its
//! own; this thread watches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Release};
use std::sync::mpsc;

use anyhow::{Context, anyhow};
use tailrace_contract::{RunId, Wire};
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::record::{Arm, Load, StoreLedger, Trial};
use tailrace_measure::recorder::Measured;
use tailrace_measure::schedule;
use tailrace_producers::payload::Payloads;

use crate::account;
use crate::ages::Ages;
use crate::arena::Launched;
use crate::driver::{Driven, Driver};
use crate::faults::Fault;
use crate::gauge::Gauge;
use crate::plan::{FeedPlan, Pace, Plan, Times};
use crate::shape::Shaped;
use crate::source::{Batches, Source};
use crate::stored;
use crate::watch::{Watched, watch};

/// Between the last connection's opening and the first due batch: lets both sides settle.
const HEAD_START_NS: u64 = 30_000_000;

/// What to run.
pub struct Request<'a> {
    /// Whom.
    pub arm: &'a Arm,
    /// With what.
    pub load: &'a Load,
    /// From 1.
    pub round: u32,
    /// Place within the round, from 1.
    pub order: u32,
    /// Seed of this load in this round: the same for every arm, so that rounds are pairs.
    pub seed: u64,
    /// Faults made on purpose.
    pub faults: &'a [Fault],
    /// Where the event loop runs; empty: anywhere.
    pub generator_cores: &'a [usize],
    /// Findings about the surroundings that concern every trial.
    pub findings: &'a [account::Finding],
}

/// What came out.
pub struct Finished {
    /// The record.
    pub trial: Trial,
    /// The whole distributions.
    pub measured: Measured,
    /// The samples of cost.
    pub watched: Watched,
    /// Where its schedule and its window stood on the generator's clock.
    pub times: Times,
}

/// What the event loop's thread brings home.
pub struct Ran {
    /// What the loop saw.
    pub driven: Driven,
    /// Processor time of its thread, opening excluded.
    pub generator_cpu_ns: u64,
    /// From the start of the loop to its end.
    pub elapsed_ns: u64,
}

/// Runs one trial on a running server.
///
/// # Errors
/// A fault of the harness: no connection stood, the machine's event queue failed, or the file of
/// a replayed schedule changed. What the system under test does wrong is data, not an error.
pub fn run(
    launched: &mut dyn Launched,
    payloads: &Payloads,
    request: &Request<'_>,
    gauge: &Arc<Gauge>,
) -> anyhow::Result<Finished> {
    schedule::check(request.load)?;
    let run = fresh_run();
    let plan = plan(launched, request, run);
    let ages = |launched: &dyn Launched| {
        Ages::ask(&launched.worker_pages(), launched.observer_tls().as_ref())
    };
    let before = ages(launched);
    let (times, ran, watched) =
        drive(launched, plan, payloads, request.faults, request.generator_cores, gauge)
            .map_err(|error| explained(error, launched))?;
    let findings = [request.findings, &launched.findings()].concat();
    let request = &Request { findings: &findings, ..*request };
    let audits = audits(launched, request, run, (&ran, &watched), times.window.1);
    let batch_age = before.zip(ages(launched)).and_then(|(before, after)| after.since(&before));
    let started_utc = account::utc_of(times.window.0);
    let trial = account::trial(request, &ran, &watched, audits, batch_age, started_utc)?;
    Ok(Finished { trial, measured: ran.driven.measured, watched, times })
}

/// Asks the store until it has caught up, then the log.
fn audits(
    launched: &mut dyn Launched,
    request: &Request<'_>,
    run: RunId,
    (ran, watched): (&Ran, &Watched),
    window_end: Stamp,
) -> account::Audits {
    let back = account::bring_back(launched, run, watched.death.as_deref());
    let store = request.arm.store.map(|_| match &back {
        Ok(()) => {
            let (acked, metrics) = (&ran.driven.acked, request.arm.batch_metrics);
            stored::audit(launched, run, acked, metrics, window_end)
        }
        Err(why) => StoreLedger { not_audited: Some(why.clone()), ..StoreLedger::default() },
    });
    let log = back.and_then(|()| account::audit(launched, run));
    account::Audits { log, store }
}

/// Where nothing could be opened because somebody is dead, that is the news.
fn explained(error: anyhow::Error, launched: &mut dyn Launched) -> anyhow::Error {
    match launched.server_death() {
        Some(death) => error.context(death),
        None => error,
    }
}

fn plan(launched: &dyn Launched, request: &Request<'_>, run: RunId) -> Plan {
    let mut plan = Plan::of_load(request.load, request.seed, run, launched.ingest());
    plan.connections = request.arm.connections as usize;
    (plan.tls, plan.feed_tls) = (launched.ingest_tls(), launched.observer_tls());
    let feed = request.load.feed_one_in.zip(launched.feed());
    let durable = request.arm.store.is_some();
    plan.feed =
        feed.map(|(one_in, observer)| FeedPlan { observer, seed: request.seed, one_in, durable });
    plan
}

/// Finds out how many batches a second a server takes when there is always one more: the closed
/// loop that capacity is estimated with. Its latencies are not reported.
///
/// # Errors
/// As [`run`].
pub fn saturate(
    launched: &mut dyn Launched,
    payloads: &Payloads,
    arm: &Arm,
    duration_ns: u64,
    generator_cores: &[usize],
) -> anyhow::Result<Saturated> {
    let run = fresh_run();
    let plan = Plan {
        pace: Pace::Saturate,
        warm_up_ns: duration_ns / 4,
        window_ns: duration_ns,
        timeout_ns: 5_000_000_000,
        in_flight_max: (arm.connections * arm.in_flight_per_connection) as usize,
        run,
        producer: tailrace_contract::Producer("g0".into()),
        connections: arm.connections as usize,
        keeps_connections: true,
        ingest: launched.ingest(),
        tls: launched.ingest_tls(),
        feed: None,
        feed_tls: None,
    };
    let gauge = Arc::new(Gauge::default());
    let (times, ran, watched) = drive(launched, plan, payloads, &[], generator_cores, &gauge)?;
    let outcomes = &ran.driven.measured.window_outcomes;
    let window_s = times.window.1.since(times.window.0) as f64 / 1e9;
    let spent = |from: Option<u64>, to: Option<u64>| {
        Some(to?.saturating_sub(from?) as f64 / 1e3 / outcomes.acked.max(1) as f64)
    };
    Ok(Saturated {
        acked_per_s: outcomes.acked as f64 / window_s,
        failed: outcomes.failed() + outcomes.unanswered(),
        server_cpu_us: spent(watched.start.server_cpu_ns, watched.end.server_cpu_ns),
        backend_cpu_us: spent(watched.start.backend_cpu_ns, watched.end.backend_cpu_ns),
        generator_cpu_us: ran.generator_cpu_ns as f64
            / 1e3
            / ran.driven.measured.all_outcomes.scheduled.max(1) as f64,
    })
}

/// How much a server takes in a closed loop.
#[derive(Debug, Clone, Copy)]
pub struct Saturated {
    /// Acknowledged a second.
    pub acked_per_s: f64,
    /// Refused, broken or unanswered in the window.
    pub failed: u64,
    /// Processor time of the server for each of them, microseconds.
    pub server_cpu_us: Option<f64>,
    /// The same of its backend.
    pub backend_cpu_us: Option<f64>,
    /// Processor time of the generator for each batch.
    pub generator_cpu_us: f64,
}

/// Runs the event loop in its own thread and watches from this one.
fn drive(
    launched: &mut dyn Launched,
    plan: Plan,
    payloads: &Payloads,
    faults: &[Fault],
    cores: &[usize],
    gauge: &Arc<Gauge>,
) -> anyhow::Result<(Times, Ran, Watched)> {
    let run = plan.run;
    let done = AtomicBool::new(false);
    let watcher = std::thread::current();
    let (tell, told) = mpsc::channel();
    let wires = launched.wires();
    let new_wire = move || wires(run);
    let shape = launched.shape();
    std::thread::scope(|scope| {
        let generator = std::thread::Builder::new().name("generator".into());
        let (done, new_wire) = (&done, &new_wire);
        let handle = generator.spawn_scoped(scope, move || {
            let _ended = Ending { done, watcher };
            let run_text = run.to_string();
            let producer = plan.producer.clone();
            let filled = shape.map(|shape| shape.of_run(&run_text, &producer)).transpose()?;
            let source: Box<dyn Source> = match &filled {
                Some(filled) => Box::new(Shaped::new(filled, payloads)),
                None => Box::new(Batches::new(payloads, producer, &run_text)),
            };
            generate(plan, source, gauge, new_wire, cores, &tell)
        })?;
        let watched = told
            .recv()
            .ok()
            .map(|(tid, times)| (times, watch(launched, tid, &times, faults, gauge, done)));
        let ran = handle.join().map_err(|_| anyhow!("the generator's thread panicked"))??;
        let (times, watched) = watched.context("the generator ended before it began")?;
        Ok((times, ran, watched))
    })
}

/// Tells the watching thread that the generator has ended, also when it panicked: nobody may
/// watch for ever.
struct Ending<'a> {
    done: &'a AtomicBool,
    watcher: std::thread::Thread,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.done.store(true, Release);
        self.watcher.unpark();
    }
}

/// The body of the generator's thread.
pub(crate) fn generate<'a>(
    plan: Plan,
    source: Box<dyn Source + 'a>,
    gauge: &Arc<Gauge>,
    new_wire: &'a (dyn Fn() -> Box<dyn Wire> + Sync),
    cores: &[usize],
    tell: &mpsc::Sender<(u32, Times)>,
) -> anyhow::Result<Ran> {
    if !cores.is_empty() {
        tailrace_sys::pin_current_thread(cores).context("the generator could not be pinned")?;
    }
    tailrace_sys::set_timer_slack_min().context("the timer slack could not be set")?;
    let (warm_up_ns, due_ns) = (plan.warm_up_ns, plan.due_ns());
    let driver = Driver::open(plan, source, Arc::clone(gauge), new_wire)?;
    let anchor = now().plus(HEAD_START_NS);
    let times = Times { anchor, window: (anchor.plus(warm_up_ns), anchor.plus(due_ns)) };
    let tid = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
    tell.send((tid, times)).context("nobody watches this trial")?;
    let (began, cpu_before) = (now(), tailrace_sys::proc::thread_cpu_ns());
    let driven = driver.run(anchor)?;
    Ok(Ran {
        driven,
        generator_cpu_ns: tailrace_sys::proc::thread_cpu_ns() - cpu_before,
        elapsed_ns: now().since(began),
    })
}

/// 128 bits that no other trial has. The standard library's hasher is seeded by the system.
fn fresh_run() -> RunId {
    use std::hash::{BuildHasher, RandomState};
    let half = |n: u64| u128::from(RandomState::new().hash_one((n, now().0)));
    RunId(half(0) << 64 | half(1))
}
