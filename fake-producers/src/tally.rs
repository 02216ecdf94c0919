//! What became of every batch. An outcome is data, counted by kind: each batch that was due
//! ends as exactly one of acked, refused, gave up or unsent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Counts of all connections together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Batches handed to a connection; retries do not count again.
    pub sent: u64,
    /// Metrics in them.
    pub metrics: u64,
    /// Batches answered with a status from 200 to 299.
    pub acked: u64,
    /// Batches that the server refused for good, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Batches without an acknowledgement after the last retry, or when the time to drain was
    /// over. The server may hold them all the same.
    pub gave_up: u64,
    /// All answers by status, those that led to a retry included.
    pub answers: BTreeMap<u16, u64>,
    /// Batches sent again, with the same identity.
    pub retries: u64,
    /// Connections opened after the first.
    pub reconnects: u64,
    /// Connections that ended in an error, or with batches unanswered.
    pub broken_connections: u64,
}

impl Tally {
    /// Batches that were refused for good.
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Batches handed over that have no outcome yet.
    pub fn in_flight(&self) -> u64 {
        self.sent - self.acked - self.refused_total() - self.gave_up
    }
}

/// One tally for all connections. A std mutex: it is held for an addition, never across an
/// await, and a lock that is rarely contended costs less than a message.
#[derive(Debug, Clone, Default)]
pub struct SharedTally(Arc<Mutex<Tally>>);

impl SharedTally {
    /// The counts, to be changed.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Tally> {
        // Additions cannot leave a tally half written, so a poisoned one is still right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts now.
    pub fn snapshot(&self) -> Tally {
        self.lock().clone()
    }
}
