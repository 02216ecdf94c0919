//! The window of a trial, the stamps of an acknowledged batch, and the ways in which a batch ends
//! without. Plain data; [`crate::recorder`] counts it.

use crate::clock::Stamp;

/// The batches that count are those due from `start` on and before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First moment of it.
    pub start: Stamp,
    /// First moment after it.
    pub end: Stamp,
}

impl Window {
    /// Whether a batch due at that moment counts.
    #[must_use]
    pub fn contains(&self, intended: Stamp) -> bool {
        self.start <= intended && intended < self.end
    }

    /// Its length in nanoseconds.
    #[must_use]
    pub fn length_ns(&self) -> u64 {
        self.end.since(self.start)
    }
}

/// The life of an acknowledged batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// The schedule's time.
    pub intended: Stamp,
    /// The generator is awake and has the bytes ready.
    pub released: Stamp,
    /// The first byte went to the socket.
    pub sent: Stamp,
    /// The acknowledgement was read.
    pub acked: Stamp,
}

/// Why a batch was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Answered with this status.
    Refused(u16),
    /// Not answered within the timeout.
    TimedOut,
    /// Its connection broke after it was sent.
    Broken,
    /// Never sent: too many were waiting.
    Overflowed,
    /// Unanswered when the trial had to end.
    Censored,
}
