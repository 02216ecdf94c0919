//! What was acknowledged reaches those who work behind the log.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tailrace_contract::codec::{self, Codec};
use tailrace_contract::{Delivery, Group, Log, LogError, Metric, RunId};

use crate::client::Connection;
use crate::traffic::{batch_in, new_run};
use crate::{PATIENCE, Subject};

/// Batches of each codec in each half.
const BATCHES: u64 = 50;
/// One producer a codec, so that a body can be made again from what was read.
const PRODUCERS: [(&str, Codec); 2] = [("text", Codec::Json), ("packed", Codec::Msgpack)];
/// Entries of one read: several reads for what is sent.
const AT_ONCE: usize = 32;

/// Half is sent before the group is known and half after: each batch is given to one of two
/// members, once, as it was sent.
pub(crate) async fn every_acknowledged_batch_is_given_to_one_member(
    subject: &dyn Subject,
) -> Result<()> {
    let run = new_run();
    send(subject, run, 0..BATCHES).await?;
    if subject.commits_first() {
        return nothing_is_left(subject).await;
    }
    let group = subject.gate().group(&format!("given-{run}")).await?;
    send(subject, run, BATCHES..BATCHES * 2).await?;
    let mut given = BTreeMap::new();
    for member in ["one", "two"].into_iter().cycle() {
        for delivery in read_own(&*group, member, run).await? {
            let (producer, seq, metrics) = content(&delivery)?;
            let twice = given.insert((producer.clone(), seq), metrics.clone());
            ensure!(twice.is_none(), "{producer} {seq} was given twice");
            ensure!(metrics == sent(&producer, seq)?, "{producer} {seq} came as {metrics:?}");
            ensure!(delivery.deliveries == 1, "{producer} {seq}: {} times", delivery.deliveries);
        }
        if given.len() as u64 == BATCHES * 2 * PRODUCERS.len() as u64 {
            break;
        }
    }
    Ok(())
}

/// A member takes everything and is never heard of again.
pub(crate) async fn what_a_dead_member_held_is_claimed(subject: &dyn Subject) -> Result<()> {
    if subject.commits_first() {
        return nothing_is_left(subject).await;
    }
    let run = new_run();
    let group = subject.gate().group(&format!("claimed-{run}")).await?;
    send(subject, run, 0..BATCHES).await?;
    let mut held = Vec::new();
    while (held.len() as u64) < BATCHES * PRODUCERS.len() as u64 {
        held.extend(read_own(&*group, "dead", run).await?);
    }
    let mut claimed = Vec::new();
    while claimed.len() < held.len() {
        let some = group.claim("heir", Duration::ZERO, AT_ONCE).await?;
        ensure!(!some.is_empty(), "{} of {} were left for dead", claimed.len(), held.len());
        group.acknowledge(some.iter().map(|delivery| delivery.position).collect()).await?;
        claimed.extend(some.into_iter().filter(|delivery| is_of(delivery, run)));
    }
    let contents = |list: &[Delivery]| list.iter().map(content).collect::<Result<Vec<_>>>();
    ensure!(contents(&held)? == contents(&claimed)?, "the heir was given something else");
    ensure!(claimed.iter().all(|delivery| delivery.deliveries > 1), "claims are not counted");
    let lag = group.lag().await?;
    ensure!(lag.pending == 0, "what was acknowledged is still pending: {lag:?}");
    Ok(())
}

/// What is in a store when it is acknowledged needs no reader: the log says so.
async fn nothing_is_left(subject: &dyn Subject) -> Result<()> {
    match subject.gate().group("nobody").await {
        Err(LogError::NoGroups) => Ok(()),
        Err(other) => Err(other).context("asked for a group"),
        Ok(_) => anyhow::bail!("it commits before it answers, and still has a group"),
    }
}

async fn send(subject: &dyn Subject, run: RunId, seqs: std::ops::Range<u64>) -> Result<()> {
    let mut connection = Connection::open(subject, Some(run)).await?;
    let bodies = seqs
        .flat_map(|seq| PRODUCERS.map(|(producer, codec)| (seq, batch_in(codec, producer, seq))));
    let answers = connection.exchange(bodies).await?;
    let refused = answers.iter().find(|(_, status)| *status != 202);
    ensure!(refused.is_none(), "not acknowledged (sequence, status): {refused:?}");
    Ok(())
}

/// The next entries of this run; the log may hold those of others.
async fn read_own(group: &dyn Group, member: &str, run: RunId) -> Result<Vec<Delivery>> {
    let deliveries = group.read(member, AT_ONCE, PATIENCE).await?;
    ensure!(!deliveries.is_empty(), "nothing more came within {PATIENCE:?}");
    Ok(deliveries.into_iter().filter(|delivery| is_of(delivery, run)).collect())
}

/// An unreadable one counts as this run's: nobody else writes what cannot be read.
fn is_of(delivery: &Delivery, run: RunId) -> bool {
    delivery.content.as_ref().map_or(true, |batch| batch.id.run == run)
}

fn content(delivery: &Delivery) -> Result<(String, u64, Vec<Metric>)> {
    let batch = delivery.content.as_ref();
    let batch = batch.map_err(|unreadable| anyhow::anyhow!("{}", unreadable.reason))?;
    Ok((batch.id.producer.0.to_string(), batch.id.seq, batch.metrics.clone()))
}

/// The metrics that this producer sent.
fn sent(producer: &str, seq: u64) -> Result<Vec<Metric>> {
    let known = PRODUCERS.iter().find(|(name, _)| *name == producer);
    let (name, codec) = known.with_context(|| format!("{producer:?} sent nothing"))?;
    let decoded = codec::decode(&batch_in(*codec, name, seq));
    Ok(decoded.map_err(|refused| anyhow::anyhow!(refused.problem.detail))?.metrics)
}
