//! What must hold in a trial: `ack p99 < 10ms`, `live p50 < 20ms`, `answered >= 99.9%`. How a
//! trial is judged by it.

use std::fmt;
use std::str::FromStr;

use tailrace_measure::record::{
    AuditSeal, CapacityVerdict, Check, Measurement, SUPPORT_MIN, Trial,
};
use tailrace_measure::seals::{overloaded, spoilt};
use tailrace_measure::wording::{duration, percent};

/// What can be written.
const GRAMMAR: &str = "ack|live p50|p90|p95|p99|p99.9|p99.99 < DURATION, such as 'ack p99 < 10ms' \
                       or 'ack p50 < 250us', or answered >= SHARE, such as 'answered >= 99.9%'";

/// The percentiles that may be asked for.
const QUANTILES: [(&str, f64); 6] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

/// Which latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Due to acknowledged.
    Ack,
    /// Due to seen by a live subscriber.
    Live,
}

/// One objective.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// A percentile lies below a time.
    Latency {
        /// Of which latency.
        path: Path,
        /// Which percentile, 0 to 1.
        q: f64,
        /// The time.
        below_ns: u64,
    },
    /// So many of the batches due are acknowledged in time.
    Answered {
        /// Share, 0 to 1.
        least: f64,
    },
}

/// A text that is no objective.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no objective: {why}; write {GRAMMAR}")]
pub struct NoObjective {
    text: String,
    why: String,
}

impl FromStr for Objective {
    type Err = NoObjective;

    fn from_str(text: &str) -> Result<Self, NoObjective> {
        let spaced = text.replace(">=", " >= ").replace('<', " < ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let parsed = match words.as_slice() {
            ["answered", ">=", share] => parse_share(share).map(|least| Self::Answered { least }),
            [path @ ("ack" | "live"), quantile, "<", time] => latency(path, quantile, time),
            ["answered", ..] => Err("the share answered is compared by >=".to_owned()),
            ["ack" | "live", ..] => Err("a latency is a percentile, < and a duration".to_owned()),
            [] => Err("it is empty".to_owned()),
            [other, ..] => Err(format!("{other:?} is neither ack, live nor answered")),
        };
        parsed.map_err(|why| NoObjective { text: text.to_owned(), why })
    }
}

fn latency(path: &str, quantile: &str, time: &str) -> Result<Objective, String> {
    let known = QUANTILES.iter().find(|(name, _)| *name == quantile);
    let (_, q) = known.ok_or_else(|| {
        let known = QUANTILES.map(|(name, _)| name).join(", ");
        format!("{quantile:?} is none of {known}")
    })?;
    let below_ns = duration_ns(time)?;
    let path = if path == "ack" { Path::Ack } else { Path::Live };
    Ok(Objective::Latency { path, q: *q, below_ns })
}

/// Whole microseconds, or what durations are elsewhere on the command line.
fn duration_ns(text: &str) -> Result<u64, String> {
    let micros = text.strip_suffix("us").or_else(|| text.strip_suffix("µs"));
    if let Some(micros) = micros.and_then(|digits| digits.parse::<u32>().ok()).filter(|n| *n > 0) {
        return Ok(u64::from(micros) * 1_000);
    }
    let time = tailrace_producers::parse_duration(text).map_err(|error| error.to_string())?;
    u64::try_from(time.as_nanos()).map_err(|_| format!("{text} is too long"))
}

fn parse_share(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').ok_or("a share ends in %")?;
    let percent: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    if percent > 0.0 && percent <= 100.0 {
        return Ok(percent / 100.0);
    }
    Err(format!("{percent} % is not between 0 and 100"))
}

impl fmt::Display for Objective {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency { path, q, below_ns } => {
                let path = if *path == Path::Ack { "ack" } else { "live" };
                let name = QUANTILES
                    .iter()
                    .find(|(_, known)| known.total_cmp(q).is_eq())
                    .map_or("", |(n, _)| n);
                write!(out, "{path} {name} < {}", duration(*below_ns))
            }
            Self::Answered { least } => write!(out, "answered >= {}", percent(*least)),
        }
    }
}

