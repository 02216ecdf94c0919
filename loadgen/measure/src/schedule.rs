//! When batches are due. A schedule is fixed by arrivals, rate and seed before anything runs; it
//! never waits for an answer, and the same three give the same nanoseconds again. Due times are
//! made one by one: an array of them would cost memory for every hour of a run, and a block
//! would stop the generator's loop whenever it is refilled.
//!
//! Nothing here sleeps or knows what time it is. Read [`crate::recorder`] next.

use std::fmt::Write;

use rand_distr::{Distribution, Exp1};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

use crate::record::Arrivals;

const SECOND_NS: f64 = 1e9;

/// Bounds of the mean distance: one nanosecond is the clock's grain, and 31 years mean "never"
/// (a rate of zero or below, or not a number).
const GAP_NS: (f64, f64) = (1.0, 1e18);

/// An endless row of due times, in nanoseconds from an anchor that the caller chooses.
#[derive(Debug, Clone)]
pub struct Schedule {
    gap_ns: f64,
    arrivals: Source,
}

#[derive(Debug, Clone)]
enum Source {
    /// `together` are due at one instant.
    Steady { index: u64, together: u64 },
    /// The sum so far in two parts, so that its error does not grow with the length of a run.
    Poisson { random: Pcg64, whole_ns: u64, rest_ns: f64 },
}

impl Schedule {
    /// `rate_per_s` is between one batch in 31 years and one in a nanosecond; beyond, it is
    /// taken as the nearer of the two. Only a Poisson schedule looks at the seed.
    pub fn new(arrivals: Arrivals, rate_per_s: f64, seed: u64) -> Schedule {
        let gap_ns = (SECOND_NS / rate_per_s.max(0.0)).clamp(GAP_NS.0, GAP_NS.1);
        let arrivals = match arrivals {
            Arrivals::Constant => Source::Steady { index: 0, together: 1 },
            Arrivals::Burst { batches } => {
                Source::Steady { index: 0, together: u64::from(batches).max(1) }
            }
            Arrivals::Poisson => {
                Source::Poisson { random: Pcg64::seed_from_u64(seed), whole_ns: 0, rest_ns: 0.0 }
            }
        };
        Schedule { gap_ns, arrivals }
    }

    /// Offset of the next due batch from the anchor, in nanoseconds; never smaller than the one
    /// before. Constant schedules and bursts start at 0.
    #[inline]
    pub fn next_ns(&mut self) -> u64 {
        match &mut self.arrivals {
            Source::Steady { index, together } => {
                // From the index and not from the last due time: rounding does not add up.
                let due_ns = (*index - *index % *together) as f64 * self.gap_ns;
                *index += 1;
                due_ns as u64
            }
            Source::Poisson { random, whole_ns, rest_ns } => {
                let step: f64 = Exp1.sample(random);
                *rest_ns += step * self.gap_ns;
                let whole = rest_ns.floor();
                *whole_ns = whole_ns.saturating_add(whole as u64);
                *rest_ns -= whole;
                *whole_ns
            }
        }
    }

    /// The due times before `duration_ns`, in order.
    fn until(mut self, duration_ns: u64) -> impl Iterator<Item = u64> {
        std::iter::from_fn(move || Some(self.next_ns())).take_while(move |due| *due < duration_ns)
    }
}

/// SHA-256, in hexadecimal digits, over the due times before `duration_ns` as little-endian
/// 64-bit integers. Takes a few milliseconds for each million of batches.
pub fn sha256(arrivals: Arrivals, rate_per_s: f64, seed: u64, duration_ns: u64) -> String {
    let mut hash = Sha256::new();
    for due_ns in Schedule::new(arrivals, rate_per_s, seed).until(duration_ns) {
        hash.update(due_ns.to_le_bytes());
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// How many batches are due before `duration_ns`.
pub fn count(arrivals: Arrivals, rate_per_s: f64, seed: u64, duration_ns: u64) -> u64 {
    Schedule::new(arrivals, rate_per_s, seed).until(duration_ns).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_NS: u64 = 3_600_000_000_000;
    const TEN_S_NS: u64 = 10_000_000_000;

    #[test]
    fn a_seed_gives_the_same_schedule_for_ever() {
        let hash = |seed| sha256(Arrivals::Poisson, 2_000.0, seed, TEN_S_NS);
        assert_eq!(hash(1), "c41dea2cf8d83094038c8b4651fd10edecd711d35616ec02d9834e3337f93abc");
        assert_ne!(hash(1), hash(2));
        let constant = sha256(Arrivals::Constant, 2_000.0, 1, TEN_S_NS);
        assert_eq!(constant, "a4f559006858c40ef28a5fe143408aa24bcec2d639143e606e091fca211e2fb5");
    }

    #[test]
    fn a_constant_rate_is_exact_over_an_hour() {
        for rate in [3.0, 777.7, 2_000.0, 33_333.0] {
            let batches = (rate * 3_600.0) as usize;
            let mut schedule = Schedule::new(Arrivals::Constant, rate, 0);
            let last = (0..=batches).fold(0, |_, _| schedule.next_ns());
            let expect = batches as f64 * 1e9 / rate;
            assert!((last as f64 / expect - 1.0).abs() < 1e-9, "{rate}: {last} {expect}");
        }
        assert_eq!(count(Arrivals::Constant, 1_000.0, 0, HOUR_NS), 3_600_000);
    }

    #[test]
    fn a_burst_is_due_at_once_and_keeps_the_mean_rate() {
        let burst = Arrivals::Burst { batches: 100 };
        let mut schedule = Schedule::new(burst, 2_000.0, 0);
        let due: Vec<u64> = (0..300).map(|_| schedule.next_ns()).collect();
        assert!(due[..100].iter().all(|&due| due == 0));
        assert!(due[100..200].iter().all(|&due| due == 50_000_000));
        assert!(due[200..].iter().all(|&due| due == 100_000_000));
        assert_eq!(count(burst, 2_000.0, 0, TEN_S_NS), 20_000);
        let none = Arrivals::Burst { batches: 0 };
        assert_eq!(count(none, 1_000.0, 0, 1_000_000_000), 1_000, "no burst is a burst of one");
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_variance_of_their_name() {
        let rate = 10_000.0;
        let mut schedule = Schedule::new(Arrivals::Poisson, rate, 42);
        let n = 1_000_000;
        let (mut last, mut sum, mut squares) = (0, 0.0, 0.0);
        for _ in 0..n {
            let due = schedule.next_ns();
            let gap = (due - last) as f64;
            last = due;
            sum += gap;
            squares += gap * gap;
        }
        let mean = sum / f64::from(n);
        let variance = squares / f64::from(n) - mean * mean;
        // Five standard errors: mean ± 1/√n, variance ± √8/√n of an exponential.
        assert!((mean * rate / 1e9 - 1.0).abs() < 5.0 * 1e-3, "{mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 5.0 * 1.5e-3, "{variance}");
    }

    #[test]
    fn absurd_rates_neither_hang_nor_wrap() {
        for rate in [0.0, -1.0, f64::NAN] {
            for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
                assert!(count(arrivals, rate, 1, HOUR_NS) <= 1, "{rate}");
            }
        }
        assert_eq!(count(Arrivals::Constant, f64::INFINITY, 1, 1_000), 1_000);
    }
}
