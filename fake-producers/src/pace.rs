//! When batches are due. Every due time is absolute, computed from the start in whole
//! nanoseconds: a late wake-up delays one batch and shifts no other, so the rate holds. The
//! runtime's timer wakes within a millisecond or two, good enough to produce, not to measure:
//! the load generator has a schedule of its own.

use std::str::FromStr;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::duration::{ParseDurationError, parse_duration};

/// Bursts: every so often the rate is several times as high for a while. Written
/// `EVERY:TIMES:FOR`, such as `10s:5:1s`: each 10 s end with 1 s at 5 times the rate. `FOR`
/// may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// From one burst's end to the next one's.
    pub every: Duration,
    /// How many times the rate.
    pub times: u32,
    /// How long; at most `every`.
    pub length: Duration,
}

/// Length when none is given: long enough to fill a queue.
const LENGTH_DEFAULT: Duration = Duration::from_secs(1);
/// More than this is another rate, not a burst.
const TIMES_MAX: u32 = 1_000;

/// Why a text describes no burst.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseBurstError {
    /// Not two or three parts.
    #[error("burst: \"{seen}\" is not EVERY:TIMES or EVERY:TIMES:FOR; try 10s:5:1s")]
    Form {
        /// What was seen.
        seen: String,
    },
    /// A part that is no duration.
    #[error("burst: {0}")]
    Duration(#[from] ParseDurationError),
    /// A factor that is none.
    #[error("burst: \"{seen}\" is not a factor; write a whole number from 2 to {TIMES_MAX}")]
    Times {
        /// What was seen.
        seen: String,
    },
    /// A burst that would not end before the next.
    #[error("burst: FOR must be shorter than EVERY ({LENGTH_DEFAULT:?} when left out)")]
    TooLong,
}

impl FromStr for Burst {
    type Err = ParseBurstError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split(':').collect();
        let (every, times, length) = match parts[..] {
            [every, times] => (every, times, LENGTH_DEFAULT),
            [every, times, length] => (every, times, parse_duration(length)?),
            _ => return Err(ParseBurstError::Form { seen: text.into() }),
        };
        let every = parse_duration(every)?;
        let factor = times.parse().ok().filter(|factor| (2..=TIMES_MAX).contains(factor));
        let times = factor.ok_or_else(|| ParseBurstError::Times { seen: times.into() })?;
        let burst = Self { every, times, length };
        if length >= every { Err(ParseBurstError::TooLong) } else { Ok(burst) }
    }
}

/// The due times of a fleet's batches, counted by their ordinals.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    every_ns: u128,
    hosts: u128,
    burst: Option<Burst>,
}

impl Pace {
    /// `hosts` batches in each `every`, evenly spread, with bursts if any.
    pub fn new(every: Duration, hosts: usize, burst: Option<Burst>) -> Self {
        Self { every_ns: every.as_nanos(), hosts: hosts.max(1) as u128, burst }
    }

    /// When a batch is due, from the start. Never decreases with the ordinal; the error is
    /// below a nanosecond for each, without drift.
    pub fn due(&self, ordinal: u64) -> Duration {
        let calm_ns = u128::from(ordinal) * self.every_ns / self.hosts;
        let ns = self.burst.map_or(calm_ns, |burst| burst.compress(calm_ns));
        // 584 years: a later batch is as good as never.
        Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
    }

    /// How many batches are due within `elapsed` from the start, its end included.
    pub fn due_by(&self, elapsed: Duration) -> u64 {
        // Due times never decrease, so the count is found by halving, with no second formula
        // that could disagree with the first.
        let (mut all_due, mut none_due) = (0, u64::MAX);
        while all_due < none_due {
            let middle = all_due + (none_due - all_due) / 2;
            if self.due(middle) <= elapsed {
                all_due = middle + 1;
            } else {
                none_due = middle;
            }
        }
        all_due
    }
}

impl Burst {
    /// From the time a schedule without bursts would take to the time it takes with them.
    fn compress(self, calm_ns: u128) -> u128 {
        let (every, length) = (self.every.as_nanos(), self.length.as_nanos());
        let (before, times) = (every - length, u128::from(self.times));
        let worth = before + length * times;
        let (periods, rest) = (calm_ns / worth, calm_ns % worth);
        periods * every + rest.min(before) + rest.saturating_sub(before) / times
    }
}

/// How well a pace was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PaceReport {
    /// Batches that were handed over.
    pub sent: u64,
    /// Longest time from a batch's due time until it was handed over, back-pressure included.
    pub late_max: Duration,
}

/// Waits for due times. What is due already is not waited for, which is how a stall is
/// caught up.
#[derive(Debug)]
pub struct Pacer {
    pace: Pace,
    start: Instant,
    report: PaceReport,
}

