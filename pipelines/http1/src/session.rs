//! What the two halves of a connection must tell each other: the service (which sees
//! requests) and the socket (which sees bytes). Atomics, because hyper stands between them;
//! they are never contended, both run in one task. Read next: `socket.rs`.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};

/// What the connection is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// The next request's head (or nothing at all: idle).
    Head = 0,
    /// The rest of a body.
    Body = 1,
    /// The promise of the log.
    Log = 2,
}

/// State of one connection.
#[derive(Debug, Default)]
pub(crate) struct Session {
    phase: AtomicU8,
    heads: AtomicU64,
    unread: AtomicBool,
}

impl Session {
    pub(crate) fn enter(&self, phase: Phase) {
        if phase == Phase::Body {
            self.heads.store(self.heads() + 1, Relaxed);
        }
        self.phase.store(phase as u8, Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Head,
            1 => Phase::Body,
            _ => Phase::Log,
        }
    }

    /// Heads that were read completely.
    pub(crate) fn heads(&self) -> u64 {
        self.heads.load(Relaxed)
    }

    /// A request was answered before its body was read.
    pub(crate) fn leave_unread(&self) {
        self.unread.store(true, Relaxed);
    }

    pub(crate) fn is_unread(&self) -> bool {
        self.unread.load(Relaxed)
    }
}
