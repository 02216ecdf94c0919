//! The measurement seal: is this trial's instrument to be believed? Every check has one row in
//! [`THRESHOLDS`]; the same table stands in the documentation. The system is judged elsewhere, by
//! its ledger ([`crate::ledger::audit_seal`]): being slow, overloaded or wrong spoils no
//! measurement.

use crate::record::{
    AuditSeal, Check, Distribution, Measurement, Outcomes, QUANTILES, SUPPORT_MIN, Seals, Slice,
};
pub use crate::thresholds::{
    BACKLOG_GROWTH, FEED_COST, GENERATOR_CORE, HALVES_P50, LATENESS_OF_ACK, LATENESS_P50,
    RELEASED_ON_TIME, RUN_QUEUE_DELAY, STEAL, THRESHOLDS, Threshold,
};
use crate::wording::{duration, figure, percent, times};

/// So many batches more are no sign of anything at low rates.
const BACKLOG_BATCHES: f64 = 10.0;

/// What a trial offers to its judge.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Due to acknowledged.
    pub ack: &'a Distribution,
    /// Due to released.
    pub lateness: &'a Distribution,
    /// Of the window. Batches that overflow must have been released to count as on time.
    pub outcomes: &'a Outcomes,
    /// Name and share of the window for each pinned thread; empty when it cannot be read.
    pub run_queue_delay_shares: &'a [(String, f64)],
    /// None when it cannot be read.
    pub steal_share: Option<f64>,
    /// Without spinning.
    pub generator_core_share: f64,
    /// p50 of ack by half of the window; none when nothing was acknowledged.
    pub halves_p50_ns: (Option<u64>, Option<u64>),
    /// The timeline.
    pub slices: &'a [Slice],
    /// The system's seal, passed on.
    pub audit: AuditSeal,
    /// What else was found about the machine: a debug build, a shared core. Sentences.
    pub extra: &'a [(Measurement, String)],
}

/// Both seals with every check. The worst check decides, but one that is INVALID for a single
/// percentile makes the trial SUSPECT and spoils that percentile alone ([`spoilt`]).
pub fn judge(evidence: &Evidence<'_>) -> Seals {
    let mut checks = lateness_checks(evidence);
    checks.push(released_on_time(evidence.outcomes));
    let delays = evidence.run_queue_delay_shares.iter();
    checks.extend(delays.map(|(thread, share)| check_of(&RUN_QUEUE_DELAY, *share, Some(thread))));
    checks.extend(evidence.steal_share.map(|share| check(&STEAL, share)));
    checks.push(check(&GENERATOR_CORE, evidence.generator_core_share));
    checks.extend(halves(evidence.halves_p50_ns));
    checks.extend(backlog_check(evidence.slices, evidence.outcomes.scheduled));
    checks.extend(evidence.extra.iter().map(|(verdict, sentence)| environment(*verdict, sentence)));
    let measurement = checks.iter().map(weight).max().unwrap_or(Measurement::Valid);
    Seals { measurement, audit: evidence.audit, checks }
}

/// A check of one percentile speaks for that percentile alone. Only those that the first table
/// prints make the trial itself SUSPECT; one in the far tail, where a single hiccup of the
/// machine decides, is struck there and spoils nothing else.
pub(crate) fn weight(check: &Check) -> Measurement {
    match check.quantile {
        None => check.verdict,
        Some(q) if HEADLINE.iter().any(|headline| (headline - q).abs() < 1e-9) => {
            check.verdict.min(Measurement::Suspect)
        }
        Some(_) => Measurement::Valid,
    }
}

/// The percentiles of the first table.
const HEADLINE: [f64; 2] = [0.5, 0.99];

/// Whether the instrument spoilt this percentile of ack.
pub fn spoilt(seals: &Seals, q: f64) -> bool {
    let at = |check: &&Check| check.quantile.is_some_and(|other| (other - q).abs() < 1e-9);
    seals.checks.iter().filter(at).any(|check| check.verdict == Measurement::Invalid)
}