impl Pacer {
    /// A pace from `start` on.
    pub fn new(pace: Pace, start: Instant) -> Self {
        Self { pace, start, report: PaceReport::default() }
    }

    /// Returns when the batch is due, at once if it was due before. Dropping it is harmless.
    pub async fn wait(&self, ordinal: u64) {
        let due = self.start.checked_add(self.pace.due(ordinal));
        match due {
            Some(due) if due > Instant::now() => sleep_until(due).await,
            Some(_) => {}
            None => std::future::pending().await,
        }
    }

    /// Whether a batch is due so long after the start.
    pub fn is_due(&self, ordinal: u64, elapsed: Duration) -> bool {
        self.pace.due(ordinal) <= elapsed
    }

    /// Notes that a batch was handed over now.
    pub fn sent(&mut self, ordinal: u64) {
        let late = self.start.elapsed().saturating_sub(self.pace.due(ordinal));
        self.report.sent += 1;
        self.report.late_max = self.report.late_max.max(late);
    }

    /// So far.
    pub fn report(&self) -> PaceReport {
        self.report
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, Instant, advance};

    use super::*;

    fn pace(every_ms: u64, hosts: usize, burst: Option<&str>) -> Pace {
        let burst = burst.map(|text| text.parse().unwrap());
        Pace::new(Duration::from_millis(every_ms), hosts, burst)
    }

    #[test]
    fn dues_do_not_drift() {
        let thirds = pace(1_000, 3, None);
        assert_eq!(thirds.due(3_000_000_000), Duration::from_secs(1_000_000_000));
        assert_eq!(thirds.due(1), Duration::from_nanos(333_333_333));
        assert_eq!(thirds.due(u64::MAX), Duration::from_nanos(u64::MAX), "no overflow");
    }

    #[test]
    fn counting_agrees_with_the_dues() {
        for burst in [None, Some("10s:5:1s"), Some("3s:7:2s")] {
            let pace = pace(1_000, 37, burst);
            for n in 0..2_000 {
                let due = pace.due(n);
                assert!(pace.due_by(due) > n && due <= pace.due(n + 1));
                if let Some(before) = due.checked_sub(Duration::from_nanos(1)) {
                    assert!(pace.due_by(before) <= n);
                }
            }
        }
    }

    #[test]
    fn a_burst_is_its_factor_for_its_length() {
        let pace = pace(1_000, 100, Some("10s:5:1s"));
        let within = |from, to| {
            let by = |s: u64| pace.due_by(Duration::from_nanos(s * 1_000_000_000 - 1));
            by(to) - by(from)
        };
        for period in [0, 10, 990] {
            assert_eq!(within(period + 1, period + 2), 100);
            assert_eq!(within(period + 9, period + 10), 500);
        }
        assert_eq!(within(10, 20), 9 * 100 + 500);
    }

    fn check(text: &str, expected: &str) {
        let message = text.parse::<Burst>().unwrap_err().to_string();
        assert!(message.contains(expected), "{text}: {message}");
    }

    #[test]
    fn bursts_are_read_and_errors_say_what_to_try() {
        let burst: Burst = "10s:5".parse().unwrap();
        assert_eq!((burst.every.as_secs(), burst.times, burst.length), (10, 5, LENGTH_DEFAULT));
        check("10s", "try 10s:5:1s");
        check("10s:5:1s:2", "try 10s:5:1s");
        check("10:5", "\"10\" is not a duration");
        check("10s:1", "whole number from 2");
        check("10s:x", "\"x\" is not a factor");
        check("1s:5", "FOR must be shorter");
    }

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_dues_in_ten_seconds() {
        let pacer = Pacer::new(pace(1_000, 1_000, None), Instant::now());
        let (start, mut count) = (Instant::now(), 0);
        loop {
            pacer.wait(count).await;
            if start.elapsed() >= Duration::from_secs(10) {
                break;
            }
            count += 1;
        }
        assert_eq!(count, 10_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_is_caught_up_at_once() {
        let start = Instant::now();
        let mut pacer = Pacer::new(pace(1_000, 100, None), start);
        for n in 0..=100 {
            pacer.wait(n).await;
            pacer.sent(n);
        }
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        advance(Duration::from_millis(2_500)).await;
        for n in 101..=350 {
            pacer.wait(n).await;
            pacer.sent(n);
        }
        assert_eq!(start.elapsed(), Duration::from_millis(3_500), "no waiting for what is due");
        pacer.wait(351).await;
        assert_eq!(start.elapsed(), Duration::from_millis(3_510), "then the old pace");
        let late_max = Duration::from_millis(2_490);
        assert_eq!(pacer.report(), PaceReport { sent: 351, late_max });
    }
}
