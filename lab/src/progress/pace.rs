//! How fast the running trial goes: the gauge's counts, compared with those of a moment ago.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tailrace_loadgen::gauge::{Gauge, Reading};

use super::state::Live;

/// "Of late": long enough for a steady figure, short enough to see a stall.
const SPAN_NS: u64 = 1_000_000_000;
/// Less than this says nothing about a rate.
const SPAN_NS_MIN: u64 = 300_000_000;

/// The readings of the last moments.
pub(super) struct Pace {
    gauge: Arc<Gauge>,
    began: Instant,
    readings: VecDeque<Reading>,
}

impl Pace {
    /// Of a trial that begins.
    pub(super) fn new(gauge: Arc<Gauge>) -> Self {
        Self { gauge, began: Instant::now(), readings: VecDeque::new() }
    }

    /// Whether it follows this gauge.
    pub(super) fn follows(&self, gauge: &Arc<Gauge>) -> bool {
        Arc::ptr_eq(&self.gauge, gauge)
    }

    /// Looks at the gauge.
    pub(super) fn look(&mut self) -> Live {
        self.note(self.gauge.read(), self.began.elapsed())
    }

    fn note(&mut self, reading: Reading, elapsed: Duration) -> Live {
        // Before anything was published there is no time to count from.
        if reading.at.0 > 0 && self.readings.back().is_none_or(|last| last.at < reading.at) {
            self.readings.push_back(reading.clone());
        }
        while self.readings.get(1).is_some_and(|next| reading.at.since(next.at) >= SPAN_NS) {
            self.readings.pop_front();
        }
        Live {
            due_per_s: self.per_s(|reading| reading.scheduled),
            answered_per_s: self.per_s(|reading| reading.acked),
            reading,
            elapsed,
            ending: self.gauge.stopped(),
        }
    }

    fn per_s(&self, of: fn(&Reading) -> u64) -> Option<f64> {
        let (first, last) = self.readings.front().zip(self.readings.back())?;
        let span_ns = last.at.since(first.at);
        let more = of(last).saturating_sub(of(first));
        (span_ns >= SPAN_NS_MIN).then(|| more as f64 * 1e9 / span_ns as f64)
    }
}

#[cfg(test)]
mod tests {
    use tailrace_measure::clock::Stamp;

    use super::*;

    #[test]
    fn rates_are_those_of_the_last_second() {
        let mut pace = Pace::new(Arc::default());
        let empty = pace.gauge.read();
        let mut look = |at_ms: u64, scheduled, acked| {
            let reading =
                Reading { at: Stamp(at_ms * 1_000_000), scheduled, acked, ..empty.clone() };
            let live = pace.note(reading, Duration::ZERO);
            (live.due_per_s, live.answered_per_s)
        };
        assert_eq!(look(0, 0, 0), (None, None));
        assert_eq!(look(100, 0, 0), (None, None));
        assert_eq!(look(200, 100, 100), (None, None));
        assert_eq!(look(600, 500, 400), (Some(1_000.0), Some(800.0)));
        assert_eq!(look(600, 500, 400), (Some(1_000.0), Some(800.0)), "the same reading again");
        assert_eq!(look(1_600, 1_500, 400), (Some(1_000.0), Some(0.0)), "a stall");
    }
}
