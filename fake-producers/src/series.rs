//! The arithmetic behind believable series: a daily shape, noise that remembers, values that
//! stay in range. Only additions, multiplications, divisions and square roots, which IEEE 754
//! defines to the last bit: sines and logarithms differ between platforms, and then bodies
//! would not be byte-identical for a seed. Read [`crate::hosts`] next.

use rand_core::Rng;
use rand_pcg::Pcg32;

/// Share of the day's peak at each full hour of local time: quiet at night, a rise in the
/// morning, a dip at lunch, the peak in the evening.
const DAY: [f64; 24] = [
    0.38, 0.31, 0.26, 0.23, 0.22, 0.25, 0.33, 0.46, 0.61, 0.73, 0.80, 0.83, //
    0.78, 0.80, 0.84, 0.86, 0.88, 0.91, 0.96, 1.00, 0.97, 0.86, 0.68, 0.51,
];
const HOUR_MS: u64 = 3_600_000;

/// A generator of its own for each part of a fleet. PCG streams of one state are correlated,
/// so both halves are scrambled first. Never `StdRng`: its algorithm may change.
pub(crate) fn generator(seed: u64, part: u64) -> Pcg32 {
    let state = scramble(seed ^ scramble(part));
    Pcg32::new(state, scramble(state))
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014): every input bit moves every
/// output bit.
pub(crate) fn scramble(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Evenly in `0.0..1.0`.
pub(crate) fn unit(rng: &mut Pcg32) -> f64 {
    f64::from(rng.next_u32()) / 4_294_967_296.0
}

/// Evenly in `low..high`.
pub(crate) fn between(rng: &mut Pcg32, low: f64, high: f64) -> f64 {
    low + (high - low) * unit(rng)
}

/// Evenly one of a list that is not empty.
pub(crate) fn pick<T: Copy>(rng: &mut Pcg32, list: &[T]) -> T {
    list[((u64::from(rng.next_u32()) * list.len() as u64) >> 32) as usize]
}

/// A bell curve of mean 0 and deviation 1 that never leaves ±2√3: the sum of four uniforms.
/// Its missing tails would never be noticed in noise, and it needs no logarithm.
fn bell(rng: &mut Pcg32) -> f64 {
    let sum: f64 = (0..4).map(|_| unit(rng)).sum();
    (sum - 2.0) * 3.0_f64.sqrt()
}

/// Share of the day's peak at a time, for a place so many hours ahead of UTC.
pub(crate) fn daily(time_ms: u64, hours_ahead: u64) -> f64 {
    let since_midnight_ms = (time_ms + hours_ahead * HOUR_MS) % (24 * HOUR_MS);
    let hour = (since_midnight_ms / HOUR_MS) as usize;
    let part = (since_midnight_ms % HOUR_MS) as f64 / HOUR_MS as f64;
    DAY[hour] + (DAY[(hour + 1) % 24] - DAY[hour]) * part
}

/// How much of its last value a quantity with memory keeps after `step_s`, when it forgets
/// within about `memory_s`.
pub(crate) fn keep(step_s: f64, memory_s: f64) -> f64 {
    memory_s / (memory_s + step_s)
}

/// First-order autoregressive noise of mean 0: near in time means near in value.
#[derive(Debug, Clone)]
pub(crate) struct Noise {
    value: f64,
    keep: f64,
    kick: f64,
}

impl Noise {
    /// Noise of a stationary `deviation`, remembered for about `memory_s`.
    pub(crate) fn new(deviation: f64, memory_s: f64, step_s: f64) -> Self {
        let keep = keep(step_s, memory_s);
        Self { value: 0.0, keep, kick: deviation * (1.0 - keep * keep).sqrt() }
    }

    /// The next value.
    pub(crate) fn next(&mut self, rng: &mut Pcg32) -> f64 {
        self.value = self.keep * self.value + self.kick * bell(rng);
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_continuous_and_local() {
        for minute in 0..24 * 60 {
            let (a, b) = (daily(minute * 60_000, 0), daily((minute + 1) * 60_000, 0));
            assert!((a - b).abs() < 0.01 && (0.2..=1.0).contains(&a), "minute {minute}: {a} {b}");
        }
        assert!((daily(3 * HOUR_MS, 16) - 1.0).abs() < 1e-12, "19:00 local is the peak");
    }

    #[test]
    fn noise_has_its_deviation_and_remembers() {
        let mut rng = generator(1, 2);
        let mut noise = Noise::new(2.0, 30.0, 1.0);
        let values: Vec<f64> = (0..200_000).map(|_| noise.next(&mut rng)).collect();
        let power = |lag: usize| {
            let pairs = values.iter().zip(&values[lag..]);
            pairs.map(|(a, b)| a * b).sum::<f64>() / values.len() as f64
        };
        let (variance, near, far) = (power(0), power(1), power(1_000));
        assert!((3.2..4.8).contains(&variance), "{variance}");
        assert!((0.94..1.0).contains(&(near / variance)), "{near}");
        assert!((far / variance).abs() < 0.15, "{far}");
    }

    #[test]
    fn generators_of_neighbours_differ() {
        let first = |seed, part| generator(seed, part).next_u64();
        assert_ne!(first(1, 0), first(1, 1));
        assert_ne!(first(1, 1), first(2, 1));
        assert_eq!(first(3, 4), first(3, 4));
    }
}
