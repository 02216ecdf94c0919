//! Objectives: `ack p99 < 10ms`, `failed < 0.1%`. They are judged on what was due, so a percentile
//! that falls among the unanswered misses every objective. Read next: `mod.rs`.

use std::str::FromStr;
use std::time::Duration;

use tailrace_measure::load_report::{LoadReport, Objective, Percentiles};
use tailrace_measure::record::SUPPORT_MIN;
use tailrace_producers::parse_duration;
use tailrace_render::format::{BEYOND_TIMEOUT, NOTHING, latency};

/// The latencies that an objective can be about, and their percentiles.
const LATENCIES: [&str; 4] = ["ack", "service", "lateness", "queued"];
const PERCENTILES: [&str; 7] = ["p50", "p90", "p95", "p99", "p99.9", "p99.99", "max"];

/// What must be met.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo {
    text: String,
    demand: Demand,
}

#[derive(Debug, Clone, PartialEq)]
enum Demand {
    Latency {
        which: &'static str,
        percentile: &'static str,
        below: Duration,
    },
    /// Share of the requests due that were not acknowledged.
    Failed {
        below: f64,
    },
}

impl FromStr for Slo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no objective: write 'ack p99 < 10ms' ({}; {}) or 'failed < 0.1%'",
                LATENCIES.join(", "),
                PERCENTILES.join(", ")
            )
        };
        let (what, limit) = text.split_once('<').ok_or_else(wrong)?;
        let words: Vec<&str> = what.split_whitespace().collect();
        let demand = match words[..] {
            ["failed"] => Demand::Failed { below: share(limit.trim()).ok_or_else(wrong)? },
            [which, percentile] => {
                let known = |all: &[&'static str], word| all.iter().find(|w| **w == word).copied();
                let which = known(&LATENCIES, which).ok_or_else(wrong)?;
                let percentile = known(&PERCENTILES, percentile).ok_or_else(wrong)?;
                let below = parse_duration(limit.trim()).map_err(|_| wrong())?;
                Demand::Latency { which, percentile, below }
            }
            _ => return Err(wrong()),
        };
        let limit = limit.trim();
        Ok(Self { text: format!("{} < {limit}", words.join(" ")), demand })
    }
}

fn share(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

impl Slo {
    /// What became of it.
    pub fn judge(&self, report: &LoadReport) -> Objective {
        let (met, seen) = match self.demand {
            Demand::Failed { below } => judge_failed(report, below),
            Demand::Latency { which, percentile, below } => {
                judge_latency(of(report, which), percentile, below)
            }
        };
        Objective { text: self.text.clone(), met, seen }
    }
}

fn judge_failed(report: &LoadReport, below: f64) -> (bool, String) {
    let failed = report.offered.count - report.achieved.count;
    let share = failed as f64 / report.offered.count.max(1) as f64;
    let seen = format!("{failed} of {}, {:.3} %", report.offered.count, share * 100.0);
    (report.offered.count > 0 && share < below, seen)
}

fn judge_latency(figures: &Percentiles, percentile: &str, below: Duration) -> (bool, String) {
    let support = &figures.support;
    let (ns, support) = match percentile {
        "p50" => (figures.p50, Some(support.p50)),
        "p90" => (figures.p90, Some(support.p90)),
        "p95" => (figures.p95, Some(support.p95)),
        "p99" => (figures.p99, Some(support.p99)),
        "p99.9" => (figures.p99_9, Some(support.p99_9)),
        "p99.99" => (figures.p99_99, Some(support.p99_99)),
        _ => (figures.max, None),
    };
    let Some(ns) = ns else {
        let seen = if figures.unanswered > 0 { BEYOND_TIMEOUT } else { NOTHING };
        return (false, seen.into());
    };
    let mut seen = latency(Some(ns));
    if let Some(support) = support.filter(|support| *support < SUPPORT_MIN) {
        seen = format!("{seen}, with only {support} requests above it");
    }
    (u128::from(ns) < below.as_nanos(), seen)
}

fn of<'r>(report: &'r LoadReport, which: &str) -> &'r Percentiles {
    match which {
        "service" => &report.service_ns,
        "lateness" => &report.lateness_ns,
        "queued" => &report.queued_ns,
        _ => &report.ack_ns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read() {
        let slo: Slo = "ack  p99.9 <10ms".parse().unwrap();
        assert_eq!(slo.text, "ack p99.9 < 10ms");
        let below = Duration::from_millis(10);
        assert_eq!(slo.demand, Demand::Latency { which: "ack", percentile: "p99.9", below });
        let failed: Slo = "failed < 0.5%".parse().unwrap();
        assert!(matches!(failed.demand, Demand::Failed { below } if (below - 0.005).abs() < 1e-9));
        for wrong in ["", "ack p99", "ack p98 < 1ms", "live p99 < 1ms", "ack p99 < 5", "failed < 1"]
        {
            assert!(wrong.parse::<Slo>().unwrap_err().contains("ack p99 < 10ms"), "{wrong}");
        }
    }

    #[test]
    fn what_falls_among_the_unanswered_is_missed() {
        let second = Duration::from_secs(1);
        let figures = Percentiles { p50: Some(5_000_000), unanswered: 7, ..Default::default() };
        assert!(judge_latency(&figures, "p50", second).0);
        assert!(!judge_latency(&figures, "p50", Duration::from_millis(5)).0);
        assert_eq!(judge_latency(&figures, "p99", second), (false, BEYOND_TIMEOUT.into()));
    }
}
