//! One-metric batches and their bodies, for every test of this crate.

use bytes::Bytes;
use tailrace_contract::{Batch, BatchId, Metric, Producer, RunId, Tenant, codec::Codec};

pub(crate) fn batch(run: u128, producer: &str, seq: u64) -> Batch {
    let (tenant, producer) = (Tenant::open(), Producer(producer.into()));
    let id = BatchId { tenant, run: RunId(run), producer, seq };
    let (name, value) = ("cpu.user".into(), seq as f64);
    let metric = Metric { name, value, time_ms: Some(1), attributes: Vec::new() };
    Batch { id, received_ms: 1_700_000_000_000, metrics: vec![metric] }
}

pub(crate) fn body(batch: &Batch) -> Bytes {
    let mut out = Vec::new();
    Codec::Json.encode_batch(&batch.id.producer, batch.id.seq, &batch.metrics, &mut out);
    out.into()
}
