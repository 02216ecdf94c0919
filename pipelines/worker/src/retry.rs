//! When to try again: exponential backoff with full jitter, so that many workers do not come
//! back to a store at the same instant. Source: Brooker, "Exponential Backoff and Jitter", AWS
//! Architecture Blog, 2015. It never gives up by itself; whoever retries decides that.

use std::time::Duration;

use rand_core::Rng;
use rand_pcg::Pcg32;

/// The first pause is up to this: a connection that broke is often back at once.
const FIRST: Duration = Duration::from_millis(20);
/// No pause is longer than this: so late, at most, a store's return is noticed.
const LONGEST: Duration = Duration::from_secs(2);
/// What tells generators of one seed apart is the stream; any odd constant serves.
const STREAM: u64 = 0x5eed;

/// The pauses between the tries of one thing after another.
#[derive(Debug)]
pub struct Backoff {
    random: Pcg32,
    bound: Duration,
}

impl Backoff {
    /// Pauses that follow from the seed.
    pub fn new(seed: u64) -> Self {
        Self { random: Pcg32::new(seed, STREAM), bound: FIRST }
    }

    /// The next pause: anything up to a bound that doubles from try to try.
    pub fn next_pause(&mut self) -> Duration {
        let share = f64::from(self.random.next_u32()) / f64::from(u32::MAX);
        let pause = self.bound.mul_f64(share);
        self.bound = (self.bound * 2).min(LONGEST);
        pause
    }

    /// Waits for the next pause.
    pub async fn pause(&mut self) {
        tokio::time::sleep(self.next_pause()).await;
    }

    /// It worked: the next failure begins anew.
    pub fn reset(&mut self) {
        self.bound = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_spread_over_all_of_it() {
        let mut longest = [Duration::ZERO; 12];
        for seed in 0..200 {
            let mut backoff = Backoff::new(seed);
            for (n, longest) in longest.iter_mut().enumerate() {
                let bound = (FIRST * 2_u32.pow(n as u32)).min(LONGEST);
                let pause = backoff.next_pause();
                assert!(pause <= bound, "{n}: {pause:?}");
                *longest = (*longest).max(pause);
            }
        }
        assert!(longest[0] > FIRST.mul_f64(0.9) && longest[11] > LONGEST.mul_f64(0.9));
    }

    #[test]
    fn a_seed_repeats_and_success_begins_anew() {
        let pauses = |seed| {
            let mut backoff = Backoff::new(seed);
            (0..5).map(|_| backoff.next_pause()).collect::<Vec<_>>()
        };
        assert_eq!(pauses(3), pauses(3));
        assert_ne!(pauses(3), pauses(4));
        let mut backoff = Backoff::new(1);
        for _ in 0..9 {
            backoff.next_pause();
        }
        backoff.reset();
        assert!(backoff.next_pause() <= FIRST);
    }
}
