//! When the generator slept. It tells the kernel the next due time and sleeps until then, or until an
//! answer is there, whichever comes first. What happens meanwhile ought to wake it at once; where it
//! did not, because the timer was late or the core ran somebody else, that was the machine. What came
//! before it lay down is not looked at: whoever sleeps beside an answer has nobody else to blame. Read
//! next: [`crate::simulate`].

use crate::clock::Stamp;

/// Who is woken sooner was woken as usual: a third of the error that passes for a wake-up or two.
const LATE_NS_MIN: u64 = 50_000;
/// Sixteen megabytes. Who sleeps more often has no account of it.
const SLEEPS_MAX: usize = 1 << 20;

/// The sleeps of one event loop, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sleeps {
    sleeps: Vec<Sleep>,
    overflowed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sleep {
    from: Stamp,
    woken: Stamp,
}

impl Sleeps {
    /// None so far, and room for all that are kept: growing in the middle of a trial would copy
    /// megabytes, and be late for it.
    #[must_use]
    pub fn with_room() -> Self {
        Self { sleeps: Vec::with_capacity(SLEEPS_MAX), overflowed: false }
    }

    /// It lay down at `from` and was `woken` now.
    pub fn slept(&mut self, from: Stamp, woken: Stamp) {
        // In a shorter one nothing can have been late.
        if woken.since(from) < LATE_NS_MIN {
            return;
        }
        self.overflowed |= self.sleeps.len() == SLEEPS_MAX;
        if !self.overflowed {
            self.sleeps.push(Sleep { from, woken });
        }
    }

    /// Whether all of them are known.
    #[must_use]
    pub fn are_complete(&self) -> bool {
        !self.overflowed
    }

    /// When what happened at `at` could be seen: at once, but if it ought to have woken the generator
    /// and did so late, then.
    #[must_use]
    pub fn seen(&self, at: Stamp) -> Stamp {
        let next = self.sleeps.partition_point(|sleep| sleep.woken < at);
        match self.sleeps.get(next) {
            Some(&Sleep { from, woken }) if from <= at && woken.since(at) >= LATE_NS_MIN => woken,
            _ => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: u64 = 1_000;

    #[test]
    fn what_happens_while_it_sleeps_is_seen_when_it_is_woken() {
        let mut sleeps = Sleeps::default();
        for (from_us, woken_us) in [(1_000, 1_500), (2_000, 2_049), (3_000, 9_000)] {
            sleeps.slept(Stamp(from_us * US), Stamp(woken_us * US));
        }
        let seen_us = |at_us| sleeps.seen(Stamp(at_us * US)).0 / US;
        // Before it lies down and after it woke; what wakes it as usual; a sleep of no length.
        let at_once = [0, 999, 1_451, 1_500, 1_501, 2_000, 2_999, 8_951, 9_001];
        assert_eq!(at_once.map(seen_us), at_once);
        let late = [1_000, 1_450, 3_000, 8_950];
        assert_eq!(late.map(seen_us), [1_500, 1_500, 9_000, 9_000]);
        assert_eq!(Sleeps::default().seen(Stamp(7)), Stamp(7));
    }

    #[test]
    fn an_account_that_overflowed_is_none() {
        let mut sleeps = Sleeps::with_room();
        for sleep in 0..=SLEEPS_MAX as u64 {
            assert!(sleeps.are_complete());
            sleeps.slept(Stamp(sleep * 2 * LATE_NS_MIN), Stamp((sleep * 2 + 1) * LATE_NS_MIN));
        }
        assert!(!sleeps.are_complete());
        assert_eq!(sleeps.sleeps.len(), SLEEPS_MAX);
    }
}
