//! Questions about stored metrics, and their answers: the vocabulary between the query routes and
//! a [`crate::store::Store`]. Times are milliseconds since 1970 in UTC. A metric without a time
//! counts at the time when its batch was received.

use serde::Serialize;
use smol_str::SmolStr;

use crate::{BatchId, Metric};

/// A stretch of time, its end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Range {
    /// First millisecond.
    pub from_ms: u64,
    /// First millisecond after it.
    pub to_ms: u64,
}

impl Range {
    /// Whether both hold a common moment.
    pub fn overlaps(self, other: Self) -> bool {
        self.from_ms < other.to_ms && other.from_ms < self.to_ms
    }
}

/// Which metrics are meant; empty: all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
pub struct Filter {
    /// Whose name.
    pub name: Option<NameFilter>,
    /// Attributes that a metric must have with exactly this value. A number or flag is written
    /// as in JSON: `200`, `true`; it matches that number or flag and the text alike.
    pub attributes: Vec<(SmolStr, SmolStr)>,
}

/// Which names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum NameFilter {
    /// This name.
    Exactly(SmolStr),
    /// Names that begin so: `event.` for all events.
    Prefix(SmolStr),
}

/// Asks for metrics, newest first; equal times: the one stored last first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MetricsQuery {
    /// When.
    pub range: Range,
    /// Which.
    pub filter: Filter,
    /// Rows answered at most, at least 1.
    pub limit: usize,
    /// Go on behind this row.
    pub after: Option<Cursor>,
}

/// The place of a row in the order of [`MetricsQuery`]. It stays valid while metrics come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The row's time.
    pub time_ms: u64,
    /// The store's number of the row's batch.
    pub batch: i64,
    /// The row's place in its batch.
    pub index: u32,
}

/// One page of metrics.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricsPage {
    /// The rows.
    pub rows: Vec<MetricRow>,
    /// Where the next page begins; none: this was the last.
    pub next: Option<Cursor>,
}

/// A stored metric with its origin.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRow {
    /// The batch that brought it.
    pub id: BatchId,
    /// Its time, or that of its batch's arrival.
    pub time_ms: u64,
    /// The metric; its time is that of the body, if it had one.
    pub metric: Metric,
}

/// Asks for aggregates.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AggregateQuery {
    /// When.
    pub range: Range,
    /// Which metrics.
    pub filter: Filter,
    /// Width of a bucket in milliseconds; buckets begin at multiples of it since 1970. None: one
    /// bucket for the whole range, which begins with it.
    pub bucket_ms: Option<u64>,
    /// One answer a value of this attribute; metrics without it share one.
    pub group_by: Option<SmolStr>,
    /// Whether p50, p95 and p99 are wanted: they need the raw rows.
    pub percentiles: bool,
    /// Answers at most; one more is refused, not cut off.
    pub limit: usize,
}

/// What the metrics of one bucket (and group) came to. Buckets without metrics are absent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Aggregated {
    /// Start of the bucket.
    pub start_ms: u64,
    /// Value of the attribute that was grouped by, as text.
    pub group: Option<SmolStr>,
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Percentiles by nearest rank (the smallest value with at least that share at or below it),
    /// where they were wanted: p50, p95, p99.
    pub percentiles: Option<[f64; 3]>,
}

/// What the metrics of one name came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NameSummary {
    /// The name.
    pub name: SmolStr,
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Time of the newest minute that has one.
    pub last_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_only_touch_do_not_overlap() {
        let range = |from_ms, to_ms| Range { from_ms, to_ms };
        assert!(range(0, 10).overlaps(range(9, 20)));
        assert!(!range(0, 10).overlaps(range(10, 20)));
        assert!(!range(10, 20).overlaps(range(0, 10)));
    }
}
