//! Rows and rollups to aggregates. What is kept is bounded: answers by the question's limit, and
//! the values of percentiles by [`PERCENTILE_VALUES_MAX`].

use std::collections::BTreeMap;

use tailrace_contract::history::{AggregateQuery, Aggregated};
use tailrace_contract::{SmolStr, StoreError};

use super::buckets::bucket_start;
use super::rollup::Rollup;

/// Values that one question about percentiles may hold in memory: exact percentiles need them all
/// at once. 80 MB.
pub(super) const PERCENTILE_VALUES_MAX: usize = 10_000_000;

/// The shares of p50, p95 and p99.
const SHARES: [f64; 3] = [0.50, 0.95, 0.99];

/// The answers to one question, while they are being computed.
#[derive(Debug)]
pub(super) struct Answers<'a> {
    query: &'a AggregateQuery,
    found: BTreeMap<(u64, Option<SmolStr>), (Rollup, Vec<f64>)>,
    values: usize,
}

impl<'a> Answers<'a> {
    pub(super) fn new(query: &'a AggregateQuery) -> Self {
        Self { query, found: BTreeMap::new(), values: 0 }
    }

    /// Takes in one value.
    ///
    /// # Errors
    /// More answers than the limit, or more values than percentiles are computed of.
    pub(super) fn value(
        &mut self,
        time_ms: u64,
        group: Option<SmolStr>,
        value: f64,
    ) -> Result<(), StoreError> {
        let wanted = self.query.percentiles;
        self.values += usize::from(wanted);
        if self.values > PERCENTILE_VALUES_MAX {
            return Err(too_many_values());
        }
        let values = self.merge(time_ms, group, Rollup::of(value))?;
        if wanted {
            values.push(value);
        }
        Ok(())
    }

    /// Takes in a rollup of values that lie in one bucket.
    ///
    /// # Errors
    /// More answers than the limit.
    pub(super) fn rollup(&mut self, time_ms: u64, rollup: Rollup) -> Result<(), StoreError> {
        self.merge(time_ms, None, rollup).map(|_| ())
    }

    fn merge(
        &mut self,
        time_ms: u64,
        group: Option<SmolStr>,
        more: Rollup,
    ) -> Result<&mut Vec<f64>, StoreError> {
        use std::collections::btree_map::Entry;
        let (full, limit) = (self.found.len() >= self.query.limit, self.query.limit);
        match self.found.entry((bucket_start(self.query, time_ms), group)) {
            Entry::Occupied(entry) => {
                let (rollup, values) = entry.into_mut();
                rollup.merge(more);
                Ok(values)
            }
            Entry::Vacant(_) if full => Err(too_many_answers(limit)),
            Entry::Vacant(entry) => Ok(&mut entry.insert((more, Vec::new())).1),
        }
    }

    /// All answers, in order of time, then group.
    pub(super) fn finish(self) -> Vec<Aggregated> {
        let wanted = self.query.percentiles;
        self.found
            .into_iter()
            .map(|((start_ms, group), (rollup, mut values))| {
                let Rollup { count, sum, min, max } = rollup;
                let percentiles = wanted.then(|| percentiles(&mut values));
                Aggregated { start_ms, group, count, sum, min, max, percentiles }
            })
            .collect()
    }
}

pub(super) fn too_many_answers(limit: usize) -> StoreError {
    let cause = format!(
        "the question has more than {limit} answers; take wider buckets, a shorter range, or an \
         attribute with fewer values"
    );
    StoreError::Refused { cause }
}

fn too_many_values() -> StoreError {
    let cause = format!(
        "percentiles of more than {PERCENTILE_VALUES_MAX} values are not computed in one question; \
         take a shorter range or one name"
    );
    StoreError::Refused { cause }
}

/// By nearest rank: the smallest value with at least that share of all at or below it. There is
/// at least one value.
fn percentiles(values: &mut [f64]) -> [f64; 3] {
    values.sort_unstable_by(f64::total_cmp);
    SHARES.map(|share| {
        let rank = (share * values.len() as f64).ceil() as usize;
        values[rank.clamp(1, values.len()) - 1]
    })
}

#[cfg(test)]
mod tests {
    use tailrace_contract::history::{Filter, Range};

    use super::*;

    fn query(limit: usize) -> AggregateQuery {
        AggregateQuery {
            range: Range { from_ms: 5, to_ms: 1_000 },
            filter: Filter::default(),
            bucket_ms: Some(100),
            group_by: None,
            percentiles: true,
            limit,
        }
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "percentiles are values that went in")]
    fn percentiles_are_values_that_occurred() {
        let mut hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentiles(&mut hundred), [50.0, 95.0, 99.0]);
        assert_eq!(percentiles(&mut [7.0]), [7.0; 3]);
        assert_eq!(percentiles(&mut [2.0, 1.0]), [1.0, 2.0, 2.0]);
        assert_eq!(percentiles(&mut [3.0, 1.0, 2.0]), [2.0, 3.0, 3.0]);
    }

    #[test]
    fn answers_come_in_order_of_time_then_group() {
        let query = query(4);
        let mut answers = Answers::new(&query);
        for (time, group) in [(250, Some("b")), (10, None), (299, Some("a")), (99, None)] {
            answers.value(time, group.map(Into::into), time as f64).unwrap();
        }
        let found: Vec<_> = answers
            .finish()
            .into_iter()
            .map(|a| (a.start_ms, a.group.map(|g| g.to_string()), a.count, a.sum))
            .collect();
        let group = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [(0, None, 2, 109.0), (200, group("a"), 1, 299.0), (200, group("b"), 1, 250.0)]
        );
    }

    #[test]
    fn one_answer_too_many_is_refused_not_cut() {
        let query = query(2);
        let mut answers = Answers::new(&query);
        for time in [0, 100, 101] {
            answers.value(time, None, 1.0).unwrap();
        }
        assert!(matches!(answers.value(200, None, 1.0), Err(StoreError::Refused { .. })));
    }
}
