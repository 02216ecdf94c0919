//! A load on anybody's endpoint: the event loop of a trial, without a server of ours behind it.
//! There is nothing to audit and no cost of a server to read; what the machine did to the
//! generator is watched all the same. Read next: `trial.rs`, for the whole of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire};
use std::time::Duration;

use tailrace_contract::Wire;
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::load_report::{
    Connections, Endpoint, Flow, Generator, LOAD_SCHEMA_VERSION, LoadAsked, LoadReport, LoadSeals,
    Percentiles, WireBytes,
};
use tailrace_measure::quantile::distribution;
use tailrace_measure::record::{AuditSeal, Seals};
use tailrace_measure::seals::{self, Evidence};
use tailrace_sys::proc;

use crate::account::{Finding, interrupted, utc_of};
use crate::congestion;
use crate::crew::{Crew, Ran};
use crate::gauge::Gauge;
use crate::plan::{Plan, Times};
use crate::source::Source;
use crate::template::{Asked, Templates};

/// What the machine did while the load ran, between the edges of the window.
#[derive(Debug, Clone, Default)]
struct Edges {
    start: Edge,
    end: Edge,
}

#[derive(Debug, Clone, Default)]
struct Edge {
    at: Stamp,
    /// Of each event loop's thread.
    generator_delay_ns: Vec<Option<u64>>,
    steal_ns: u64,
    total_ns: u64,
}

/// A load that is over.
pub struct Loaded {
    /// The times of its window.
    pub times: Times,
    /// What the event loop saw.
    pub ran: Ran,
    edges: Edges,
    congestion_control: Option<String>,
}

/// Runs plans, the shares of one, with requests made from `asked`, each on a thread of its own.
///
/// # Errors
/// No connection could be opened, or the machine's event queue failed. What the endpoint does
/// wrong later is data.
pub fn run(
    plans: Vec<Plan>,
    (asked, seed): (&Asked, u64),
    new_wire: &(dyn Fn() -> Box<dyn Wire> + Sync),
    cores: &[usize],
    gauge: &Arc<Gauge>,
) -> anyhow::Result<Loaded> {
    let source = || -> Box<dyn Source> { Box::new(Templates::new(asked, seed)) };
    // Nobody audits the endpoint. Where it refuses every second request, an account of those that
    // it acknowledged would grow with each of them.
    let unkept = |plan| Plan { keeps_account: false, ..plan };
    let plans: Vec<Plan> = plans.into_iter().map(unkept).collect();
    let congestion_control = plans.first().and_then(|plan| congestion::used(plan.ingest.ip()));
    let crew = Crew { plans, cores, gauge, new_wire, source: &source };
    let (times, ran, edges) = crew.run(watch)?;
    Ok(Loaded { times, ran, edges, congestion_control })
}

/// Reads the kernel's figures at both edges of the window, or at the load's early end.
fn watch(generator: &[u32], times: &Times, done: &AtomicBool) -> Edges {
    let wait_until = |at: Stamp| {
        while !done.load(Acquire) && now() < at {
            std::thread::park_timeout(Duration::from_nanos(at.since(now())));
        }
        read(generator)
    };
    Edges { start: wait_until(times.window.0), end: wait_until(times.window.1) }
}

fn read(generator: &[u32]) -> Edge {
    let host = proc::host_cpu().unwrap_or_default();
    let me = std::process::id();
    Edge {
        at: now(),
        generator_delay_ns: generator
            .iter()
            .map(|&tid| proc::run_delay_ns(me, Some(tid)).ok())
            .collect(),
        steal_ns: host.steal_ns,
        total_ns: host.total_ns,
    }
}

