//! From what a trial left behind to its record: latencies, cost, ledger, seals.

use std::time::{Duration, SystemTime};

use tailrace_contract::{Audit, RunId};
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::ledger::{self, Account};
use tailrace_measure::quantile::{distribution, infer};
use tailrace_measure::record::{
    BatchAge, Cost, Durability, Latencies, Ledger, Load, Measurement, Outcomes, SCHEMA_VERSION,
    Seals, StoreLedger, Trial,
};
use tailrace_measure::recorder::{Measured, Seen};
use tailrace_measure::schedule;
use tailrace_measure::seals::{self, Evidence};
use tailrace_measure::wording::duration;

use crate::arena::Launched;
use crate::observer;
use crate::trial::{Ran, Request};
use crate::watch::{Sample, Watched};

/// Something about the surroundings that a reader must know, and how bad it is.
pub type Finding = (Measurement, String);

/// What log and store were asked after a trial, and answered.
pub struct Audits {
    /// What the log holds, or a sentence that says why that is not known.
    pub log: Result<Audit, String>,
    /// What the store holds; none: there is none.
    pub store: Option<StoreLedger>,
}

/// Brings back what died, if anything survives, so that somebody can be asked.
///
/// # Errors
/// A sentence that says why nobody can be.
pub fn bring_back(
    launched: &mut dyn Launched,
    run: RunId,
    death: Option<&str>,
) -> Result<(), String> {
    if death.is_none() {
        launched.audit_at(run)?;
    }
    launched.recover()
}

/// Asks what the log holds of a run.
///
/// # Errors
/// A sentence that says why there is no audit.
pub fn audit(launched: &dyn Launched, run: RunId) -> Result<Audit, String> {
    let (address, target) = launched.audit_at(run)?;
    let (tls, key) = (launched.observer_tls(), launched.key());
    observer::audit(address, (tls.as_ref(), key.as_ref()), &target)
        .map_err(|error| format!("the audit failed: {error:#}"))
}

/// The record of a trial.
///
/// # Errors
/// The file of a replayed schedule changed meanwhile.
pub fn trial(
    request: &Request<'_>,
    ran: &Ran,
    watched: &Watched,
    audits: Audits,
    batch_age: Option<BatchAge>,
    started_utc: String,
) -> Result<Trial, schedule::ReplayFault> {
    let measured = &ran.driven.measured;
    let outcomes = measured.window_outcomes.clone();
    let window_ns = counted_ns(request.load, ran, watched);
    let ledger = ledger(ran, audits.log).beside(audits.store);
    let latencies = latencies(measured);
    let cost = cost(request, ran, watched);
    let seals = seals(request, ran, watched, &latencies, &ledger, &cost);
    // One that was stopped before its window began offered nothing in it.
    let window_s = window_ns.max(1) as f64 / 1e9;
    Ok(Trial {
        schema_version: SCHEMA_VERSION,
        arm: request.arm.slug.clone(),
        load: request.load.slug.clone(),
        round: request.round,
        order: request.order,
        started_utc,
        schedule_sha256: schedule::sha256(request.load, request.seed)?,
        window_ns,
        offered_per_s: outcomes.scheduled as f64 / window_s,
        achieved_per_s: outcomes.acked as f64 / window_s,
        outcomes,
        latencies,
        slowest: measured.slowest.clone(),
        cost,
        ledger,
        seals,
        faults: watched.faults.clone(),
        ended_early: ended_early(request.load, ran, watched),
        durability: durability(request, ran, watched, batch_age),
    })
}

/// The part of the window whose batches are counted: what would have been due after somebody
/// stopped the trial never was.
fn counted_ns(load: &Load, ran: &Ran, watched: &Watched) -> u64 {
    let whole_ns = load.window_ms * 1_000_000;
    let interrupted = ran.driven.stopped && watched.death.is_none();
    if interrupted { ran.driven.lived_ns } else { whole_ns }
}

/// Halves under different rates say nothing about wear.
fn halves(load: &Load, measured: &Measured) -> (Option<u64>, Option<u64>) {
    if !load.arrivals.keeps_its_rate() {
        return (None, None);
    }
    let median = |histogram: &hdrhistogram::Histogram<u64>| {
        (!histogram.is_empty()).then(|| histogram.value_at_quantile(0.5))
    };
    (median(&measured.halves.0), median(&measured.halves.1))
}

