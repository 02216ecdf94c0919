//! How late the server and the generator of a calibration were, so that [`crate::simulate`] can say
//! what that made of each latency.

use crate::clock::Stamp;
use crate::journal::Journal;
use crate::sleeps::Sleeps;

/// How late both sides were, each by its own account.
#[derive(Debug, Clone, Copy)]
pub struct Late<'a> {
    /// Each request is read, and each answer given, as late as the server's own clock says that it was.
    pub journal: &'a Journal,
    /// Where it was woken late, the generator releases then what was due, and sees then what the
    /// server's journal says was answered meanwhile.
    pub sleeps: &'a Sleeps,
    /// What a batch costs the generator. Those that piled up while it slept, and those that are due
    /// before they are worked off, leave one after the other; all others cost it nothing here.
    pub batch_ns: u64,
}

impl Late<'_> {
    /// How late an answer was seen, after it was given.
    pub(crate) fn unseen_ns(&self, sequence: u64) -> u64 {
        let given = self.journal.given(sequence);
        given.map_or(0, |given| self.sleeps.seen(given.at).since(given.at))
    }

    /// Whether the generator was woken late for a batch: to release it, or for its answer.
    #[must_use]
    pub fn was_late_for(&self, sequence: u64, intended: Stamp) -> bool {
        self.sleeps.seen(intended) > intended || self.unseen_ns(sequence) > 0
    }
}
