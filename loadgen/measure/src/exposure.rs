//! Exposure: what was acknowledged and is not yet in the store, as metrics × milliseconds.
//!
//! With y the time that a batch spent in that state within the window, the integral over the
//! window of the number of exposed batches is the sum of y over all batches. A sample gives
//! N·ȳ, with N the acknowledged batches and ȳ the mean of the sample's y. Which batches are in
//! the sample does not depend on how they fared, so its error is that of a mean of n values out of
//! N: 1.96·N·s/√n·√(1 − n/N), whatever the batches of one commit have in common. A batch of which
//! nothing was heard counts until the end of the window.
//! Source: Cochran, Sampling Techniques, chapter 2.

use crate::clock::Stamp;
use crate::record::Exposure;
use crate::stamps::Window;

/// Two-sided 95 % of a normal distribution: samples are of hundreds of batches.
const Z_975: f64 = 1.96;

/// Follows the sampled batches of one trial; told in the order of the stamps.
#[derive(Debug, Clone)]
pub struct Exposed {
    window: Window,
    now: u64,
    most: u64,
    /// Moment after moment at which the number changed, within slices of time.
    slices: ExposedSlices,
    batches: u64,
    sum_ns: f64,
    sum_squares: f64,
}

/// Length of the slices in which the course of exposure is kept: what recovery is read from.
const SLICE_NS: u64 = 50_000_000;

/// The most exposed in each slice from the start of the window on.
#[derive(Debug, Clone, Default)]
struct ExposedSlices(Vec<u64>);

impl Exposed {
    /// Nothing is exposed yet.
    pub fn new(window: Window) -> Self {
        let slices = window.length_ns().div_ceil(SLICE_NS) as usize;
        let slices = ExposedSlices(Vec::with_capacity(slices));
        Self { window, now: 0, most: 0, slices, batches: 0, sum_ns: 0.0, sum_squares: 0.0 }
    }

    /// A batch was acknowledged and is not known as committed.
    pub fn begins(&mut self, at: Stamp) {
        self.pass(at);
        self.now += 1;
        self.look(at);
    }

    /// It is known as committed.
    pub fn ends(&mut self, since: Stamp, at: Stamp) {
        self.pass(at);
        self.now = self.now.saturating_sub(1);
        self.look(at);
        self.add(since, at);
    }

    /// A batch was known as committed before its acknowledgement came: it was never exposed.
    pub fn never(&mut self) {
        self.batches += 1;
    }

    /// Nothing was heard of it until the trial was over.
    pub fn remains(&mut self, since: Stamp) {
        self.add(since, self.window.end.max(since));
    }

    fn add(&mut self, since: Stamp, until: Stamp) {
        let within = |at: Stamp| at.max(self.window.start).min(self.window.end);
        let ns = within(until).since(within(since)) as f64;
        self.batches += 1;
        self.sum_ns += ns;
        self.sum_squares += ns * ns;
    }

    /// Fills the slices that have gone by with what was exposed all through them.
    fn pass(&mut self, at: Stamp) {
        let until = at.min(self.window.end);
        let slices = &mut self.slices.0;
        let reached = until.since(self.window.start).div_ceil(SLICE_NS) as usize;
        while slices.len() < reached {
            slices.push(self.now);
        }
        if self.window.contains(at) {
            self.most = self.most.max(self.now);
        }
    }

    fn look(&mut self, at: Stamp) {
        if self.window.contains(at) {
            self.most = self.most.max(self.now);
            if let Some(slice) = self.slices.0.last_mut() {
                *slice = (*slice).max(self.now);
            }
        }
    }

    /// The figures, when the sample stands for `acked` batches of `batch_metrics` metrics.
    pub fn of(&self, acked: u64, batch_metrics: u32) -> Exposure {
        let n = self.batches as f64;
        if self.batches == 0 {
            return Exposure::default();
        }
        let whole = (acked as f64).max(n);
        let metrics = f64::from(batch_metrics);
        let mean_ns = self.sum_ns / n;
        let variance = (self.sum_squares / n - mean_ns * mean_ns).max(0.0) * n / (n - 1.0).max(1.0);
        let error_ns = Z_975 * (variance / n * (1.0 - n / whole)).sqrt();
        let metric_ms = whole * metrics * mean_ns / 1e6;
        Exposure {
            metric_ms,
            metric_ms_error: whole * metrics * error_ns / 1e6,
            metrics_mean: metric_ms / (self.window.length_ns().max(1) as f64 / 1e6),
            metrics_max: self.most as f64 * whole / n * metrics,
        }
    }