/// Whether more was due than the system answered: a result, not a fault.
pub fn overloaded(seals: &Seals) -> bool {
    let growth = |check: &&Check| check.name == BACKLOG_GROWTH.name;
    seals.checks.iter().filter(growth).any(|check| check.verdict != Measurement::Valid)
}

/// Whether the two halves of the window differ in the same direction in two thirds of some
/// trials, given their ratios: more often than a busy machine explains.
pub fn drifted(halves_p50_ratios: &[f64]) -> bool {
    let limit = HALVES_P50.suspect.unwrap_or(f64::INFINITY);
    let slower = halves_p50_ratios.iter().filter(|ratio| **ratio > limit).count();
    let faster = halves_p50_ratios.iter().filter(|ratio| **ratio < 1.0 / limit).count();
    let most = slower.max(faster);
    most > 0 && most * 3 >= halves_p50_ratios.len() * 2
}

fn lateness_checks(evidence: &Evidence<'_>) -> Vec<Check> {
    let p50 = evidence.lateness.ns_at(0.5).map(|ns| check(&LATENESS_P50, ns as f64));
    let by_quantile = QUANTILES.iter().filter_map(|q| {
        let ack = evidence.ack.at(*q).filter(|entry| entry.support >= SUPPORT_MIN)?;
        let share = evidence.lateness.ns_at(*q)? as f64 / ack.ns?.max(1) as f64;
        let name = format!("p{}", q * 100.0);
        Some(Check { quantile: Some(*q), ..check_of(&LATENESS_OF_ACK, share, Some(&name)) })
    });
    p50.into_iter().chain(by_quantile).collect()
}

fn released_on_time(outcomes: &Outcomes) -> Check {
    let share = match outcomes.scheduled {
        0 => 1.0,
        scheduled => outcomes.released_on_time as f64 / scheduled as f64,
    };
    check(&RELEASED_ON_TIME, share)
}

/// Always VALID: a single trial's halves decide nothing.
fn halves((first_ns, second_ns): (Option<u64>, Option<u64>)) -> Option<Check> {
    let ratio = second_ns? as f64 / first_ns?.max(1) as f64;
    let sentence = format!("{}: {} times; judged over all trials", HALVES_P50.what, times(ratio));
    Some(Check { verdict: Measurement::Valid, sentence, ..check(&HALVES_P50, ratio) })
}

fn backlog_check(slices: &[Slice], scheduled: u64) -> Option<Check> {
    let growth = backlog_growth(slices)?;
    let share = BACKLOG_GROWTH.suspect?;
    let limit = (share * scheduled as f64).max(BACKLOG_BATCHES);
    Some(check(&Threshold { suspect: Some(limit), ..BACKLOG_GROWTH }, growth))
}

/// Slope of the backlog by least squares over the last half of the slices, times their number:
/// batches by which it grew. None below three slices.
fn backlog_growth(slices: &[Slice]) -> Option<f64> {
    let half = &slices[slices.len() / 2..];
    if half.len() < 3 {
        return None;
    }
    let n = half.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let (mut products, mut squares) = (0.0, 0.0);
    for (index, slice) in half.iter().enumerate() {
        let x = index as f64 - middle;
        products += x * slice.backlog as f64;
        squares += x * x;
    }
    Some(products / squares * n)
}

/// A check of an environment that has no figure.
fn environment(verdict: Measurement, sentence: &str) -> Check {
    Check {
        name: "environment".to_owned(),
        figure: 0.0,
        unit: "none".to_owned(),
        suspect_at: None,
        invalid_at: None,
        verdict,
        quantile: None,
        sentence: sentence.to_owned(),
    }
}

fn check(threshold: &Threshold, value: f64) -> Check {
    check_of(threshold, value, None)
}

/// Applies a threshold; `of` names the thread or percentile that is meant.
fn check_of(threshold: &Threshold, value: f64, of: Option<&str>) -> Check {
    let verdict = match threshold {
        t if beyond(t, value, t.invalid) => Measurement::Invalid,
        t if beyond(t, value, t.suspect) => Measurement::Suspect,
        _ => Measurement::Valid,
    };
    Check {
        name: threshold.name.to_owned(),
        figure: value,
        unit: threshold.unit.to_owned(),
        suspect_at: threshold.suspect,
        invalid_at: threshold.invalid,
        verdict,
        quantile: None,
        sentence: sentence(threshold, value, of, verdict),
    }
}

