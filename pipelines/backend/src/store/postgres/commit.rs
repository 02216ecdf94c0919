//! One commit, one transaction: identities first, which tells what is new; then the rows of what
//! is new (`insert.rs`); then rollups. Whatever goes wrong, the connection is closed and PostgreSQL
//! takes everything back.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::join;
use tailrace_contract::probe::{self, Point};
use tailrace_contract::{Batch, BatchId, Committed, Producer, StoreError, Tenant};
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::fault::{silent, store_error};
use super::pool::Session;
use super::sums::Sums;
use super::types::{Uuid, big, int, whole};
use super::{Parts, letters};
use crate::store::poison;

/// A whole commit. Longer than a single statement may take: a large one has a few.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(30);

const IDENTIFY: &str = "INSERT INTO batches (run, tenant, producer, seq, received_ms, metrics) \
     SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::int[]) \
     ON CONFLICT DO NOTHING RETURNING number, run, tenant, producer, seq";

/// A batch that is not there yet.
pub(super) struct New<'a> {
    /// The number that stands for its identity in every row.
    pub(super) number: i64,
    pub(super) batch: &'a Batch,
    /// The number of each metric's name.
    pub(super) names: &'a [i32],
}

/// Commits batches and, with them, removes a dead letter.
pub(super) async fn commit(
    parts: &Parts,
    batches: &[Batch],
    letter: Option<i64>,
) -> Result<Committed, StoreError> {
    batches.iter().try_for_each(poison::check)?;
    let lease = parts.writers.lease().await?;
    let work = write(parts, &lease.session, batches, letter);
    let committed = timeout(COMMIT_TIMEOUT, work).await;
    let committed = committed.unwrap_or_else(|_| Err(silent("a commit", COMMIT_TIMEOUT)))?;
    lease.give_back();
    Ok(committed)
}

async fn write(
    parts: &Parts,
    session: &Session,
    batches: &[Batch],
    letter: Option<i64>,
) -> Result<Committed, StoreError> {
    let names = parts.dictionary.numbers(session, batches).await?;
    parts.partitions.prepare(session, batches).await?;
    let new = begin(session, batches, &names).await?;
    if let Some(letter) = letter {
        letters::remove(session, letter).await?;
    }
    if !new.is_empty() {
        parts.insert.write(session, &new).await?;
        write_rollups(session, &new).await?;
    }
    probe::reached(Point::BeforeCommit);
    session.run("COMMIT").await?;
    let metrics = new.iter().map(|new| new.names.len() as u64).sum();
    let (all, new) = (batches.len() as u64, new.len() as u64);
    Ok(Committed { new, duplicate: all - new, metrics })
}

/// Begins the transaction with the identities; answers which are new, in their order.
async fn begin<'a>(
    session: &Session,
    batches: &'a [Batch],
    names: &'a [i32],
) -> Result<Vec<New<'a>>, StoreError> {
    let ids = || batches.iter().map(|batch| &batch.id);
    let runs: Vec<Uuid> = ids().map(|id| Uuid(id.run)).collect();
    let tenants: Vec<&str> = ids().map(|id| &*id.tenant.0).collect();
    let producers: Vec<&str> = ids().map(|id| id.producer.0.as_str()).collect();
    let seqs: Vec<i64> = ids().map(|id| big(id.seq)).collect();
    let received: Vec<i64> = batches.iter().map(|batch| big(batch.received_ms)).collect();
    let metrics: Vec<i32> = batches.iter().map(|batch| int(batch.metrics.len())).collect();
    let identify = session.statement(IDENTIFY).await?;
    let columns: [&(dyn ToSql + Sync); 6] =
        [&runs, &tenants, &producers, &seqs, &received, &metrics];
    // Sent together: the first says nothing that the second needs.
    let client = &session.client;
    let (begun, inserted) = join!(client.batch_execute("BEGIN"), client.query(&identify, &columns));
    begun.map_err(|error| store_error(&error))?;
    let mut numbers = HashMap::new();
    for row in inserted.map_err(|error| store_error(&error))? {
        numbers.insert(identity(&row)?, row.get::<_, i64>(0));
    }
    Ok(pick(batches, names, numbers))
}

fn identity(row: &Row) -> Result<BatchId, StoreError> {
    Ok(BatchId {
        run: row.get::<_, Uuid>(1).0,
        tenant: Tenant(row.get::<_, &str>(2).into()),
        producer: Producer(row.get::<_, &str>(3).into()),
        seq: whole(row.get(4))?,
    })
}

/// The batches that were given a number; of two with one identity, the first.
fn pick<'a>(
    batches: &'a [Batch],
    mut names: &'a [i32],
    mut numbers: HashMap<BatchId, i64>,
) -> Vec<New<'a>> {
    let mut new = Vec::with_capacity(numbers.len());
    for batch in batches {
        let (own, rest) = names.split_at(batch.metrics.len());
        names = rest;
        if let Some(number) = numbers.remove(&batch.id) {
            new.push(New { number, batch, names: own });
        }
    }
    new
}

async fn write_rollups(session: &Session, new: &[New<'_>]) -> Result<(), StoreError> {
    let mut sums = Sums::default();
    for new in new {
        sums.add(new.batch, new.names);
    }
    sums.add_minutes(session).await?;
    probe::reached(Point::DuringRollup);
    sums.add_hours(session).await
}
