//! Batch to bytes, for producers and the load generator. A body is a head, the array of its
//! metrics and a tail: with prepared metrics it costs a copy and one number.

use super::{Codec, msgpack};
use crate::{Metric, Producer};

impl Codec {
    /// Appends the whole body of a batch.
    pub fn encode_batch(
        self,
        producer: &Producer,
        seq: u64,
        metrics: &[Metric],
        out: &mut Vec<u8>,
    ) {
        self.encode_head(producer, seq, out);
        self.encode_metrics(metrics, out);
        self.encode_tail(out);
    }

    /// Appends what stands before the array of metrics. Producer names need no escaping.
    pub fn encode_head(self, producer: &Producer, seq: u64, out: &mut Vec<u8>) {
        match self {
            Self::Json => {
                out.extend_from_slice(b"{\"producer\":\"");
                out.extend_from_slice(producer.0.as_bytes());
                out.extend_from_slice(b"\",\"seq\":");
                out.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
                out.extend_from_slice(b",\"metrics\":");
            }
            Self::Msgpack => msgpack::write_head(producer, seq, out),
        }
    }

    /// Appends the array of metrics, which is a body too.
    pub fn encode_metrics(self, metrics: &[Metric], out: &mut Vec<u8>) {
        match self {
            // Finite numbers and strings always serialize, and memory always takes them.
            Self::Json => serde_json::to_writer(out, metrics).unwrap_or_default(),
            Self::Msgpack => msgpack::write_metrics(metrics, out),
        }
    }

    /// Appends what stands after the array of metrics.
    pub fn encode_tail(self, out: &mut Vec<u8>) {
        match self {
            Self::Json => out.push(b'}'),
            Self::Msgpack => {}
        }
    }
}
