//! What should come out of a trial on a server of known behaviour. [`crate::simulate`] makes it,
//! [`crate::calibration`] holds what was measured against it.

use crate::quantile::rank;

/// What should come out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theory {
    /// Due in the window.
    pub due: u64,
    /// Due to acknowledged, of those that did not overflow, ascending.
    pub ack_ns: Vec<u64>,
}

impl Theory {
    /// The value at a quantile: rank ⌈q·N⌉ as everywhere. None where it overflowed.
    #[must_use]
    pub fn ns_at(&self, q: f64) -> Option<u64> {
        self.ns_at_rank(rank(q, self.due))
    }

    /// The value at a rank, counted from 1.
    #[must_use]
    pub fn ns_at_rank(&self, rank: u64) -> Option<u64> {
        self.ack_ns.get(usize::try_from(rank.max(1)).ok()? - 1).copied()
    }

    /// The largest, unless batches overflowed.
    #[must_use]
    pub fn max_ns(&self) -> Option<u64> {
        self.ns_at_rank(self.due)
    }
}