impl Objective {
    /// Whether a trial shows that it is met, and why.
    fn judge(&self, trial: &Trial) -> (CapacityVerdict, String) {
        match *self {
            Self::Answered { least } => {
                let outcomes = &trial.outcomes;
                let share = outcomes.acked as f64 / outcomes.scheduled.max(1) as f64;
                (passed(share >= least), format!("answered {}", percent(share)))
            }
            Self::Latency { path, q, below_ns } => self.judge_latency(trial, path, q, below_ns),
        }
    }

    fn judge_latency(
        &self,
        trial: &Trial,
        path: Path,
        q: f64,
        below_ns: u64,
    ) -> (CapacityVerdict, String) {
        let distribution = match path {
            Path::Ack => Some(&trial.latencies.ack),
            Path::Live => trial.latencies.live.as_ref(),
        };
        let supported = distribution
            .and_then(|distribution| distribution.at(q))
            .filter(|entry| entry.support >= SUPPORT_MIN);
        let Some(entry) = supported else {
            let why = format!("fewer than {SUPPORT_MIN} batches lie above it");
            return (CapacityVerdict::Undecided, format!("{self}: {why}"));
        };
        if path == Path::Ack && spoilt(&trial.seals, q) {
            let why = format!("{self}: the generator's own lateness spoilt it");
            return (CapacityVerdict::Undecided, why);
        }
        match entry.ns {
            Some(ns) => (passed(ns < below_ns), format!("{self}: {}", duration(ns))),
            None => (CapacityVerdict::Failed, format!("{self}: beyond the timeout")),
        }
    }
}

fn passed(holds: bool) -> CapacityVerdict {
    if holds { CapacityVerdict::Passed } else { CapacityVerdict::Failed }
}

/// What a trial says about all objectives. A broken audit and a growing backlog miss every
/// objective; an INVALID trial says nothing.
pub fn judge(trial: &Trial, objectives: &[Objective]) -> (CapacityVerdict, String) {
    if trial.seals.audit == AuditSeal::Broken {
        return (CapacityVerdict::Failed, "audit BROKEN".to_owned());
    }
    if trial.seals.measurement == Measurement::Invalid {
        // One that speaks for a single percentile does not decide the seal.
        let decides =
            |check: &&Check| check.verdict == Measurement::Invalid && check.quantile.is_none();
        let worst = trial.seals.checks.iter().find(decides);
        let why = worst.map_or("", |check| check.sentence.as_str());
        return (CapacityVerdict::Undecided, format!("INVALID: {why}"));
    }
    if overloaded(&trial.seals) {
        return (CapacityVerdict::Failed, "overloaded: the backlog grew to the end".to_owned());
    }
    let judged: Vec<_> = objectives.iter().map(|objective| objective.judge(trial)).collect();
    for verdict in [CapacityVerdict::Failed, CapacityVerdict::Undecided] {
        if let Some((_, why)) = judged.iter().find(|(other, _)| *other == verdict) {
            return (verdict, why.clone());
        }
    }
    let why: Vec<String> = judged.into_iter().map(|(_, why)| why).collect();
    (CapacityVerdict::Passed, why.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read_as_they_are_written() {
        for (text, shown) in [
            ("ack p99 < 10ms", "ack p99 < 10 ms"),
            ("live p99.9<2s", "live p99.9 < 2.0 s"),
            ("  ack  p50 <500us ", "ack p50 < 500 µs"),
            ("answered >= 99.9%", "answered >= 99.9 %"),
        ] {
            assert_eq!(text.parse::<Objective>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_none_is_refused_with_what_would_be() {
        for (text, why) in [
            ("", "it is empty"),
            ("durable p99 < 1s", "neither ack, live nor answered"),
            ("ack p98 < 1s", "none of p50, p90, p95, p99, p99.9, p99.99"),
            ("ack p99 > 1s", "a percentile, < and a duration"),
            ("ack p99 < fast", "fast"),
            ("ack p99 < 0us", "not a duration"),
            ("ack p99 < 1s and more", "a percentile, < and a duration"),
            ("answered >= 99.9", "ends in %"),
            ("answered >= 101%", "between 0 and 100"),
            ("answered < 3%", "by >="),
        ] {
            let error = text.parse::<Objective>().unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("ack|live"), "{text}: {error}");
        }
    }
}
