//! Where accepted batches go. A log coalesces what is in flight by itself: one append a
//! batch is the caller's view, one flush a group of them is the log's.
//!
//! A log announces what it appended on the bus that it was made with: over Redis the
//! announcement rides in the next flush, which only the log can arrange.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::{Audit, BatchId, Group, Metric, Position, Promise, RunId, Survives, Tenant};

/// A future behind a pointer: what lets logs and buses be chosen while the program runs.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A validated batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Who it is.
    pub id: BatchId,
    /// The server's wall clock when it was admitted, in milliseconds since 1970: the time
    /// of metrics that bring none. Never used for measuring.
    pub received_ms: u64,
    /// 1 to [`crate::limits::BATCH_METRICS_MAX`].
    pub metrics: Vec<Metric>,
}

/// An ordered, bounded record of batches.
pub trait Log: Send + Sync {
    /// What an appended batch outlives.
    fn survives(&self) -> Survives;

    /// How far a batch has come when its append resolves. A log that is [`Promise::Committed`]
    /// writes to a store itself: it keeps a repeated batch once, and has no groups.
    fn promise(&self) -> Promise {
        Promise::Appended
    }

    /// Appends one batch; `body` is what it was decoded from, in either codec, for logs that
    /// keep bytes. Resolves when [`Log::survives`] and [`Log::promise`] hold for it. Back-pressure:
    /// at the log's limit the answer is [`LogError::Full`] at once. Dropping the future does not
    /// take the batch back: it may or may not be appended.
    fn append(&self, batch: Batch, body: Bytes) -> BoxFuture<'static, Result<Position, LogError>>;

    /// Up to `limit` batches after `after`, oldest first; what was trimmed is missing.
    fn after(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Batch)>, LogError>>;

    /// What the log holds of a run, everything appended before the call included: of one tenant's
    /// batches, or of all.
    fn audit(
        &self,
        run: RunId,
        tenant: Option<Tenant>,
    ) -> BoxFuture<'static, Result<Audit, LogError>>;

    /// A group of readers by its name. One that is new begins with the oldest entry that the log
    /// still has, never with those that are appended from now on. A log that commits itself
    /// leaves nothing to be carried, and answers [`LogError::NoGroups`].
    fn group(&self, name: &str) -> BoxFuture<'static, Result<Arc<dyn Group>, LogError>>;

    /// Asks the log's real parts whether they work.
    fn health(&self) -> BoxFuture<'static, Result<LogHealth, LogError>>;
}

/// What a healthy log says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogHealth {
    /// For people: "memory", or the version and persistence of the Redis that answered.
    pub description: String,
    /// Batches that are in the log now.
    pub entries: u64,
    /// Batches that wait to be flushed.
    pub waiting: u64,
}

/// Why a log refused or failed. Either way the batch was not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// At its limit.
    #[error("the log is full: {what}")]
    Full {
        /// Which limit, with its figure.
        what: String,
    },
    /// The backend cannot be reached or did not answer; the batch may be stored or not.
    #[error("the log cannot be reached: {cause}")]
    Unreachable {
        /// What was seen.
        cause: String,
    },
    /// It refuses this content, and would refuse it again: only logs that commit themselves can
    /// say so in time.
    #[error("the log refuses this batch: {cause}")]
    Refused {
        /// What was seen.
        cause: String,
    },
    /// It has no groups of readers.
    #[error(
        "this log has no groups of readers: what it acknowledged is in the store already, and \
         nothing is left for a worker"
    )]
    NoGroups,
    /// The backend answered something that makes no sense here.
    #[error("the log answered with an error: {cause}")]
    Backend {
        /// What was seen.
        cause: String,
    },
}
