//! The one clock. Every stamp of a run is taken by the load generator's process from the
//! monotonic clock, so that differences of stamps are durations. There is no wall time and no
//! trait here: the arithmetic of this crate takes stamps as values, and tests make them up.
//! Read [`crate::schedule`] next.

use rustix::time::{ClockId, clock_gettime};

/// A moment: nanoseconds of the monotonic clock, whose zero means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp(pub u64);

impl Stamp {
    /// Nanoseconds from `earlier` to here; 0 when `earlier` is in fact later.
    #[must_use]
    pub fn since(self, earlier: Stamp) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment so many nanoseconds later.
    #[must_use]
    pub fn plus(self, ns: u64) -> Stamp {
        Stamp(self.0.saturating_add(ns))
    }
}

/// The moment at which it is called. Costs about 25 ns, without entering the kernel.
#[must_use]
pub fn now() -> Stamp {
    let time = clock_gettime(ClockId::Monotonic);
    // The monotonic clock starts at boot: neither part is ever negative.
    Stamp(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_never_wrap() {
        assert_eq!(Stamp(7).since(Stamp(3)), 4);
        assert_eq!(Stamp(3).since(Stamp(7)), 0);
        assert_eq!(Stamp(3).plus(4), Stamp(7));
        assert_eq!(Stamp(3).plus(u64::MAX), Stamp(u64::MAX));
    }

    #[test]
    fn now_never_goes_back() {
        let first = now();
        assert!(first.0 > 0);
        assert!(now() >= first);
    }
}