fn ended_early(load: &Load, ran: &Ran, watched: &Watched) -> Option<String> {
    if !ran.driven.stopped {
        return watched.death.clone();
    }
    let interrupted = || interrupted(ran.driven.lived_ns, load.window_ms * 1_000_000);
    Some(watched.death.clone().unwrap_or_else(interrupted))
}

/// What became of a trial or load that somebody stopped.
pub(crate) fn interrupted(lived_ns: u64, window_ns: u64) -> String {
    if lived_ns == 0 {
        return "it was interrupted before its window began; nothing was measured".into();
    }
    if lived_ns == window_ns {
        return "it was interrupted while the last answers were still due".into();
    }
    let (lived, window) = (duration(lived_ns), duration(window_ns));
    format!("it was interrupted after {lived} of {window}; what was not due by then is not counted")
}

fn latencies(measured: &Measured) -> Latencies {
    let unanswered = measured.window_outcomes.unanswered();
    let seen = |seen: &Seen| infer(&seen.histogram, seen.never, &seen.episodes);
    Latencies {
        ack: infer(&measured.ack, unanswered, &measured.ack_episodes),
        service: distribution(&measured.service, 0),
        lateness: distribution(&measured.lateness, 0),
        queued: distribution(&measured.queued, 0),
        live: measured.live.as_ref().map(seen),
        durable: measured.durable.as_ref().map(seen),
    }
}

/// What an arm that commits before it answers acknowledged is durable: the same figures, of every
/// batch, with what was never answered above them all.
pub fn durable_is_ack(measured: &mut Measured) {
    let (histogram, episodes) = (measured.ack.clone(), measured.ack_episodes.clone());
    let never = measured.window_outcomes.unanswered();
    measured.durable = Some(Seen { histogram, never, episodes });
}

fn durability(
    request: &Request<'_>,
    ran: &Ran,
    watched: &Watched,
    batch_age: Option<BatchAge>,
) -> Option<Durability> {
    if request.arm.commits_first() {
        let acked = ran.driven.measured.all_outcomes.acked;
        return Some(Durability { due: acked, seen: acked, ..Durability::default() });
    }
    let exposed = ran.driven.exposed.as_ref()?;
    let live = &ran.driven.live;
    let window_ns = request.load.window_ms * 1_000_000;
    let faults = watched.faults.iter().filter_map(|fault| u64::try_from(fault.at_ns).ok());
    let faults: Vec<u64> = faults.filter(|at| *at < window_ns).collect();
    let span = faults.iter().min().zip(faults.iter().max());
    let recovered = span.and_then(|(first, last)| exposed.recovery_ns(*first, *last));
    Some(Durability {
        due: live.due,
        seen: live.durable,
        censored: live.due - live.durable,
        exposure: exposed.of(ran.driven.acked.count(), request.arm.batch_metrics),
        batch_age,
        recovered_after_fault_ms: recovered.map(|ns| ns as f64 / 1e6),
    })
}

fn ledger(ran: &Ran, audit: Result<Audit, String>) -> Ledger {
    let outcomes = ran.driven.measured.all_outcomes.clone();
    let live = (ran.driven.live.due, ran.driven.live.seen);
    let audit = match audit {
        Ok(audit) => audit,
        Err(why) => return ledger::not_audited(outcomes, live, &why),
    };
    // The generator is one producer; a log that never heard of it holds nothing of it.
    let acked = ran.driven.acked.ranges();
    let found = audit.producers.first();
    let account = Account {
        acked,
        present: found.map_or(&[], |p| p.present.ranges()),
        repeated: found.map_or(&[], |p| p.repeated.ranges()),
        out_of_order: found.map_or(0, |p| p.out_of_order),
    };
    ledger::reconcile(&[account], outcomes, live)
}

