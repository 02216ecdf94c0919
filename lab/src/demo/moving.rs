//! A load as it goes: rates and percentiles of the last moment, out of the gauge's counts. They are
//! rough, and only shown; what is said afterwards comes from the recorder. Read next: `tell.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use tailrace_loadgen::gauge::{Gauge, Reading};

/// Follows one gauge.
pub(super) struct Moving {
    gauge: Arc<Gauge>,
    before: Reading,
}

/// The moment between two looks. None: nothing happened.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Lately {
    /// Due.
    pub(super) due_per_s: Option<f64>,
    /// Acknowledged.
    pub(super) acked_per_s: Option<f64>,
    /// Refused or broken.
    pub(super) failed_per_s: Option<f64>,
    /// Due and not yet ended.
    pub(super) waiting: Option<f64>,
    /// Typical latency of those acknowledged.
    pub(super) p50_ns: Option<f64>,
    /// Of the slowest 1 % of them.
    pub(super) p99_ns: Option<f64>,
}

impl Moving {
    /// Begins where the gauge stands.
    pub(super) fn new(gauge: Arc<Gauge>) -> Self {
        let before = gauge.read();
        Self { gauge, before }
    }

    /// What happened since the last look.
    pub(super) fn look(&mut self) -> Lately {
        let reading = self.gauge.read();
        let lately = between(&self.before, &reading);
        self.before = reading;
        lately
    }
}

fn between(before: &Reading, after: &Reading) -> Lately {
    let span_s = after.at.since(before.at) as f64 / 1e9;
    // Before the first line was published there is no time to count from.
    if span_s <= 0.0 || before.at.0 == 0 {
        return Lately::default();
    }
    let per_s = |before: u64, after: u64| Some(after.saturating_sub(before) as f64 / span_s);
    let known: HashMap<u64, u64> = before.cells.iter().map(|c| (c.low_ns, c.count)).collect();
    let new = |low: &u64, count: u64| count - known.get(low).copied().unwrap_or(0);
    let cells: Vec<(u64, u64)> =
        after.cells.iter().map(|cell| (cell.low_ns, new(&cell.low_ns, cell.count))).collect();
    Lately {
        due_per_s: per_s(before.scheduled, after.scheduled),
        acked_per_s: per_s(before.acked, after.acked),
        failed_per_s: per_s(before.failed, after.failed),
        waiting: Some(after.in_flight() as f64),
        p50_ns: quantile(&cells, 0.5),
        p99_ns: quantile(&cells, 0.99),
    }
}

fn quantile(cells: &[(u64, u64)], q: f64) -> Option<f64> {
    let total: u64 = cells.iter().map(|(_, count)| count).sum();
    let rank = ((total as f64 * q).ceil() as u64).max(1);
    let mut seen = 0;
    let mut reached = cells.iter().skip_while(|(_, count)| {
        seen += count;
        seen < rank
    });
    reached.next().map(|(low_ns, _)| *low_ns as f64)
}

#[cfg(test)]
mod tests {
    use tailrace_loadgen::gauge::Cell;
    use tailrace_measure::clock::Stamp;

    use super::*;

    #[test]
    fn only_the_last_moment_counts() {
        let reading = |at_ms: u64, cells: &[(u64, u64)]| Reading {
            at: Stamp(at_ms * 1_000_000),
            scheduled: at_ms,
            acked: cells.iter().map(|(_, count)| count).sum(),
            failed: 0,
            p50_ns: None,
            p99_ns: None,
            lateness_p99_ns: None,
            cells: cells
                .iter()
                .map(|&(low_ns, count)| Cell { low_ns, high_ns: low_ns * 2, count })
                .collect(),
        };
        let before = reading(1_000, &[(10, 500)]);
        let lately = between(&before, &reading(1_500, &[(10, 510), (400, 90)]));
        assert_eq!((lately.due_per_s, lately.acked_per_s), (Some(1_000.0), Some(200.0)));
        assert_eq!((lately.p50_ns, lately.waiting), (Some(400.0), Some(900.0)));
        assert_eq!(between(&before, &before), Lately::default());
    }
}
