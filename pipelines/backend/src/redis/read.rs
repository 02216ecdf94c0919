//! Reading the stream back: replay and audit. Both page through it, so that neither Redis nor
//! this process holds more than a page at once.

use std::collections::BTreeMap;

use redis::{Value, cmd};
use tailrace_contract::{Audit, Batch, LogError, Position, Producer, ProducerAudit, RunId, Tenant};

use super::entry::{self, Stored};
use super::info::strange;
use super::link::Link;

/// Entries of one XRANGE: long enough to make the round trip cheap, short enough that Redis
/// serves others in between.
pub(super) const PAGE_ENTRIES: usize = 1_000;

/// One page of the stream.
#[derive(Debug)]
pub(super) struct Page {
    /// The batches of the page.
    pub(super) batches: Vec<Stored>,
    /// The last entry, batch or not: where the next page begins. None: there are no more.
    pub(super) last: Option<Position>,
}

/// The batches among the next `count` entries after a position, oldest first. An entry that is
/// no batch is passed: it belongs to nobody, and entries never change, so no batch hides in it.
pub(super) async fn page(
    link: &Link,
    stream: &str,
    after: Position,
    count: usize,
) -> Result<Page, LogError> {
    let mut question = cmd("XRANGE");
    question.arg(stream).arg(format!("({after}")).arg("+").arg("COUNT").arg(count);
    let entries: Vec<Value> = link.ask(&question).await?;
    let mut page = Page { batches: Vec::new(), last: None };
    for value in entries {
        let (position, entry) =
            entry::read(value).ok_or_else(|| strange(&"XRANGE gave what is no entry"))?;
        page.last = Some(position);
        match entry {
            Ok(batch) => page.batches.push(batch),
            Err(foreign) => tracing::debug!(%position, reason = %foreign.reason, "passed"),
        }
    }
    Ok(page)
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
        let page = page(link, stream, after, wanted).await?;
        batches.extend(page.batches.into_iter().filter_map(Stored::into_batch));
        let Some(last) = page.last else { break };
        after = last;
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
        let page = page(link, stream, after, PAGE_ENTRIES).await?;
        let Some(last) = page.last else { break };
        after = last;
        for entry in page.batches.into_iter().filter(is_wanted) {
            let producer = entry.id.producer;
            let account = accounts
                .entry(producer)
                .or_insert_with_key(|producer| ProducerAudit::new(producer.clone()));
            account.add(entry.id.seq, entry.metrics);
        }
    }
    Ok(Audit { run, producers: accounts.into_values().collect() })
}
