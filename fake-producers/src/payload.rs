//! Bodies for the load generator, prepared before the clock runs: writing one costs a copy
//! and a number. The metrics are those of a [`Fleet`]; their times repeat with the payloads.

use tailrace_contract::codec::Codec;
use tailrace_contract::{Metric, Producer, limits::BATCH_METRICS_MAX};

use crate::fleet::{Fleet, FleetConfig};

/// Hosts whose metrics are mixed into the payloads: enough that neighbours differ.
const HOSTS: usize = 100;

/// Prepared arrays of metrics.
#[derive(Debug, Clone)]
pub struct Payloads {
    codec: Codec,
    arrays: Vec<Box<[u8]>>,
}

/// Payloads that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// An empty batch or one too large.
    #[error("{seen} metrics a batch: a batch holds 1 to {BATCH_METRICS_MAX}")]
    Metrics {
        /// What was asked for.
        seen: usize,
    },
    /// No payload to choose from.
    #[error("no payloads were asked for; prepare at least one")]
    Count,
}

impl Payloads {
    /// Prepares `count` arrays of `metrics_per_batch` metrics; all are kept in memory. A metric is
    /// about 180 bytes as JSON and 130 as `MessagePack`. Byte-identical for the same four
    /// arguments; the metrics are the same in both codecs.
    ///
    /// # Errors
    /// No payloads, or a batch that no server would take.
    pub fn new(
        seed: u64,
        metrics_per_batch: usize,
        count: usize,
        codec: Codec,
    ) -> Result<Self, PayloadError> {
        if !(1..=BATCH_METRICS_MAX).contains(&metrics_per_batch) {
            return Err(PayloadError::Metrics { seen: metrics_per_batch });
        }
        if count == 0 {
            return Err(PayloadError::Count);
        }
        let config = FleetConfig { seed, hosts: HOSTS, ..FleetConfig::default() };
        // This configuration is always valid: an error would leave the arrays empty.
        let mut metrics = Fleet::new(config).into_iter().flat_map(all_metrics);
        let array = |_| metrics.by_ref().take(metrics_per_batch).collect::<Vec<_>>();
        let arrays = (0..count).map(array).map(|metrics| encoded(codec, &metrics)).collect();
        Ok(Self { codec, arrays })
    }

    /// Appends the whole body of a batch. A retry of the same sequence gets the same bytes.
    pub fn write_body(&self, producer: &Producer, seq: u64, out: &mut Vec<u8>) {
        self.codec.encode_head(producer, seq, out);
        out.extend_from_slice(self.metrics(seq));
        self.codec.encode_tail(out);
    }

    /// The array of metrics in the batch of this sequence, without its head.
    pub fn metrics(&self, seq: u64) -> &[u8] {
        &self.arrays[(seq % self.arrays.len() as u64) as usize]
    }

    /// How they are written.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The prepared arrays, in the order of the sequences that use them.
    pub fn arrays(&self) -> impl Iterator<Item = &[u8]> {
        self.arrays.iter().map(|array| &**array)
    }
}

/// The metrics of a fleet, one by one, without end.
fn all_metrics(mut fleet: Fleet) -> impl Iterator<Item = Metric> {
    std::iter::from_fn(move || {
        let mut batch = Vec::new();
        fleet.next_batch(&mut batch).map(|_| batch)
    })
    .flatten()
}

fn encoded(codec: Codec, metrics: &[Metric]) -> Box<[u8]> {
    let mut array = Vec::new();
    codec.encode_metrics(metrics, &mut array);
    array.into()
}
