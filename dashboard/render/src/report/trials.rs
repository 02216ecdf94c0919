//! One trial as the report prints it: outcomes, ledger, cost, checks. What is zero and says
//! nothing is left out; the records have it. The rest of the report is in `view`.

use serde::Serialize;
use tailrace_measure::record::{
    Check, Durability, FaultEvent, Measurement, Outcomes, StoreLedger, Trial,
};

use crate::{TrialData, format, table};

#[derive(Serialize)]
pub(super) struct TrialView {
    arm: String,
    load: String,
    round: u32,
    order: u32,
    audit: &'static str,
    measurement: &'static str,
    /// A seal or an end that a reader must see without a click.
    notable: bool,
    outcomes: Vec<(String, String)>,
    ledger: Vec<(String, String)>,
    cost: Vec<(String, String)>,
    faults: Vec<String>,
    ended_early: Option<String>,
    checks: Vec<CheckView>,
    schedule: String,
}

#[derive(Serialize)]
struct CheckView {
    name: String,
    verdict: &'static str,
    sentence: String,
}

pub(super) fn view(data: &TrialData) -> TrialView {
    let trial = &data.trial;
    TrialView {
        arm: trial.arm.clone(),
        load: trial.load.clone(),
        round: trial.round,
        order: trial.order,
        audit: table::audit(trial.seals.audit),
        measurement: table::seal(trial.seals.measurement),
        notable: data.eventful() || trial.seals.measurement != Measurement::Valid,
        outcomes: outcomes(&trial.outcomes),
        ledger: ledger(trial),
        cost: cost(trial),
        faults: faults(trial),
        ended_early: trial.ended_early.clone(),
        checks: checks(trial),
        schedule: trial.schedule_sha256.clone(),
    }
}

fn faults(trial: &Trial) -> Vec<String> {
    let one = |fault: &FaultEvent| {
        format!("{} s: {}", format::digits(fault.at_ns as f64 / 1e9, 3), fault.what)
    };
    trial.faults.iter().map(one).collect()
}

fn checks(trial: &Trial) -> Vec<CheckView> {
    let one = |check: &Check| CheckView {
        name: check.name.clone(),
        verdict: table::seal(check.verdict),
        sentence: check.sentence.clone(),
    };
    trial.seals.checks.iter().map(one).collect()
}

/// What is zero is left out, but for what was due and acknowledged.
fn outcomes(outcomes: &Outcomes) -> Vec<(String, String)> {
    let mut list = vec![fact("due", outcomes.scheduled), fact("acknowledged", outcomes.acked)];
    let refused =
        outcomes.refused.iter().map(|(status, count)| fact(&format!("refused {status}"), *count));
    list.extend(refused);
    let others = [
        ("timed out", outcomes.timed_out),
        ("broken", outcomes.broken),
        ("overflowed", outcomes.overflowed),
        ("censored", outcomes.censored),
        ("late", outcomes.scheduled.saturating_sub(outcomes.released_on_time)),
    ];
    list.extend(others.iter().filter(|(_, n)| *n > 0).map(|(name, n)| fact(name, *n)));
    if !outcomes.balances() {
        list.push(("does not balance".to_owned(), "a fault of the harness".to_owned()));
    }
    list
}

fn fact(name: &str, count: u64) -> (String, String) {
    (name.to_owned(), format::count(count))
}

fn ledger(trial: &Trial) -> Vec<(String, String)> {
    let ledger = &trial.ledger;
    if let Some(why) = &ledger.not_audited {
        return vec![("not audited".to_owned(), why.clone())];
    }
    let mut list = vec![fact("acknowledged, warm-up included", ledger.outcomes.acked)];
    list.extend(ledger.present.map(|present| fact("present in the log", present)));
    list.push(("missing".to_owned(), ranges(&ledger.missing)));
    list.push(("stored twice".to_owned(), ranges(&ledger.twice)));
    list.push(fact("stored, never acknowledged", ledger.indeterminate));
    list.push(fact("out of order", ledger.out_of_order));
    if ledger.live_due > 0 {
        list.push(("seen live".to_owned(), seen_of(ledger.live_seen, ledger.live_due)));
    }
    list.extend(ledger.store.iter().flat_map(store));
    list.extend(trial.durability.iter().flat_map(durability));
    list
}