    /// From `last_fault` until no more was exposed than at most before `first_fault`, both from
    /// the start of the window; none: it did not get there within the window, or nothing was
    /// seen before.
    pub fn recovery_ns(&self, first_fault_ns: u64, last_fault_ns: u64) -> Option<u64> {
        let slices = &self.slices.0;
        let before = slices.get(..(first_fault_ns / SLICE_NS) as usize)?;
        let usual = before.iter().max()?;
        let from = last_fault_ns.div_ceil(SLICE_NS) as usize;
        let after = slices.get(from..)?.iter().position(|exposed| exposed <= usual)?;
        let end_ns = (from + after) as u64 * SLICE_NS;
        Some(end_ns.saturating_sub(last_fault_ns))
    }
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg64;
    use rand_pcg::rand_core::{Rng, SeedableRng};

    use super::*;

    const MS: u64 = 1_000_000;
    const WINDOW: Window = Window { start: Stamp(1_000 * MS), end: Stamp(2_000 * MS) };

    fn ms(ms: u64) -> Stamp {
        Stamp(ms * MS)
    }

    #[test]
    fn the_integral_is_cut_by_the_window() {
        let mut exposed = Exposed::new(WINDOW);
        // 100 ms of it before the window; 50 within; 30 within and the rest after.
        exposed.begins(ms(900));
        exposed.ends(ms(900), ms(1_050));
        exposed.begins(ms(1_970));
        exposed.never();
        exposed.ends(ms(1_970), ms(2_500));
        let seen = exposed.of(3, 10);
        assert!((seen.metric_ms - 800.0).abs() < 1e-6, "{seen:?}");
        assert!((seen.metrics_mean - 0.8).abs() < 1e-9);
        assert!(seen.metric_ms_error.abs() < 1e-9, "all of them were in the sample: {seen:?}");
        assert!((seen.metrics_max - 10.0).abs() < 1e-9);
    }

    #[test]
    fn what_was_never_heard_of_counts_to_the_end_of_the_window() {
        let mut exposed = Exposed::new(WINDOW);
        exposed.begins(ms(1_600));
        exposed.remains(ms(1_600));
        assert!((exposed.of(1, 1).metric_ms - 400.0).abs() < 1e-6);
        let nothing = Exposed::new(WINDOW).of(10, 1);
        assert_eq!(nothing, Exposure::default());
    }

    #[test]
    fn recovery_is_back_to_what_was_usual() {
        let mut exposed = Exposed::new(WINDOW);
        let mut held = Vec::new();
        for at in (1_000..2_000).step_by(10) {
            exposed.begins(ms(at));
            held.push(ms(at));
            // Nothing is committed from 300 to 600 ms; then all of it in one go, at 650.
            if !(1_300..1_650).contains(&at) {
                held.drain(..).for_each(|since| exposed.ends(since, ms(at)));
            }
        }
        let recovered = exposed.recovery_ns(300 * MS, 600 * MS);
        assert!(recovered.is_some_and(|ns| (50 * MS..=150 * MS).contains(&ns)), "{recovered:?}");
        assert_eq!(exposed.recovery_ns(300 * MS, 2_000 * MS), None);
    }

    /// Of made-up populations: how often the interval holds the truth.
    #[test]
    fn the_error_covers_what_it_says() {
        let mut random = Pcg64::seed_from_u64(7);
        let draws = 400;
        let mut held = 0;
        for _ in 0..draws {
            let (mut sampled, mut truth_ms, mut at) = (Exposed::new(WINDOW), 0.0, 0);
            for batch in 0..4_000_u64 {
                // Commits of 40 batches: all of one commit are exposed alike.
                if batch % 40 == 0 {
                    at = 1_000 * MS + random.next_u64() % (900 * MS);
                }
                let lasts = 1_000 * (1 + (batch / 40 * 7_919) % 60_000);
                truth_ms += lasts as f64 / 1e6;
                if random.next_u64() % 10 == 0 {
                    sampled.add(Stamp(at), Stamp(at + lasts));
                }
            }
            let seen = sampled.of(4_000, 1);
            held += u32::from((seen.metric_ms - truth_ms).abs() <= seen.metric_ms_error);
        }
        assert!(f64::from(held) / f64::from(draws) >= 0.92, "{held} of {draws}");
    }
}
