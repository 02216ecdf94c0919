//! The log's own account agrees with what was acknowledged.

use anyhow::{Result, ensure};

use crate::Subject;
use crate::client::Connection;
use crate::observer::{self, Feed};
use crate::traffic::{METRICS, batch, new_run, send_all};

/// Acknowledged means present, once.
pub(crate) async fn audit_sees_every_acknowledged_batch_once(subject: &dyn Subject) -> Result<()> {
    const PRODUCERS: u64 = 4;
    const BATCHES: u64 = 200;
    let run = new_run();
    send_all(subject, run, PRODUCERS, BATCHES).await?;
    let audit = observer::audit(subject, run).await?;
    let names: Vec<_> = audit.producers.iter().map(|p| p.producer.0.to_string()).collect();
    ensure!(names == ["p0", "p1", "p2", "p3"], "producers: {names:?}");
    for producer in &audit.producers {
        let present = producer.present.ranges();
        ensure!(present == [(0, BATCHES - 1)], "not all there: {producer:?}");
        ensure!(producer.repeated.count() == 0, "some are there twice: {producer:?}");
        ensure!(producer.metrics == BATCHES * METRICS, "metrics: {producer:?}");
    }
    Ok(())
}

/// The log keeps what it is given, and that it came twice must be visible everywhere; only one that
/// commits to a store keeps it once. Either way it is acknowledged, and told in the feed.
pub(crate) async fn a_repeated_batch_is_reported_twice(subject: &dyn Subject) -> Result<()> {
    let run = new_run();
    let mut feed = Feed::open(subject, &format!("view=ids&run={run}")).await?;
    let mut connection = Connection::open(subject, Some(run)).await?;
    for seq in [0, 1, 1, 2] {
        let status = connection.ask(&batch("p", seq)).await?;
        ensure!(status == 202, "sequence {seq} was answered {status}");
        let event = feed.live().await?;
        ensure!(event["seq"] == seq, "expected sequence {seq}, saw {event}");
    }
    let audit = observer::audit(subject, run).await?;
    let [producer] = &audit.producers[..] else { anyhow::bail!("one producer, not {audit:?}") };
    ensure!(producer.present.ranges() == [(0, 2)], "present: {producer:?}");
    let repeated: &[_] = if subject.commits_first() { &[] } else { &[(1, 1)] };
    ensure!(producer.repeated.ranges() == repeated, "repeated: {producer:?}");
    Ok(())
}