fn beyond(threshold: &Threshold, value: f64, limit: Option<f64>) -> bool {
    let bad_when_small = threshold.name == RELEASED_ON_TIME.name;
    limit.is_some_and(|limit| if bad_when_small { value < limit } else { value > limit })
}

fn sentence(threshold: &Threshold, value: f64, of: Option<&str>, verdict: Measurement) -> String {
    let of = of.map(|of| format!(" ({of})")).unwrap_or_default();
    let text = |value: f64| match threshold.unit {
        "ns" => duration(value as u64),
        "share" => percent(value),
        "ratio" => format!("{} times", times(value)),
        unit => format!("{} {unit}", figure(value.round())),
    };
    let limit = if verdict == Measurement::Invalid { threshold.invalid } else { threshold.suspect };
    let limit = limit.map(|limit| format!(", limit {}", text(limit))).unwrap_or_default();
    let seen = format!("{}{of}: {}{limit}", threshold.what, text(value));
    if verdict == Measurement::Valid { seen } else { format!("{seen}; {}", threshold.advice) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Quantile;

    fn distribution(ns: u64) -> Distribution {
        let quantiles = QUANTILES.map(|q| Quantile {
            q,
            ns: Some(ns),
            support: 10,
            episodes: None,
            interval_ns: None,
        });
        let quantiles = quantiles.to_vec();
        Distribution { count: 1_000, min_ns: ns, max_ns: ns, quantiles, ..Distribution::default() }
    }

    /// Judges a faultless trial after one change to it.
    fn check<'a>(
        change: impl FnOnce(&mut Evidence<'a>),
        expect: (Measurement, Option<&str>),
    ) -> Seals {
        // Leaked, so that a test may put its own beside them.
        let at = |ns| Box::leak(Box::new(distribution(ns)));
        let outcomes = Outcomes {
            scheduled: 1_000,
            acked: 1_000,
            released_on_time: 1_000,
            ..Outcomes::default()
        };
        let mut evidence = Evidence {
            ack: at(1_000_000),
            lateness: at(10_000),
            outcomes: Box::leak(Box::new(outcomes)),
            run_queue_delay_shares: &[],
            steal_share: Some(0.0),
            generator_core_share: 0.3,
            halves_p50_ns: (Some(1_000_000), Some(1_000_000)),
            slices: &[],
            audit: AuditSeal::Kept,
            extra: &[],
        };
        change(&mut evidence);
        let seals = judge(&evidence);
        let worst = seals.checks.iter().max_by_key(|check| check.verdict).unwrap();
        let blamed = Some(worst.name.as_str()).filter(|_| worst.verdict != Measurement::Valid);
        assert_eq!((seals.measurement, blamed), expect, "{seals:?}");
        seals
    }

    const VALID: (Measurement, Option<&str>) = (Measurement::Valid, None);

    fn suspect(name: &str) -> (Measurement, Option<&str>) {
        (Measurement::Suspect, Some(name))
    }

    fn invalid(name: &str) -> (Measurement, Option<&str>) {
        (Measurement::Invalid, Some(name))
    }

    #[test]
    fn the_table_is_that_of_the_method() {
        let table: Vec<_> = THRESHOLDS.iter().map(|t| (t.name, t.suspect, t.invalid)).collect();
        let expect = [
            ("lateness_of_ack", Some(0.25), Some(0.5)),
            ("lateness_p50", Some(1e5), Some(1e6)),
            ("released_on_time", Some(0.999), Some(0.99)),
            ("run_queue_delay", Some(0.02), Some(0.1)),
            ("steal", Some(0.01), Some(0.05)),
            ("generator_core", Some(0.7), Some(0.9)),
            ("halves_p50", Some(1.5), None),
            ("backlog_growth", Some(0.01), None),
            ("feed_cost", Some(1.1), None),
        ];
        assert_eq!(table, expect);
    }

    #[test]
    fn a_percentile_of_the_far_tail_is_struck_alone() {
        let mut late = distribution(10_000);
        late.quantiles.iter_mut().filter(|entry| entry.q > 0.99).for_each(|entry| {
            entry.ns = Some(900_000);
        });
        let late = Box::leak(Box::new(late));
        let seals = check(|e| e.lateness = late, (Measurement::Valid, Some("lateness_of_ack")));
        assert!(spoilt(&seals, 0.999) && !spoilt(&seals, 0.99));
    }

    #[test]
    fn each_check_has_its_thresholds() {
        check(|_| {}, VALID);
        check(|e| e.steal_share = Some(0.01), VALID);
        check(|e| e.steal_share = Some(0.02), suspect("steal"));
        check(|e| e.steal_share = Some(0.06), invalid("steal"));
        check(|e| e.generator_core_share = 0.75, suspect("generator_core"));
        check(|e| e.generator_core_share = 0.95, invalid("generator_core"));
        let late = [("driver".to_owned(), 0.01), ("feed".to_owned(), 0.03)];
        let seals = check(|e| e.run_queue_delay_shares = &late, suspect("run_queue_delay"));
        let sentence =
            &seals.checks.iter().find(|c| c.verdict == Measurement::Suspect).unwrap().sentence;
        assert!(
            sentence.starts_with("time waiting for a core (feed): 3.0 %, limit 2.0 %; "),
            "{sentence}"
        );
        let few = |on_time| Outcomes {
            scheduled: 1_000,
            released_on_time: on_time,
            ..Outcomes::default()
        };
        let (fair, poor) = (few(995), few(980));
        check(|e| e.outcomes = &fair, suspect("released_on_time"));
        check(|e| e.outcomes = &poor, invalid("released_on_time"));
        let debug = [(Measurement::Invalid, "a debug build".to_owned())];
        check(|e| e.extra = &debug, invalid("environment"));
    }

    #[test]
    fn one_percentile_is_spoilt_alone() {
        let mut lateness = distribution(10_000);
        lateness.quantiles[3].ns = Some(600_000);
        let seals = check(|e| e.lateness = &lateness, suspect("lateness_of_ack"));
        assert!(spoilt(&seals, 0.99) && !spoilt(&seals, 0.95));
        let typical = distribution(200_000);
        check(|e| e.lateness = &typical, suspect("lateness_p50"));
    }

    #[test]
    fn percentiles_without_value_or_support_are_not_judged() {
        let lateness = distribution(90_000);
        let mut ack = distribution(100_000);
        ack.quantiles.iter_mut().for_each(|entry| entry.support = SUPPORT_MIN - 1);
        ack.quantiles[5].ns = None;
        check(|e| (e.ack, e.lateness) = (&ack, &lateness), VALID);
    }

    fn backlog(of: impl Fn(u64) -> u64) -> Vec<Slice> {
        (0..20).map(|index| Slice { backlog: of(index), ..Slice::default() }).collect()
    }

    #[test]
    fn overload_is_a_result() {
        let steady = backlog(|index| 500 + index % 2);
        check(|e| e.slices = &steady, VALID);
        let early = backlog(|index| index.min(9) * 100);
        assert!(!overloaded(&check(|e| e.slices = &early, VALID)));
        let growing = backlog(|index| index * 5);
        let seals = check(|e| e.slices = &growing, suspect("backlog_growth"));
        let sentence = &seals.checks.last().unwrap().sentence;
        assert!(
            overloaded(&seals) && sentence.contains("50 batches, limit 10 batches"),
            "{sentence}"
        );
    }

    #[test]
    fn halves_are_judged_over_the_trials() {
        check(|e| e.halves_p50_ns = (Some(1_000_000), Some(3_000_000)), VALID);
        assert!(drifted(&[2.0, 1.0, 1.6]) && drifted(&[0.5, 0.5, 1.0]));
        assert!(!drifted(&[2.0, 1.0, 0.5]) && !drifted(&[1.0, 1.4]) && !drifted(&[]));
    }
}
