//! What one transaction writes: batches whose identity is new, their rows, and what they add to
//! the rollups. Everything or nothing of it.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, TransactionBehavior};
use tailrace_contract::probe::{self, Point};
use tailrace_contract::{Batch, Committed};

use super::ids;
use crate::store::attributes;
use crate::store::rollup::{Increments, Key, Rollup};

const INSERT_BATCH: &str = "insert into batches (tenant, run, producer, seq, received_ms, metrics) \
     values (?1, ?2, ?3, ?4, ?5, ?6) on conflict do nothing returning id";

const INSERT_METRIC: &str = "insert into metrics (id, tenant, name, time_ms, timed, value, attributes) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// Commits the batches of several callers together: the disk is synced once for all. Answers
/// each caller's account.
///
/// # Errors
/// Nothing of any caller is stored then.
pub(super) fn commit<'a>(
    connection: &mut Connection,
    calls: impl Iterator<Item = &'a [Batch]>,
) -> rusqlite::Result<Vec<Committed>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let committed = write(&transaction, calls)?;
    transaction.commit()?;
    Ok(committed)
}

/// As [`commit`], within a transaction that the caller ends.
pub(super) fn write<'a>(
    transaction: &Transaction<'_>,
    calls: impl Iterator<Item = &'a [Batch]>,
) -> rusqlite::Result<Vec<Committed>> {
    let mut increments = Increments::default();
    let mut rows = Rows::new(transaction)?;
    let committed =
        calls.map(|batches| rows.add(batches, &mut increments)).collect::<Result<_, _>>()?;
    roll_up(transaction, "rollups_minute", &increments.minutes())?;
    probe::reached(Point::DuringRollup);
    roll_up(transaction, "rollups_hour", &increments.hours())?;
    probe::reached(Point::BeforeCommit);
    Ok(committed)
}

struct Rows<'a> {
    batch: CachedStatement<'a>,
    metric: CachedStatement<'a>,
}

impl<'a> Rows<'a> {
    fn new(transaction: &'a Transaction<'_>) -> rusqlite::Result<Self> {
        let batch = transaction.prepare_cached(INSERT_BATCH)?;
        Ok(Self { batch, metric: transaction.prepare_cached(INSERT_METRIC)? })
    }

    fn add(
        &mut self,
        batches: &[Batch],
        increments: &mut Increments,
    ) -> rusqlite::Result<Committed> {
        let mut committed = Committed::default();
        for batch in batches {
            let Some(number) = self.insert(batch)? else {
                committed.duplicate += 1;
                continue;
            };
            self.metrics(number, batch)?;
            increments.add(batch);
            committed.new += 1;
            committed.metrics += batch.metrics.len() as u64;
        }
        Ok(committed)
    }

    /// The number of a new batch; none: it is there already.
    fn insert(&mut self, batch: &Batch) -> rusqlite::Result<Option<i64>> {
        let id = &batch.id;
        let run = id.run.hex();
        let run = std::str::from_utf8(&run).unwrap_or_default();
        let (tenant, producer) = (&*id.tenant.0, &*id.producer.0);
        let row = (tenant, run, producer, id.seq, batch.received_ms, batch.metrics.len());
        self.batch.query_row(row, |row| row.get(0)).optional()
    }

    fn metrics(&mut self, number: i64, batch: &Batch) -> rusqlite::Result<()> {
        for (place, metric) in (0..).zip(&batch.metrics) {
            let time_ms = metric.time_ms.unwrap_or(batch.received_ms);
            let attributes =
                (!metric.attributes.is_empty()).then(|| attributes::to_json(&metric.attributes));
            self.metric.execute((
                ids::row(number, place),
                &*batch.id.tenant.0,
                &*metric.name,
                time_ms,
                metric.time_ms.is_some(),
                metric.value,
                attributes,
            ))?;
        }
        Ok(())
    }
}

/// Adds increments. The last two parameters keep a sum finite, see `rollup.rs`.
fn roll_up(
    transaction: &Transaction<'_>,
    table: &str,
    increments: &[(Key, Rollup)],
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(&format!(
        "insert into {table} (tenant, name, start_ms, count, sum, min, max) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict do update set \
         count = count + excluded.count, \
         sum = max(-?8, min(?8, sum + excluded.sum)), \
         min = min(min, excluded.min), max = max(max, excluded.max)"
    ))?;
    for (key, rollup) in increments {
        let (tenant, name, start_ms) = (&*key.tenant.0, &*key.name, key.start_ms);
        let Rollup { count, sum, min, max } = *rollup;
        statement.execute((tenant, name, start_ms, count, sum, min, max, f64::MAX))?;
    }
    Ok(())
}
