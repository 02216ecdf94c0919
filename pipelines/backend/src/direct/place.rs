//! Places for batches that wait for their commit. A store has so many connections and not more, so
//! a sender that is faster than the store fills what may wait; then it is told at once, instead of
//! waiting for a turn that comes after it has given up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tailrace_contract::LogError;

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    batches_max: usize,
    bytes_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    batches: usize,
    bytes: usize,
}

/// A place of one batch. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    of: Arc<Places>,
    bytes: usize,
}

impl Places {
    pub(super) fn new(batches_max: usize, bytes_max: usize) -> Self {
        Self { batches_max, bytes_max, taken: Mutex::default() }
    }

    /// Batches that wait or are being committed.
    pub(super) fn taken(&self) -> u64 {
        self.lock().batches as u64
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // A panic while holding it leaves two counters: still usable.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A place for a body of so many bytes.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn take(of: &Arc<Places>, bytes: usize) -> Result<Self, LogError> {
        let mut taken = of.lock();
        if taken.batches >= of.batches_max || taken.bytes + bytes > of.bytes_max {
            let what = format!(
                "{} of {} batches and {} of {} bytes wait to be committed; send more slowly and \
                 try again",
                taken.batches, of.batches_max, taken.bytes, of.bytes_max
            );
            return Err(LogError::Full { what });
        }
        taken.batches += 1;
        taken.bytes += bytes;
        drop(taken);
        Ok(Self { of: Arc::clone(of), bytes })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.lock();
        taken.batches -= 1;
        taken.bytes -= self.bytes;
    }
}
