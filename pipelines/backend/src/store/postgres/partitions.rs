//! A partition for each day of metrics, made ahead where the day is foreseen and on demand where
//! it is not. What has none goes to the partition for all others: slower to ask, never lost.
//! TimescaleDB makes its own.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tailrace_contract::{Batch, StoreError};

use super::fault::store_error;
use super::pool::Session;
use crate::store::buckets::{HOUR_MS, floor};

/// Milliseconds of a partition: a day can be dropped at once when it is too old.
const DAY_MS: u64 = 24 * HOUR_MS;
/// Partitions up to which days far from today get one: times are the clients' own, and every
/// partition costs every question some planning. More than a year.
const PARTITIONS_MAX: usize = 400;
/// How long making one may wait for readers to finish.
const LOCK_TIMEOUT_MS: u64 = 2_000;

/// What this process knows of the partitions.
#[derive(Debug)]
pub(super) struct Partitions {
    /// Days that need no thought: their partition is there, or cannot be made. None: the table
    /// takes care of itself.
    settled: Option<Mutex<BTreeSet<u64>>>,
}

impl Partitions {
    /// Looks how the table is divided, and makes the partitions of today and tomorrow.
    pub(super) async fn open(session: &Session) -> Result<Self, StoreError> {
        let kind = "SELECT relkind::text FROM pg_class WHERE oid = 'metrics'::regclass";
        let row = session.client.query_one(kind, &[]).await.map_err(|error| store_error(&error))?;
        let is_native = row.get::<_, &str>(0) == "p";
        let partitions = Self { settled: is_native.then(Mutex::default) };
        partitions.settle(session, BTreeSet::from([today()])).await?;
        Ok(partitions)
    }

    /// For people.
    pub(super) fn describe(&self) -> &'static str {
        if self.settled.is_some() { "native partitions" } else { "TimescaleDB" }
    }

    /// Makes what these batches need. Must not run inside a transaction.
    pub(super) async fn prepare(
        &self,
        session: &Session,
        batches: &[Batch],
    ) -> Result<(), StoreError> {
        let times = batches.iter().flat_map(|batch| {
            batch.metrics.iter().map(|metric| metric.time_ms.unwrap_or(batch.received_ms))
        });
        let mut days = BTreeSet::new();
        let mut last = None;
        for day in times.map(|time| floor(time, DAY_MS)) {
            // Nearly always the day of the one before.
            if last != Some(day) {
                days.insert(day);
                last = Some(day);
            }
        }
        self.settle(session, days).await
    }

    async fn settle(&self, session: &Session, days: BTreeSet<u64>) -> Result<(), StoreError> {
        for day in self.unsettled(days) {
            match self.add(session, day).await {
                Ok(()) => {}
                // Readers hold it, or it has rows among the others: the rows go there.
                Err(error) if error.code().is_some() => {
                    tracing::warn!(%error, day, "no partition for a day");
                }
                Err(error) => return Err(store_error(&error)),
            }
            self.note(day);
        }
        Ok(())
    }

    fn unsettled(&self, days: BTreeSet<u64>) -> BTreeSet<u64> {
        let Some(settled) = &self.settled else { return BTreeSet::new() };
        let settled = settled.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted: BTreeSet<u64> =
            days.into_iter().filter(|day| !settled.contains(day)).collect();
        if wanted.contains(&today()) {
            // Midnight comes, and then nobody should wait.
            wanted.insert(today() + DAY_MS);
        }
        wanted
    }

    async fn add(&self, session: &Session, day: u64) -> Result<(), tokio_postgres::Error> {
        // However many there are: the present is never among the others.
        let is_present = day.abs_diff(today()) <= DAY_MS;
        let add = format!(
            "SET lock_timeout = {LOCK_TIMEOUT_MS};
             SELECT add_partition({day}) WHERE {is_present} OR
                 (SELECT count(*) FROM pg_inherits WHERE inhparent = 'metrics'::regclass)
                 <= {PARTITIONS_MAX}"
        );
        let added = session.client.batch_execute(&add).await;
        session.client.batch_execute("RESET lock_timeout").await?;
        added
    }

    fn note(&self, day: u64) {
        if let Some(settled) = &self.settled {
            settled.lock().unwrap_or_else(PoisonError::into_inner).insert(day);
        }
    }
}

fn today() -> u64 {
    // A clock before 1970 has no day worth a partition.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    floor(now.as_millis() as u64, DAY_MS)
}
