//! What a log holds of one run. The load generator compares it with what was acknowledged.

use serde::{Deserialize, Serialize};

use crate::{Producer, RangeSet, RunId};

/// Answer of `GET /v1/audit/{run}`: counted after everything appended before the request
/// was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The run that was asked for.
    pub run: RunId,
    /// One entry a producer, ordered by name.
    pub producers: Vec<ProducerAudit>,
}

/// What the log holds of one producer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerAudit {
    /// The producer's name.
    pub producer: Producer,
    /// Sequences that are present at least once.
    pub present: RangeSet,
    /// Sequences that are present more than once.
    pub repeated: RangeSet,
    /// Metrics in the present batches, repeats included.
    pub metrics: u64,
    /// Batches whose sequence was smaller than one already present.
    pub out_of_order: u64,
}

impl ProducerAudit {
    /// An empty account.
    pub fn new(producer: Producer) -> Self {
        let (present, repeated) = (RangeSet::default(), RangeSet::default());
        Self { producer, present, repeated, metrics: 0, out_of_order: 0 }
    }

    /// Accounts one batch in the order of the log.
    pub fn add(&mut self, seq: u64, metrics: u64) {
        self.metrics += metrics;
        if self.present.ranges().last().is_some_and(|&(_, last)| seq < last) {
            self.out_of_order += 1;
        }
        if !self.present.insert(seq) {
            self.repeated.insert(seq);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_repeats_gaps_and_disorder() {
        let mut account = ProducerAudit::new(Producer("p".into()));
        for seq in [0, 1, 3, 2, 3, 6] {
            account.add(seq, 2);
        }
        assert_eq!(account.present.ranges(), [(0, 3), (6, 6)]);
        assert_eq!(account.repeated.ranges(), [(3, 3)]);
        assert_eq!((account.metrics, account.out_of_order), (12, 1));
    }
}
