//! Reading the stream back: replay and audit. Both page through it, so that neither Redis nor
//! this process holds more than a page at once.

use std::collections::BTreeMap;

use redis::{Value, cmd};
use tailrace_contract::{Audit, Batch, LogError, Position, Producer, ProducerAudit, RunId, Tenant};

use super::entry::Stored;
use super::link::Link;

/// Entries of one XRANGE: long enough to make the round trip cheap, short enough that Redis
/// serves others in between.
pub(super) const PAGE_ENTRIES: usize = 1_000;

/// The entries after a position, oldest first, at most `count`.
///
/// An entry that is not a batch is an error: somebody else writes under this prefix.
pub(super) async fn page(
    link: &Link,
    stream: &str,
    after: Position,
    count: usize,
) -> Result<Vec<Stored>, LogError> {
    let mut question = cmd("XRANGE");
    question.arg(stream).arg(format!("({after}")).arg("+").arg("COUNT").arg(count);
    let entries: Vec<Value> = link.ask(&question).await?;
    entries
        .into_iter()
        .map(|entry| Stored::from_value(entry).ok_or_else(|| foreign(stream)))
        .collect()
}

fn foreign(stream: &str) -> LogError {
    let cause = format!("{stream} holds an entry that is no batch; does another program use it?");
    LogError::Backend { cause }
}

/// The batches after a position.
pub(super) async fn after(
    link: &Link,
    stream: &str,
    mut after: Position,
    limit: usize,
) -> Result<Vec<(Position, Batch)>, LogError> {
    let mut batches = Vec::new();
    while batches.len() < limit {
        let wanted = (limit - batches.len()).min(PAGE_ENTRIES);
        let entries = page(link, stream, after, wanted).await?;
        let full = entries.len() == wanted;
        for entry in entries {
            after = entry.position;
            batches.push(entry.into_batch().ok_or_else(|| foreign(stream))?);
        }
        if !full {
            break;
        }
    }
    Ok(batches)
}

/// What the stream holds of a run: of one tenant's batches, or of all.
pub(super) async fn audit(
    link: &Link,
    stream: &str,
    (run, tenant): (RunId, Option<Tenant>),
) -> Result<Audit, LogError> {
    let is_wanted = |entry: &Stored| {
        entry.id.run == run && tenant.as_ref().is_none_or(|tenant| *tenant == entry.id.tenant)
    };
    let mut accounts = BTreeMap::<Producer, ProducerAudit>::new();
    let mut after = Position::default();
    loop {
        let entries = page(link, stream, after, PAGE_ENTRIES).await?;
        let Some(last) = entries.last() else { break };
        after = last.position;
        for entry in entries.into_iter().filter(is_wanted) {
            let producer = entry.id.producer;
            let account = accounts
                .entry(producer)
                .or_insert_with_key(|producer| ProducerAudit::new(producer.clone()));
            account.add(entry.id.seq, entry.metrics);
        }
    }
    Ok(Audit { run, producers: accounts.into_values().collect() })
}
