//! Bodies and runs for the cases.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use tailrace_contract::{AttributeValue, Metric, Producer, RunId, codec::Codec};

use crate::Subject;
use crate::client::Connection;

/// A run that nobody used before, also not in a log that outlives this program.
pub(crate) fn new_run() -> RunId {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    RunId((now << 32) | u128::from(COUNT.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff))
}

/// Makes the body of a producer's batch.
pub(crate) type Made = fn(&str, u64) -> Vec<u8>;

/// Metrics in each batch of [`batch`].
pub(crate) const METRICS: u64 = 2;

/// A valid body.
pub(crate) fn batch(producer: &str, seq: u64) -> Vec<u8> {
    batch_in(Codec::Json, producer, seq)
}

/// The same batch in either codec.
pub(crate) fn batch_in(codec: Codec, producer: &str, seq: u64) -> Vec<u8> {
    let metric = |name: &str| Metric {
        name: name.into(),
        value: seq as f64,
        time_ms: None,
        attributes: Vec::new(),
    };
    let metrics = ["cpu", "memory"].map(metric);
    let mut body = Vec::with_capacity(128);
    codec.encode_batch(&Producer(producer.into()), seq, &metrics, &mut body);
    body
}

/// A batch whose one metric is as wide as about thirty thousand bytes: few of them fill a socket.
pub(crate) fn wide_batch(producer: &str, seq: u64) -> Vec<u8> {
    let text = AttributeValue::Text("x".repeat(1_000).into());
    let attributes = (0..30).map(|n| (format!("key{n}").into(), text.clone())).collect();
    let metric = Metric { name: "wide".into(), value: seq as f64, time_ms: None, attributes };
    let mut body = Vec::with_capacity(32 << 10);
    Codec::Json.encode_batch(&Producer(producer.into()), seq, &[metric], &mut body);
    body
}

/// Sends the sequences from 0 for each of so many producers, one connection a producer, and
/// checks that all are acknowledged.
pub(crate) async fn send_all(
    subject: &dyn Subject,
    run: RunId,
    producers: u64,
    batches: u64,
) -> Result<()> {
    send_made(subject, run, (producers, 0..batches), batch).await
}

/// The same with sequences and batches of one's own.
pub(crate) async fn send_made(
    subject: &dyn Subject,
    run: RunId,
    (producers, sequences): (u64, Range<u64>),
    batch: Made,
) -> Result<()> {
    let each = (0..producers).map(|producer| (producer, sequences.clone()));
    let each = each.map(|(producer, sequences)| async move {
        let name = format!("p{producer}");
        let mut connection = Connection::open(subject, Some(run)).await?;
        let requests = sequences.map(|seq| (seq, batch(&name, seq)));
        let answers = connection.exchange(requests).await?;
        let refused = answers.iter().find(|(_, status)| *status != 202);
        ensure!(refused.is_none(), "{name}: not acknowledged (sequence, status): {refused:?}");
        anyhow::Ok(())
    });
    try_join_all(each).await.map(drop)
}
