//! What the two halves of a connection must tell each other: the socket (which sees bytes) and
//! the session (which sees requests). Atomics, because h2 stands between them; they are never
//! contended, all of it runs in one task. Read next: `socket.rs`.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// State of one connection.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    frames: AtomicU64,
    is_partial: AtomicBool,
    is_flooded: AtomicBool,
    is_write_blocked: AtomicBool,
    writes: AtomicU64,
    is_agreed: AtomicBool,
    incomplete_bytes: AtomicUsize,
}

impl Watch {
    /// The socket read up to here: so many whole frames since the beginning, and perhaps a part
    /// of another frame or of a header block.
    pub(crate) fn note_read(&self, frames: u64, is_partial: bool) {
        self.frames.store(frames, Relaxed);
        self.is_partial.store(is_partial, Relaxed);
    }

    /// Whole frames since the beginning. Those of a header block count when it is complete.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    /// A frame or a header block has begun and is not complete.
    pub(crate) fn is_partial(&self) -> bool {
        self.is_partial.load(Relaxed)
    }

    /// The client sends too many frames that serve nothing.
    pub(crate) fn note_flood(&self) {
        self.is_flooded.store(true, Relaxed);
    }

    pub(crate) fn is_flooded(&self) -> bool {
        self.is_flooded.load(Relaxed)
    }

    /// A write took something, or found the socket full.
    pub(crate) fn note_write(&self, is_blocked: bool) {
        self.is_write_blocked.store(is_blocked, Relaxed);
        self.writes.store(self.writes() + u64::from(!is_blocked), Relaxed);
    }

    /// Writes so far that took something.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Relaxed)
    }

    pub(crate) fn is_write_blocked(&self) -> bool {
        self.is_write_blocked.load(Relaxed)
    }

    /// The client was asked to come to an end: nothing of it will be left unread.
    pub(crate) fn note_agreed(&self) {
        self.is_agreed.store(true, Relaxed);
    }

    pub(crate) fn is_agreed(&self) -> bool {
        self.is_agreed.load(Relaxed)
    }

    /// Adds bytes of an incomplete body; false when they would be more than `max`.
    pub(crate) fn hold(&self, bytes: usize, max: usize) -> bool {
        let sum = self.incomplete_bytes.load(Relaxed) + bytes;
        let fits = sum <= max;
        if fits {
            self.incomplete_bytes.store(sum, Relaxed);
        }
        fits
    }

    /// They are complete, or gone.
    pub(crate) fn let_go(&self, bytes: usize) {
        self.incomplete_bytes.fetch_sub(bytes, Relaxed);
    }
}