/// The record of a load: everything but the objectives, which only who asked can judge.
pub fn report(
    endpoint: Endpoint,
    load: LoadAsked,
    loaded: &Loaded,
    findings: &[Finding],
) -> LoadReport {
    let (driven, measured) = (&loaded.ran.driven, &loaded.ran.driven.measured);
    let outcomes = &measured.window_outcomes;
    // What would have been due after somebody stopped it never was.
    let asked_ns = loaded.times.window.1.since(loaded.times.window.0);
    let window_ns = driven.lived_ns;
    let tls_ns = endpoint.tls.then(|| Percentiles::from(&distribution(&driven.openings.tls, 0)));
    let plain = |histogram| Percentiles::from(&distribution(histogram, 0));
    LoadReport {
        schema_version: LOAD_SCHEMA_VERSION,
        endpoint,
        load,
        started_utc: utc_of(loaded.times.window.0),
        window_ns,
        offered: Flow::new(outcomes.scheduled, window_ns),
        achieved: Flow::new(outcomes.acked, window_ns),
        outcomes: outcomes.into(),
        ack_ns: Percentiles::from(&distribution(&measured.ack, outcomes.unanswered())),
        service_ns: plain(&measured.service),
        lateness_ns: plain(&measured.lateness),
        queued_ns: plain(&measured.queued),
        connections: Connections {
            opened: driven.openings.connect.len(),
            lost: driven.broken_connections,
            last_loss: driven.last_break.clone(),
            connect_ns: plain(&driven.openings.connect),
            tls_ns,
            congestion_control: loaded.congestion_control.clone(),
        },
        bytes: WireBytes { sent: driven.bytes.sent, received: driven.bytes.received },
        generator: generator(&loaded.ran),
        slowest: measured.slowest.clone(),
        seals: LoadSeals::from(&judge(loaded, findings)),
        objectives: Vec::new(),
        ended_early: driven.stopped.then(|| interrupted(driven.lived_ns, asked_ns)),
    }
}

fn generator(ran: &Ran) -> Generator {
    let requests = ran.driven.measured.all_outcomes.scheduled - ran.driven.never_released;
    let us_per_request = |ns: u64| ns as f64 / 1e3 / requests.max(1) as f64;
    Generator {
        cpu_us_per_request: us_per_request(ran.generator_cpu_ns),
        core_share: ran.busiest_share,
        spin_us_per_request: ran.spun_ns.map(us_per_request),
        spin_core_share: ran.spun_share,
    }
}

fn judge(loaded: &Loaded, findings: &[Finding]) -> Seals {
    let driven = &loaded.ran.driven;
    let measured = &driven.measured;
    // What was never released, because it had to end, says nothing about punctuality.
    let mut outcomes = measured.window_outcomes.clone();
    outcomes.scheduled -= driven.never_released;
    let Edges { start, end } = &loaded.edges;
    let delays = run_queue_delays(start, end);
    let total = end.total_ns.checked_sub(start.total_ns).filter(|total| *total > 0);
    let median = |histogram: &hdrhistogram::Histogram<u64>| {
        (!histogram.is_empty()).then(|| histogram.value_at_quantile(0.5))
    };
    seals::judge(&Evidence {
        ack: &distribution(&measured.ack, measured.window_outcomes.unanswered()),
        lateness: &distribution(&measured.lateness, 0),
        outcomes: &outcomes,
        run_queue_delay_shares: &delays,
        steal_share: total
            .map(|total| end.steal_ns.saturating_sub(start.steal_ns) as f64 / total as f64),
        generator_core_share: generator(&loaded.ran).core_share,
        halves_p50_ns: (median(&measured.halves.0), median(&measured.halves.1)),
        slices: driven.lived(),
        audit: AuditSeal::NotAudited,
        extra: findings,
    })
}

/// What each event loop waited for a core, as a share of the time between two looks.
fn run_queue_delays(start: &Edge, end: &Edge) -> Vec<(String, f64)> {
    let span_ns = end.at.since(start.at).max(1) as f64;
    let alone = end.generator_delay_ns.len() == 1;
    let pairs = (1..).zip(end.generator_delay_ns.iter().zip(&start.generator_delay_ns));
    let shares = pairs.filter_map(|(number, (end, start))| {
        let name = if alone { "generator".into() } else { format!("generator {number}") };
        Some((name, (*end)?.saturating_sub((*start)?) as f64 / span_ns))
    });
    shares.collect()
}
