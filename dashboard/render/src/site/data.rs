//! What a page knows of a run: manifest and summary whole, trials with all but what a reader can
//! download, distributions as buckets. [`fitting`] makes it coarser until it is small enough.

use std::collections::BTreeSet;

use hdrhistogram::Histogram;
use serde::Serialize;
use tailrace_measure::floor_ratios::{FloorRatio, ratios_to_floor};
use tailrace_measure::record::{
    AuditSeal, Check, Cost, Distribution, Durability, FaultEvent, Ledger, Manifest, Measurement,
    Outcomes, Summary,
};

use super::buckets::packed;
use super::script::assigning;
use super::timeline::Timeline;
use super::{FORMAT, opening};
use crate::{RenderError, RunData, TrialData};

/// A page should be there at once, also over a slow line: what one run may take, uncompressed.
pub const RUN_BYTES_MAX: usize = 500_000;
/// At this coarseness buckets are an eighth of a doubling wide, 9 %: nothing coarser is worth a
/// curve, so a run with hundreds of trials is larger than [`RUN_BYTES_MAX`] instead.
const COARSENESS_MAX: u32 = 7;
/// `service` and `lateness` explain, they do not decide: their buckets are coarser by this.
const EXPLAINING_COARSER: u32 = 2;
/// Slices of a timeline at full detail; a chart has no more pixels for them.
const SLICES_MAX: usize = 600;

#[derive(Serialize)]
struct Run<'a> {
    format: u32,
    /// Up to 2ⁿ neighbouring buckets of ack and live became one.
    coarseness: u32,
    manifest: &'a Manifest,
    summary: &'a Summary,
    /// What may stand beside another run.
    to_floor: Vec<FloorRatio>,
    trials: Vec<Trial<'a>>,
    /// Below `files/<run>/`, with `/`.
    files: &'a [String],
}

#[derive(Serialize)]
struct Trial<'a> {
    arm: &'a str,
    load: &'a str,
    round: u32,
    order: u32,
    started_utc: &'a str,
    window_ns: u64,
    offered_per_s: f64,
    achieved_per_s: f64,
    measurement: Measurement,
    audit: AuditSeal,
    checks_valid: usize,
    checks: Vec<Objection<'a>>,
    outcomes: &'a Outcomes,
    cost: &'a Cost,
    ledger: &'a Ledger,
    faults: &'a [FaultEvent],
    ended_early: Option<&'a str>,
    ack: Spectrum,
    /// Of each percentile of ack that has one: q, lowest, highest.
    intervals: Vec<(f64, Option<u64>, Option<u64>)>,
    service: Spectrum,
    lateness: Spectrum,
    live: Option<Spectrum>,
    durable: Option<Spectrum>,
    durability: Option<&'a Durability>,
    timeline: Timeline,
}

/// A check of the instrument that did not pass.
#[derive(Serialize)]
struct Objection<'a> {
    verdict: Measurement,
    quantile: Option<f64>,
    sentence: &'a str,
}

/// Buckets, and how many batches rank above all of them.
#[derive(Serialize)]
struct Spectrum {
    unanswered: u64,
    buckets: String,
}

/// The data of a run as a script of at most [`RUN_BYTES_MAX`] bytes, unless it has hundreds of
/// trials. Percentiles that records carry stay exact; a figure between them, or of merged
/// rounds, is within the width of the buckets.
pub(super) fn fitting(run: &RunData, files: &[String]) -> Result<String, RenderError> {
    let mut coarseness = 0;
    loop {
        let script = assigning(&opening(), "TAILRACE_RUN", &of(run, files, coarseness))?;
        if script.len() <= RUN_BYTES_MAX || coarseness == COARSENESS_MAX {
            return Ok(script);
        }
        coarseness += 1;
    }
}

fn of<'a>(run: &'a RunData, files: &'a [String], coarseness: u32) -> Run<'a> {
    Run {
        format: FORMAT,
        coarseness,
        manifest: &run.manifest,
        summary: &run.summary,
        to_floor: to_floor(run),
        trials: run.trials.iter().map(|data| trial(data, coarseness)).collect(),
        files,
    }
}

fn to_floor(run: &RunData) -> Vec<FloorRatio> {
    let trials: Vec<_> = run.trials.iter().map(|data| data.trial.clone()).collect();
    ratios_to_floor(&run.manifest.experiment, &trials)
}

fn trial(data: &TrialData, coarseness: u32) -> Trial<'_> {
    let trial = &data.trial;
    let (valid, objecting): (Vec<&Check>, Vec<&Check>) =
        trial.seals.checks.iter().partition(|check| check.verdict == Measurement::Valid);
    let latencies = &trial.latencies;
    let explaining = (coarseness + EXPLAINING_COARSER).min(COARSENESS_MAX);
    let live = data.live.as_ref().zip(latencies.live.as_ref());
    let durable = data.durable.as_ref().zip(latencies.durable.as_ref());
    Trial {
        arm: &trial.arm,
        load: &trial.load,
        round: trial.round,
        order: trial.order,
        started_utc: &trial.started_utc,
        window_ns: trial.window_ns,
        offered_per_s: trial.offered_per_s,
        achieved_per_s: trial.achieved_per_s,
        measurement: trial.seals.measurement,
        audit: trial.seals.audit,
        checks_valid: valid.len(),
        checks: objecting.into_iter().map(objection).collect(),
        outcomes: &trial.outcomes,
        cost: &trial.cost,
        ledger: &trial.ledger,
        faults: &trial.faults,
        ended_early: trial.ended_early.as_deref(),
        ack: spectrum(&data.ack, &latencies.ack, coarseness),
        intervals: intervals(&latencies.ack),
        service: spectrum(&data.service, &latencies.service, explaining),
        lateness: spectrum(&data.lateness, &latencies.lateness, explaining),
        live: live.map(|(histogram, record)| spectrum(histogram, record, coarseness)),
        durable: durable.map(|(histogram, record)| spectrum(histogram, record, coarseness)),
        durability: trial.durability.as_ref(),
        timeline: Timeline::of(&data.slices, SLICES_MAX >> coarseness),
    }
}

fn intervals(record: &Distribution) -> Vec<(f64, Option<u64>, Option<u64>)> {
    let bounds = record.quantiles.iter().filter_map(|one| Some((one.q, one.interval_ns?)));
    bounds.map(|(q, (lowest, highest))| (q, lowest, highest)).collect()
}

fn objection(check: &Check) -> Objection<'_> {
    Objection { verdict: check.verdict, quantile: check.quantile, sentence: &check.sentence }
}

fn spectrum(histogram: &Histogram<u64>, record: &Distribution, coarseness: u32) -> Spectrum {
    let recorded = record.quantiles.iter().filter_map(|quantile| quantile.ns);
    let kept: BTreeSet<u64> = recorded.collect();
    Spectrum { unanswered: record.unanswered, buckets: packed(histogram, coarseness, &kept) }
}
