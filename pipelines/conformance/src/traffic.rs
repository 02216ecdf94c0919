//! Bodies and runs for the cases.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use tailrace_contract::{Metric, Producer, RunId, codec::Codec};

use crate::Subject;
use crate::client::Connection;

/// A run that nobody used before, also not in a log that outlives this program.
pub(crate) fn new_run() -> RunId {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    RunId((now << 32) | u128::from(COUNT.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff))
}

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

/// Sends the sequences from 0 for each of so many producers, one connection a producer, and
/// checks that all are acknowledged.
pub(crate) async fn send_all(
    subject: &dyn Subject,
    run: RunId,
    producers: u64,
    batches: u64,
) -> Result<()> {
    let each = (0..producers).map(|producer| async move {
        let name = format!("p{producer}");
        let mut connection = Connection::open(subject, Some(run)).await?;
        let requests = (0..batches).map(|seq| (seq, batch(&name, seq)));
        let answers = connection.exchange(requests).await?;
        let refused = answers.iter().find(|(_, status)| *status != 202);
        ensure!(refused.is_none(), "{name}: not acknowledged (sequence, status): {refused:?}");
        anyhow::Ok(())
    });
    try_join_all(each).await.map(drop)
}
