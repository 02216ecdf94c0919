//! Batch to bytes, for producers and the load generator.

use crate::{Metric, Producer};

/// Appends the whole body of a batch.
pub fn encode_batch(producer: &Producer, seq: u64, metrics: &[Metric], out: &mut Vec<u8>) {
    encode_head(producer, seq, out);
    // Finite numbers and strings always serialize, and memory always takes them.
    serde_json::to_writer(&mut *out, metrics).unwrap_or_default();
    encode_tail(out);
}

/// Appends what stands before the array of metrics: with prepared metrics a body costs a
/// copy and one number. Producer names need no escaping.
pub fn encode_head(producer: &Producer, seq: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"producer\":\"");
    out.extend_from_slice(producer.0.as_bytes());
    out.extend_from_slice(b"\",\"seq\":");
    out.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
    out.extend_from_slice(b",\"metrics\":");
}

/// Appends what stands after the array of metrics.
pub fn encode_tail(out: &mut Vec<u8>) {
    out.push(b'}');
}