/// What the store held in the end.
fn store(store: &StoreLedger) -> Vec<(String, String)> {
    if let Some(why) = &store.not_audited {
        return vec![("store not audited".to_owned(), why.clone())];
    }
    let drained = store.drained_ms.map(|ms| format!("{} ms", format::digits(ms, 3)));
    vec![
        fact("present in the store", store.present.unwrap_or(0)),
        fact("rows in the store", store.metrics),
        ("missing in the store".to_owned(), ranges(&store.missing)),
        ("in the store twice".to_owned(), ranges(&store.twice)),
        fact("in the store, never acknowledged", store.indeterminate),
        ("drained after the window".to_owned(), drained.unwrap_or_else(|| "never".to_owned())),
    ]
}

/// What the sample says of the way there.
fn durability(durability: &Durability) -> Vec<(String, String)> {
    let exposure = &durability.exposure;
    let (ms, error) = (exposure.metric_ms, exposure.metric_ms_error);
    let told = |value: f64| format::digits(value, 3);
    let mut list = vec![
        ("known as committed".to_owned(), seen_of(durability.seen, durability.due)),
        (
            "exposure, metrics × milliseconds".to_owned(),
            format!("{} ± {}, most {} metrics", told(ms), told(error), told(exposure.metrics_max)),
        ),
    ];
    list.extend(durability.batch_age.map(|age| {
        let p99 = age.p99_at_most_ms.map_or_else(
            || "above all bounds".to_owned(),
            |bound| format!("at most {} ms", told(bound)),
        );
        ("batch age at commit".to_owned(), format!("mean {} ms, p99 {p99}", told(age.mean_ms)))
    }));
    let recovered = durability.recovered_after_fault_ms;
    list.extend(
        recovered.map(|ms| {
            ("back to usual after the last fault".to_owned(), format!("{} ms", told(ms)))
        }),
    );
    list
}

/// `none`, or how many and where; long lists are cut, `ledger.json` has all of it.
fn ranges(ranges: &[(u64, u64)]) -> String {
    const SHOWN: usize = 5;
    if ranges.is_empty() {
        return "none".to_owned();
    }
    let one = |(first, last): &(u64, u64)| {
        if first == last { format!("{first}") } else { format!("{first}–{last}") }
    };
    let shown: Vec<String> = ranges.iter().take(SHOWN).map(one).collect();
    let rest = if ranges.len() > SHOWN { " …" } else { "" };
    format!("{}: {}{rest}", batches(ranges), shown.join(", "))
}

fn cost(trial: &Trial) -> Vec<(String, String)> {
    let cost = &trial.cost;
    let list = [
        ("server CPU per metric", cost.server_cpu_us_per_metric.map(format::micros)),
        ("backend CPU per metric", cost.backend_cpu_us_per_metric.map(format::micros)),
        ("workers' CPU per metric", cost.worker_cpu_us_per_metric.map(format::micros)),
        ("generator CPU per batch", Some(format::micros(cost.generator_cpu_us_per_batch))),
        ("generator, share of its core", Some(percent(cost.generator_core_share))),
        ("generator, spun besides per batch", cost.generator_spin_us_per_batch.map(format::micros)),
        ("generator, spun besides, share of its core", cost.generator_spin_core_share.map(percent)),
        ("server memory, peak", cost.server_peak_rss_bytes.map(format::memory)),
        ("backend memory, peak", cost.backend_peak_rss_bytes.map(format::memory)),
        (
            "server's context switches per batch",
            cost.server_switches_per_batch.map(|n| format::digits(n, 2)),
        ),
        ("bytes sent per metric", Some(format::bytes(cost.sent_bytes_per_metric))),
        ("bytes received per metric", Some(format::bytes(cost.received_bytes_per_metric))),
    ];
    let known = list.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?)));
    known.collect()
}

fn percent(share: f64) -> String {
    format!("{} %", format::digits(share * 100.0, 2))
}

/// Ranges of sequences as a number of batches.
pub(super) fn batches(ranges: &[(u64, u64)]) -> String {
    let sum = ranges.iter().map(|(first, last)| (last.saturating_sub(*first)).saturating_add(1));
    match sum.fold(0_u64, u64::saturating_add) {
        0 => "no batch".to_owned(),
        1 => "1 batch".to_owned(),
        many => format!("{} batches", format::count(many)),
    }
}

pub(super) fn seen_of(seen: u64, due: u64) -> String {
    format!("{} of {}", format::count(seen), format::count(due))
}
