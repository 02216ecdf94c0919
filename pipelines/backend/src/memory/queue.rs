//! The front of the memory log, and the count of what is unread. One lock, one push: this is on
//! the path of every acknowledgement. Next: `consumer`.

use tailrace_contract::{Batch, LogError, Position};

use super::MemoryLimits;

/// Batches in order, and the bodies they were decoded from, one behind the other: copies,
/// because a slice of a network buffer would keep the whole buffer alive, and in one piece,
/// because an allocation for each would be the dearest part of an append.
#[derive(Debug, Default)]
pub(super) struct Unread {
    pub(super) batches: Vec<(Batch, usize)>,
    pub(super) bodies: Vec<u8>,
}

impl Unread {
    /// Forgets the contents and keeps at most `batches` and `bytes` of memory for the next use.
    pub(super) fn reuse(&mut self, batches: usize, bytes: usize) {
        self.batches.clear();
        self.batches.shrink_to(batches);
        self.bodies.clear();
        self.bodies.shrink_to(bytes);
    }
}

/// Batches that the consumer has not taken in, counted until it has, and with groups until the
/// slowest of them has acknowledged.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Unread,
    /// Waiting ones, those that the consumer holds but has not taken in yet, and those that some
    /// group has not finished.
    unread: usize,
    unread_bytes: usize,
    appended: u64,
    sleeping: bool,
}

/// A successful push.
pub(super) struct Pushed {
    pub(super) position: Position,
    /// The consumer sleeps; wake it once the lock is released.
    pub(super) wake: bool,
}

impl Queue {
    /// Inlined into the one place that appends, also when the compiler splits the crate between
    /// the two.
    #[inline]
    pub(super) fn push(
        &mut self,
        batch: Batch,
        body: &[u8],
        limits: &MemoryLimits,
    ) -> Result<Pushed, LogError> {
        let body_bytes = body.len();
        if self.unread >= limits.unread_max
            || self.unread_bytes + body_bytes > limits.unread_bytes_max
        {
            return Err(self.full(limits));
        }
        self.unread += 1;
        self.unread_bytes += body_bytes;
        self.appended += 1;
        self.waiting.batches.push((batch, body_bytes));
        self.waiting.bodies.extend_from_slice(body);
        let wake = std::mem::take(&mut self.sleeping);
        Ok(Pushed { position: Position { major: 0, minor: self.appended }, wake })
    }

    #[cold]
    fn full(&self, limits: &MemoryLimits) -> LogError {
        let what = format!(
            "{} of {} batches and {} of {} bytes are unread; send more slowly and try again",
            self.unread, limits.unread_max, self.unread_bytes, limits.unread_bytes_max
        );
        LogError::Full { what }
    }

    /// Gives the consumer everything that waits, in exchange for an empty list whose memory is
    /// used again. Nothing waiting: the consumer is going to sleep.
    pub(super) fn take(&mut self, empty: &mut Unread) -> bool {
        self.sleeping = self.waiting.batches.is_empty();
        std::mem::swap(&mut self.waiting, empty);
        !self.sleeping
    }

    /// A new group begins with so many batches that had been read before it came.
    pub(super) fn hold(&mut self, batches: usize, body_bytes: usize) {
        self.unread += batches;
        self.unread_bytes += body_bytes;
    }

    /// So many batches of so many bytes are read: nobody needs them any more.
    pub(super) fn read(&mut self, batches: usize, body_bytes: usize) {
        self.unread -= batches;
        self.unread_bytes -= body_bytes;
    }

    /// Batches appended since the start: the minor part of the last position.
    pub(super) fn appended(&self) -> u64 {
        self.appended
    }

    pub(super) fn unread(&self) -> usize {
        self.unread
    }
}
