//! Where batches end up, and where history is read from. A batch takes effect once: its identity
//! (tenant, run, producer, sequence) is inserted or found, and only what is new brings rows and
//! rollups, all in one transaction. Questions of history stand in [`crate::history`].

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::history::{AggregateQuery, Aggregated, MetricsPage, MetricsQuery, NameSummary, Range};
use crate::{Audit, Batch, BatchId, BoxFuture, Position, RunId, Survives, Tenant};

/// A durable home of batches. Cheap calls may run side by side; commits may wait for each other.
pub trait Store: Send + Sync {
    /// `sqlite` or `postgres`: what it is called in names, reports and metrics.
    fn name(&self) -> &'static str;

    /// What a committed batch outlives.
    fn survives(&self) -> Survives;

    /// Commits batches in one transaction: rows and rollups of those whose identity is new,
    /// nothing of those that are there already (also when one call holds a batch twice).
    /// Resolves when [`Store::survives`] holds. Dropping the future neither takes the
    /// transaction back nor completes it.
    fn commit(&self, batches: Arc<Vec<Batch>>)
    -> BoxFuture<'static, Result<Committed, StoreError>>;

    /// Keeps entries that cannot be stored, with the reason, for a person to look at. One that is
    /// there already (same log and position) is not kept twice.
    fn bury(&self, letters: Vec<DeadLetter>) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Dead letters with a larger number than `after`, oldest first, at most `limit`.
    fn dead(
        &self,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(i64, DeadLetter)>, StoreError>>;

    /// Commits the batch of a dead letter and removes the letter, in one transaction.
    fn revive(
        &self,
        letter: i64,
        batch: Batch,
    ) -> BoxFuture<'static, Result<Committed, StoreError>>;

    /// What the store holds of a run, for one tenant or for all.
    fn audit(
        &self,
        run: RunId,
        tenant: Option<Tenant>,
    ) -> BoxFuture<'static, Result<Audit, StoreError>>;

    /// Holds every rollup against the sum of its raw rows.
    fn reconcile(&self) -> BoxFuture<'static, Result<Reconciled, StoreError>>;

    /// Metrics of a tenant, newest first.
    fn metrics(
        &self,
        tenant: Tenant,
        query: MetricsQuery,
    ) -> BoxFuture<'static, Result<MetricsPage, StoreError>>;

    /// Aggregates of a tenant's metrics, in order of time, then group.
    fn aggregate(
        &self,
        tenant: Tenant,
        query: AggregateQuery,
    ) -> BoxFuture<'static, Result<Vec<Aggregated>, StoreError>>;

    /// What each metric name of a tenant came to in a range, ordered by name, from rollups of
    /// minutes: the range is widened to whole minutes.
    fn summary(
        &self,
        tenant: Tenant,
        range: Range,
    ) -> BoxFuture<'static, Result<Vec<NameSummary>, StoreError>>;

    /// Asks the store's real parts whether they work.
    fn health(&self) -> BoxFuture<'static, Result<StoreHealth, StoreError>>;
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Committed {
    /// Batches that were stored.
    pub new: u64,
    /// Batches that had been stored before.
    pub duplicate: u64,
    /// Rows of the new batches.
    pub metrics: u64,
}

/// An entry of a log that could not be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Which log: the same position in another log is another letter.
    pub log: String,
    /// Where it stood in that log.
    pub position: Position,
    /// Its identity, where it could be read.
    pub id: Option<BatchId>,
    /// Why it could not be stored, for people.
    pub reason: String,
    /// Its body as it stood in the log.
    pub body: Bytes,
    /// When it arrived (if that is known) and when it was buried, in milliseconds since 1970.
    pub received_ms: Option<u64>,
    /// When it was given up.
    pub buried_ms: u64,
}

/// Rollups against raw rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Reconciled {
    /// Stored batches.
    pub batches: u64,
    /// Raw rows.
    pub metrics: u64,
    /// Rows that the batches say they have; differs from `metrics` if a transaction was torn.
    pub metrics_promised: u64,
    /// Rollups of minutes and hours that were checked.
    pub rollups: u64,
    /// Of those, how many differ from their raw rows (count, smallest, largest, or the sum by
    /// more than the rounding of floating point numbers).
    pub wrong: u64,
    /// Dead letters.
    pub dead: u64,
}

/// What a healthy store says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoreHealth {
    /// For people: version and settings that matter, such as `PostgreSQL 15.14, native partitions`.
    pub description: String,
}

/// Why a store did not do what it was asked. Nothing of a failed commit is stored, except that
/// after [`StoreError::Unreachable`] it may have been.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, is at its limit of connections, or did not answer: try again later.
    #[error("the store cannot be reached: {cause}")]
    Unreachable {
        /// What was seen.
        cause: String,
    },
    /// It refuses this content, and would refuse it again.
    #[error("the store refuses this: {cause}")]
    Refused {
        /// What was seen.
        cause: String,
    },
    /// It failed in a way that makes no sense here.
    #[error("the store failed: {cause}")]
    Backend {
        /// What was seen.
        cause: String,
    },
}
