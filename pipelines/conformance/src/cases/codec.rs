//! The codec is no part of a pipeline: each takes both, also mixed on one connection.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use tailrace_contract::codec::Codec;

use crate::Subject;
use crate::client::Connection;
use crate::observer::{self, Feed};
use crate::traffic::{METRICS, batch_in, new_run};

/// Batches of each codec.
const BATCHES: u64 = 16;

/// In turns on one connection: the same batches are acknowledged, announced with the same
/// metrics, and in the audit. What is cut off is refused in both.
pub(crate) async fn msgpack_is_ingested_like_json(subject: &dyn Subject) -> Result<()> {
    const PRODUCERS: [(&str, Codec); 2] = [("text", Codec::Json), ("packed", Codec::Msgpack)];
    let run = new_run();
    let mut feed = Feed::open(subject, "view=full").await?;
    let mut connection = Connection::open(subject, Some(run)).await?;
    for seq in 0..BATCHES {
        for (producer, codec) in PRODUCERS {
            let body = batch_in(codec, producer, seq);
            let status = connection.ask(&body).await?;
            ensure!(status == 202, "{codec:?}, sequence {seq}: expected 202, saw {status}");
            let status = connection.ask(&body[..body.len() - 1]).await?;
            ensure!(status == 400, "{codec:?}, cut off: expected 400, saw {status}");
        }
    }
    let mut seen: BTreeMap<String, Vec<serde_json::Value>> = BTreeMap::new();
    for _ in 0..BATCHES * 2 {
        let event = feed.live().await?;
        let producer = event["producer"].as_str().context("an event without producer")?;
        seen.entry(producer.into()).or_default().push(event["metrics"].clone());
    }
    let told = |producer| seen.get(producer).cloned().unwrap_or_default();
    ensure!(told("text").len() as u64 == BATCHES, "announced: {seen:?}");
    ensure!(told("text") == told("packed"), "the feed tells them differently: {seen:?}");
    let audit = observer::audit(subject, run).await?;
    for producer in &audit.producers {
        ensure!(producer.present.ranges() == [(0, BATCHES - 1)], "not all are there: {audit:?}");
        ensure!(producer.metrics == BATCHES * METRICS, "metrics are missing: {audit:?}");
    }
    ensure!(audit.producers.len() == PRODUCERS.len(), "a producer is missing: {audit:?}");
    Ok(())
}