fn cost(request: &Request<'_>, ran: &Ran, watched: &Watched) -> Cost {
    let measured = &ran.driven.measured;
    let batch = f64::from(request.arm.batch_metrics);
    let due = measured.window_outcomes.scheduled.max(1) as f64;
    let metrics = measured.window_outcomes.acked as f64 * batch;
    let spent = |of: fn(&Sample) -> Option<u64>| watched.spent(of, ran.driven.lived_ns);
    let per_metric_us = |of| spent(of).filter(|_| metrics > 0.0).map(|ns| ns / 1e3 / metrics);
    let per_batch_us = |of| spent(of).map(|ns| ns / 1e3 / due);
    let peak = |of: fn(&Sample) -> Option<u64>| watched.series.iter().filter_map(of).max();
    let all = &measured.all_outcomes;
    let sent_metrics = (all.scheduled - all.overflowed).max(1) as f64 * batch;
    Cost {
        server_cpu_us_per_metric: per_metric_us(|sample| sample.server_cpu_ns),
        backend_cpu_us_per_metric: per_metric_us(|sample| sample.backend_cpu_ns),
        worker_cpu_us_per_metric: per_metric_us(|sample| sample.worker_cpu_ns),
        generator_cpu_us_per_batch: ran.generator_cpu_ns as f64 / 1e3 / all.scheduled.max(1) as f64,
        generator_spin_us_per_batch: ran
            .spun_ns
            .map(|spun| spun as f64 / 1e3 / all.scheduled.max(1) as f64),
        link_cpu_us_per_batch: per_batch_us(|sample| sample.link_cpu_ns),
        generator_core_share: ran.generator_cpu_ns as f64 / ran.elapsed_ns.max(1) as f64,
        generator_spin_core_share: ran.spun_share,
        server_peak_rss_bytes: peak(|sample| sample.server_rss_bytes),
        backend_peak_rss_bytes: peak(|sample| sample.backend_rss_bytes),
        server_switches_per_batch: spent(|sample| sample.server_switches)
            .map(|switches| switches / due),
        sent_bytes_per_metric: ran.driven.bytes.sent as f64 / sent_metrics,
        received_bytes_per_metric: ran.driven.bytes.received as f64 / sent_metrics,
    }
}

fn seals(
    request: &Request<'_>,
    ran: &Ran,
    watched: &Watched,
    latencies: &Latencies,
    ledger: &Ledger,
    cost: &Cost,
) -> Seals {
    let measured = &ran.driven.measured;
    let outcomes = released_part(&measured.window_outcomes, ran.driven.never_released);
    let delays = run_queue_delays(watched);
    seals::judge(&Evidence {
        ack: &latencies.ack,
        lateness: &latencies.lateness,
        outcomes: &outcomes,
        run_queue_delay_shares: &delays,
        steal_share: steal_share(watched),
        generator_core_share: cost.generator_core_share,
        halves_p50_ns: halves(request.load, measured),
        slices: ran.driven.lived(),
        audit: ledger::audit_seal(ledger),
        extra: request.findings,
    })
}

/// What a trial that had to end never released says nothing about the generator's punctuality.
fn released_part(outcomes: &Outcomes, never_released: u64) -> Outcomes {
    let scheduled = outcomes.scheduled - never_released;
    Outcomes { scheduled, ..outcomes.clone() }
}

/// The server's wait for its core counts only where it has the core for itself: beside its own
/// backend, waiting is part of the system, and beside a link it is in the floor's figures too.
fn run_queue_delays(watched: &Watched) -> Vec<(String, f64)> {
    let window = watched.end.at.since(watched.start.at).max(1) as f64;
    let share = |of: fn(&Sample) -> Option<u64>| {
        Some(of(&watched.end)?.saturating_sub(of(&watched.start)?) as f64 / window)
    };
    let generator = share(|sample| sample.generator_delay_ns);
    let Sample { backend_cpu_ns, worker_cpu_ns, link_cpu_ns, .. } = watched.end;
    let alone = [backend_cpu_ns, worker_cpu_ns, link_cpu_ns].iter().all(Option::is_none);
    let server = share(|sample| sample.server_delay_ns).filter(|_| alone);
    let named = [("generator", generator), ("server", server)];
    named.into_iter().filter_map(|(name, share)| Some((name.to_owned(), share?))).collect()
}

fn steal_share(watched: &Watched) -> Option<f64> {
    if watched.start.at == Stamp::default() {
        // It ended before its window began: there is nothing to compare with.
        return None;
    }
    let total = watched.end.total_ns.checked_sub(watched.start.total_ns).filter(|&t| t > 0)?;
    Some(watched.end.steal_ns.saturating_sub(watched.start.steal_ns) as f64 / total as f64)
}

/// The wall clock's reading for a stamp, RFC 3339.
pub fn utc_of(stamp: Stamp) -> String {
    let ago = Duration::from_nanos(now().since(stamp));
    let wall = SystemTime::now() - ago;
    jiff::Timestamp::try_from(wall).map(|t| format!("{t:.3}")).unwrap_or_default()
}
