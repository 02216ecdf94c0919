//! Whether a member leads its group: of work that one must do alone. Asked of the log now and
//! then, long before the lease is over; a log that does not answer leaves what was known until
//! then, and nothing after it.

use std::time::Duration;

use tokio::time::Instant;

use crate::claim::Source;

/// Questions within one lease: two may go unanswered before the lead is lost.
pub(crate) const ASKED_A_LEASE: u32 = 3;

/// What a member knows of its lead.
#[derive(Debug)]
pub(crate) struct Lead {
    lease: Duration,
    /// Until when it leads, counted from before the question.
    until: Instant,
    ask_at: Instant,
}

impl Lead {
    /// Leads nothing yet.
    pub(crate) fn new(lease: Duration) -> Self {
        let now = Instant::now();
        Self { lease, until: now, ask_at: now }
    }

    /// Whether this member leads now; asks if it is time.
    pub(crate) async fn holds(&mut self, source: &Source) -> bool {
        let now = Instant::now();
        if now >= self.ask_at {
            self.ask_at = now + self.lease / ASKED_A_LEASE;
            match source.group.lead(&source.member, self.lease).await {
                Ok(true) => self.until = now + self.lease,
                Ok(false) => self.until = now,
                Err(error) => tracing::debug!(%error, "the log does not say who leads"),
            }
        }
        Instant::now() < self.until
    }

    /// When to ask again.
    pub(crate) fn ask_at(&self) -> Instant {
        self.ask_at
    }
}
