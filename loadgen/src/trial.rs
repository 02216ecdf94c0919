//! One trial: open, warm up, measure, drain, audit, judge. The event loop has a thread of its
//! own (`crew.rs`); this thread watches it.

use std::sync::Arc;

use anyhow::Context;
use tailrace_contract::RunId;
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::record::{Arm, Load, StoreLedger, Trial};
use tailrace_measure::recorder::Measured;
use tailrace_measure::schedule;
use tailrace_measure::sleeps::Sleeps;
use tailrace_producers::payload::Payloads;

use crate::account;
use crate::ages::Ages;
use crate::arena::Launched;
use crate::crew::Crew;
pub use crate::crew::Ran;
use crate::crowd::Subscribers;
use crate::driver::Driven;
use crate::faults::Fault;
use crate::gauge::Gauge;
use crate::plan::{FeedPlan, Pace, Plan, Share, Times};
use crate::shape::Shaped;
use crate::source::{Batches, Source};
use crate::stored;
use crate::template::Templates;
use crate::watch::{Sample, Watched, watch};

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
    /// Where the event loops run; empty: anywhere.
    pub generator_cores: &'a [usize],
    /// Event loops that share the schedule. With more than one nobody knows which sequences were
    /// acknowledged, so nothing is audited, and there can be no live subscriber.
    pub threads: u32,
    /// Whether anybody asks afterwards when the generator slept: of one event loop only.
    pub keeps_sleeps: bool,
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
    /// When the generator slept, if it was asked for.
    pub sleeps: Sleeps,
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
    let whole = || plan(launched, request, run);
    let ages = |launched: &dyn Launched| {
        let (tls, key) = (launched.observer_tls(), launched.key());
        Ages::ask(&launched.worker_pages(), (tls.as_ref(), key.as_ref()).into())
    };
    let crowd = gather(&whole(), request)?;
    let plans = Share::all(request.threads.into()).map(|share| whole().shared(share)).collect();
    let before = ages(launched);
    let (times, mut ran, watched) = drive(
        launched,
        plans,
        (payloads, request.seed),
        request.faults,
        request.generator_cores,
        gauge,
    )
    .map_err(|error| explained(error, launched))?;
    if request.arm.commits_first() {
        account::durable_is_ack(&mut ran.driven.measured);
    }
    let mut findings = [request.findings, &launched.findings()].concat();
    // They hang up before anybody is asked anything.
    findings.extend(crowd.and_then(|crowd| crowd.finding()));
    let request = &Request { findings: &findings, ..*request };
    let audits = audits(launched, request, run, (&ran, &watched), times.window.1);
    let batch_age = before.zip(ages(launched)).and_then(|(before, after)| after.since(&before));
    let started_utc = account::utc_of(times.window.0);
    let trial = account::trial(request, &ran, &watched, audits, batch_age, started_utc)?;
    let Driven { measured, sleeps, .. } = ran.driven;
    Ok(Finished { trial, measured, watched, times, sleeps })
}

/// Subscribes those who are there beside the measured one, if the load has such.
fn gather(plan: &Plan, request: &Request<'_>) -> anyhow::Result<Option<Subscribers>> {
    let Some((crowd, feed)) = request.load.crowd.zip(plan.feed) else { return Ok(None) };
    let shown = (plan.feed_tls.as_ref(), plan.feed_key.as_ref());
    Subscribers::gather(crowd, &feed, shown, plan.run, request.generator_cores).map(Some)
}

/// Asks the store until it has caught up, then the log.
fn audits(
    launched: &mut dyn Launched,
    request: &Request<'_>,
    run: RunId,
    (ran, watched): (&Ran, &Watched),
    window_end: Stamp,
) -> account::Audits {
    let back = if request.threads > 1 {
        Err("several event loops keep no account of what was acknowledged".into())
    } else {
        account::bring_back(launched, run, watched.death.as_deref())
    };
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
    plan.keeps_connections = launched.keeps_connections();
    // Nobody audits an endpoint. Where it refuses every second request, an account of those that
    // it acknowledged would grow with each of them.
    plan.keeps_account = launched.asked().is_none();
    plan.keeps_sleeps = request.keeps_sleeps;
    (plan.tls, plan.feed_tls) = (launched.ingest_tls(), launched.observer_tls());
    plan.feed_key = launched.key();
    let feed = request.load.feed_one_in.zip(launched.feed());
    // An arm that commits first has nothing to tell later.
    let durable = request.arm.store.is_some() && !request.arm.commits_first();
    plan.feed =
        feed.map(|(one_in, observer)| FeedPlan { observer, seed: request.seed, one_in, durable });
    plan
}

