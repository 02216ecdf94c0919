//! What one commit holds, and how much is read for it. Pure arithmetic: no clock, no log.
//! Next: `reader.rs`, which fills it.

use tailrace_contract::{AttributeValue, Delivery, Metric, Position, SmolStr};

use crate::Options;

/// Memory of a metric beside its texts: the structure itself, rounded up.
const METRIC_BYTES: usize = 80;
/// The same for one attribute.
const ATTRIBUTE_BYTES: usize = 56;

/// Deliveries on their way into one commit.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pub(crate) deliveries: Vec<Delivery>,
    metrics: usize,
    bytes: usize,
}

impl Load {
    /// Adds what was read.
    pub(crate) fn add(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let (metrics, bytes) = weight(&delivery);
            self.metrics += metrics;
            self.bytes += bytes;
            self.deliveries.push(delivery);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    pub(crate) fn positions(&self) -> Vec<Position> {
        self.deliveries.iter().map(|delivery| delivery.position).collect()
    }

    /// Whether nothing more belongs into it.
    pub(crate) fn is_full(&self, options: &Options) -> bool {
        self.metrics >= options.commit_metrics || self.bytes >= options.commit_bytes
    }
}

/// Metrics and bytes of memory of one delivery.
fn weight(delivery: &Delivery) -> (usize, usize) {
    match &delivery.content {
        Ok(batch) => (batch.metrics.len(), batch.metrics.iter().map(metric_bytes).sum()),
        Err(unreadable) => (1, unreadable.body.len()),
    }
}

fn metric_bytes(metric: &Metric) -> usize {
    let attribute = |(key, value): &(SmolStr, AttributeValue)| {
        let text = if let AttributeValue::Text(text) = value { text.len() } else { 0 };
        ATTRIBUTE_BYTES + key.len() + text
    };
    METRIC_BYTES + metric.name.len() + metric.attributes.iter().map(attribute).sum::<usize>()
}

/// How many entries to read at once, from how large the last ones were: a read of a hundred of
/// the largest batches would be a hundred megabytes.
#[derive(Debug)]
pub(crate) struct Appetite {
    /// Metrics and bytes of an entry, on average over the last reads.
    metrics: f64,
    bytes: f64,
}

/// Weight of the newest read in the averages: sizes rarely change, and one read of other sizes
/// should not be followed by ten of the wrong length.
const NEWEST: f64 = 0.5;

impl Appetite {
    /// Before anything was read the entries are taken for large ones.
    pub(crate) fn new() -> Self {
        Self { metrics: 500.0, bytes: 100_000.0 }
    }

    /// Entries to ask for.
    pub(crate) fn entries(&self, options: &Options) -> usize {
        let by_metrics = options.commit_metrics as f64 / self.metrics;
        let by_bytes = options.commit_bytes as f64 / self.bytes;
        (by_metrics.min(by_bytes) as usize).clamp(1, options.read_entries)
    }

    /// Learns from what was read.
    pub(crate) fn learn(&mut self, deliveries: &[Delivery]) {
        let mut load = (0, 0);
        for (metrics, bytes) in deliveries.iter().map(weight) {
            load = (load.0 + metrics, load.1 + bytes);
        }
        let mean = |sum: usize| sum.max(1) as f64 / deliveries.len().max(1) as f64;
        self.metrics += NEWEST * (mean(load.0) - self.metrics);
        self.bytes += NEWEST * (mean(load.1) - self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use tailrace_contract::{Batch, BatchId, Producer, RunId, Tenant};

    use super::*;

    fn delivery(metrics: usize) -> Delivery {
        let (tenant, producer) = (Tenant::open(), Producer("p".into()));
        let id = BatchId { tenant, run: RunId(1), producer, seq: 0 };
        let metric =
            Metric { name: "cpu".into(), value: 1.0, time_ms: None, attributes: Vec::new() };
        let batch = Batch { id, received_ms: 0, metrics: vec![metric; metrics] };
        Delivery { position: Position::default(), content: Ok(batch), deliveries: 1 }
    }

    #[test]
    fn a_commit_is_full_by_metrics_or_by_bytes() {
        let check = |metrics, commit_metrics, commit_bytes, full| {
            let options = Options { commit_metrics, commit_bytes, ..Options::new("l") };
            let mut load = Load::default();
            load.add(vec![delivery(metrics)]);
            assert_eq!(load.is_full(&options), full, "{metrics}");
        };
        check(9, 10, 1 << 20, false);
        check(10, 10, 1 << 20, true);
        check(9, 1_000, 9 * (METRIC_BYTES + 3), true);
        check(9, 1_000, 9 * (METRIC_BYTES + 3) + 1, false);
    }

    #[test]
    fn reads_follow_the_size_of_entries() {
        let options = Options::new("l");
        let mut appetite = Appetite::new();
        let mut learn = |metrics| {
            (0..20).for_each(|_| appetite.learn(&[delivery(metrics)]));
            appetite.entries(&options)
        };
        assert_eq!(learn(1), options.read_entries);
        assert_eq!(learn(1_000), options.commit_metrics / 1_000);
        assert_eq!(learn(options.commit_metrics * 2), 1);
    }
}
