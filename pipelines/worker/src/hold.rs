//! Which entries this process has in hand. A worker that waits for its store would otherwise
//! claim its own entries after a while, because the log only knows how long ago they were given.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tailrace_contract::{Delivery, Position};

/// Shared by all members of a worker: they do not rob each other either.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hold(Arc<Mutex<HashSet<Position>>>);

impl Hold {
    /// Keeps of these what is not in hand already, and takes it in hand.
    pub(crate) fn take(&self, mut deliveries: Vec<Delivery>) -> Vec<Delivery> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.retain(|delivery| held.insert(delivery.position));
        deliveries
    }

    /// How many of these are not in hand.
    pub(crate) fn lacks(&self, deliveries: &[Delivery]) -> usize {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.iter().filter(|delivery| !held.contains(&delivery.position)).count()
    }

    /// These were acknowledged, or are left to whoever claims them.
    pub(crate) fn release(&self, positions: &[Position]) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for position in positions {
            held.remove(position);
        }
    }
}