/// Finds out how many batches a second a server takes when there is always one more: the closed
/// loop that capacity is estimated with. Its latencies are not reported. There is an event loop on
/// each of `generator_cores`, as far as there are connections; one anywhere, if there are none.
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
    let whole = || closed(launched, arm, duration_ns);
    let gauge = Arc::new(Gauge::default());
    let loops = generator_cores.len().clamp(1, arm.connections.max(1) as usize);
    let run = fresh_run();
    let plans =
        Share::all(loops as u64).map(|share| Plan { run, ..whole() }.shared(share)).collect();
    let (times, ran, watched) =
        drive(launched, plans, (payloads, 0), &[], generator_cores, &gauge)?;
    let outcomes = &ran.driven.measured.window_outcomes;
    let window_s = times.window.1.since(times.window.0) as f64 / 1e9;
    let spent_us = |of: fn(&Sample) -> Option<u64>| {
        let spent = watched.spent(of, ran.driven.lived_ns);
        spent.map(|ns| ns / 1e3 / outcomes.acked.max(1) as f64)
    };
    Ok(Saturated {
        acked_per_s: outcomes.acked as f64 / window_s,
        failed: outcomes.failed() + outcomes.unanswered(),
        server_cpu_us: spent_us(|sample| sample.server_cpu_ns),
        backend_cpu_us: spent_us(|sample| sample.backend_cpu_ns),
        generator_cpu_us: ran.generator_cpu_ns as f64
            / 1e3
            / ran.driven.measured.all_outcomes.scheduled.max(1) as f64,
    })
}

/// One batch after the other on one connection, each sent when the one before it is answered: the
/// least that an answer takes here. Its typical latency, if anything was acknowledged.
///
/// # Errors
/// As [`run`].
pub fn ping_pong(
    launched: &mut dyn Launched,
    payloads: &Payloads,
    arm: &Arm,
    duration_ns: u64,
    generator_cores: &[usize],
) -> anyhow::Result<Option<u64>> {
    let arm = Arm { connections: 1, in_flight_per_connection: 1, ..arm.clone() };
    let plans = vec![closed(launched, &arm, duration_ns)];
    let gauge = Arc::new(Gauge::default());
    let (_, ran, _) = drive(launched, plans, (payloads, 0), &[], generator_cores, &gauge)?;
    let ack = &ran.driven.measured.ack;
    Ok((!ack.is_empty()).then(|| ack.value_at_quantile(0.5)))
}

/// The plan of a closed loop.
fn closed(launched: &dyn Launched, arm: &Arm, duration_ns: u64) -> Plan {
    Plan {
        pace: Pace::Saturate,
        warm_up_ns: duration_ns / 4,
        window_ns: duration_ns,
        timeout_ns: 5_000_000_000,
        in_flight_max: (arm.connections * arm.in_flight_per_connection) as usize,
        run: fresh_run(),
        producer: tailrace_contract::Producer("g0".into()),
        connections: arm.connections as usize,
        keeps_connections: true,
        ingest: launched.ingest(),
        tls: launched.ingest_tls(),
        feed: None,
        feed_tls: None,
        feed_key: None,
        share: Share::WHOLE,
        keeps_account: false,
        keeps_sleeps: false,
        spins: false,
    }
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

/// Runs the event loops in threads of their own and watches from this one.
fn drive(
    launched: &mut dyn Launched,
    plans: Vec<Plan>,
    (payloads, seed): (&Payloads, u64),
    faults: &[Fault],
    cores: &[usize],
    gauge: &Arc<Gauge>,
) -> anyhow::Result<(Times, Ran, Watched)> {
    let first = plans.first().context("there is nothing to run")?;
    let (run, producer) = (first.run, first.producer.clone());
    let wires = launched.wires();
    let new_wire = move || wires(run);
    let run_text = run.to_string();
    let shape = launched.shape();
    let filled = shape.map(|shape| shape.of_run(&run_text, &producer)).transpose()?;
    let asked = launched.asked().cloned();
    let source = || -> Box<dyn Source> {
        match (&asked, &filled) {
            (Some(asked), _) => Box::new(Templates::new(asked, seed)),
            (None, Some(filled)) => Box::new(Shaped::new(filled, payloads)),
            (None, None) => Box::new(Batches::new(payloads, producer.clone(), &run_text)),
        }
    };
    let crew = Crew { plans, cores, gauge, new_wire: &new_wire, source: &source };
    crew.run(|tids, times, done| watch(launched, tids, times, faults, gauge, done))
}

/// 128 bits that no other trial has. The standard library's hasher is seeded by the system.
fn fresh_run() -> RunId {
    use std::hash::{BuildHasher, RandomState};
    let half = |n: u64| u128::from(RandomState::new().hash_one((n, now().0)));
    RunId(half(0) << 64 | half(1))
}
