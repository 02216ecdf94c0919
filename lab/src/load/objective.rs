//! Objectives of a load: `ack p99 < 10ms`, `answered >= 99.9%`, in the words that `capacity` reads
//! too. They are judged on what was due, so a percentile that falls among the unanswered misses
//! every objective. Read next: `mod.rs`.

use tailrace_loadgen::capacity::{Objective as Slo, Path};
use tailrace_measure::load_report::{LoadReport, Objective, Percentiles};
use tailrace_measure::record::SUPPORT_MIN;
use tailrace_measure::wording::percent;
use tailrace_render::format::{BEYOND_TIMEOUT, NOTHING, latency};

/// Reads an objective that a load on a foreign endpoint can meet or miss.
///
/// # Errors
/// It is none, or about a live subscriber.
pub(super) fn parse(text: &str) -> Result<Slo, String> {
    match text.parse::<Slo>() {
        Ok(Slo::Latency { path: Path::Live, .. }) => {
            Err("a foreign endpoint has no live feed: write ack instead of live".into())
        }
        Ok(slo) => Ok(slo),
        Err(why) => Err(why.to_string()),
    }
}

/// What became of it.
pub(super) fn judge(slo: &Slo, report: &LoadReport) -> Objective {
    let (met, seen) = match *slo {
        Slo::Answered { least } => judge_answered(report, least),
        Slo::Latency { q, below_ns, .. } => judge_latency(&report.ack_ns, q, below_ns),
    };
    Objective { text: slo.to_string(), met, seen }
}

fn judge_answered(report: &LoadReport, least: f64) -> (bool, String) {
    let (acked, due) = (report.achieved.count, report.offered.count);
    let share = acked as f64 / due.max(1) as f64;
    (due > 0 && share >= least, format!("{acked} of {due}, {}", percent(share)))
}

/// Too few above it make a percentile weak but not unknown: it is judged, and says so.
fn judge_latency(ack: &Percentiles, q: f64, below_ns: u64) -> (bool, String) {
    let is = |other: f64| (q - other).abs() < 1e-9;
    let (ns, support) = match q {
        _ if is(0.5) => (ack.p50, ack.support.p50),
        _ if is(0.9) => (ack.p90, ack.support.p90),
        _ if is(0.95) => (ack.p95, ack.support.p95),
        _ if is(0.99) => (ack.p99, ack.support.p99),
        _ if is(0.999) => (ack.p99_9, ack.support.p99_9),
        _ => (ack.p99_99, ack.support.p99_99),
    };
    match ns {
        None if ack.unanswered > 0 => (false, BEYOND_TIMEOUT.into()),
        None => (false, NOTHING.into()),
        Some(ns) if support < SUPPORT_MIN => {
            let seen = latency(Some(ns));
            (ns < below_ns, format!("{seen}, with only {support} requests above it"))
        }
        Some(ns) => (ns < below_ns, latency(Some(ns))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_seen_is_an_objective() {
        assert_eq!(parse("ack p99.9 <10ms").unwrap().to_string(), "ack p99.9 < 10 ms");
        assert!(parse("answered >= 99%").is_ok());
        assert!(parse("live p50 < 1ms").unwrap_err().contains("ack instead"));
        assert!(parse("ack p98 < 1ms").unwrap_err().contains("ack p99 < 10ms"));
    }

    #[test]
    fn what_falls_among_the_unanswered_is_missed() {
        let second = 1_000_000_000;
        let p50 = Some(5_000_000);
        let mut figures = Percentiles { p50, unanswered: 7, ..Default::default() };
        assert_eq!(judge_latency(&figures, 0.99, second), (false, BEYOND_TIMEOUT.into()));
        let (met, seen) = judge_latency(&figures, 0.5, second);
        assert!(met && seen.contains("only 0 requests"), "{seen}");
        figures.support.p50 = 100;
        assert_eq!(judge_latency(&figures, 0.5, 5_000_000), (false, latency(p50)));
        let nothing = Percentiles::default();
        assert_eq!(judge_latency(&nothing, 0.5, second), (false, NOTHING.into()));
    }
}
