//! What batches add to the rollups of minutes and hours: count, sum, smallest, largest. These are
//! increments of *new* batches, never totals: adding a total again would count everything twice.
//!
//! A sum that would pass the largest number stays at it, in rollups and answers alike: infinity
//! has no JSON, and one such sum must not break everything that is computed from it.

use std::collections::HashMap;

use tailrace_contract::{Batch, SmolStr, Tenant};

use super::buckets::{HOUR_MS, MINUTE_MS, floor};

/// What some values came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rollup {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Rollup {
    /// Of no value: what others are merged into.
    pub(super) const NOTHING: Self =
        Self { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };

    pub(super) fn of(value: f64) -> Self {
        Self { count: 1, sum: value, min: value, max: value }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum = saturating_sum(self.sum, other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

/// The sum of two finite numbers, at most the largest finite one.
pub(super) fn saturating_sum(a: f64, b: f64) -> f64 {
    (a + b).clamp(-f64::MAX, f64::MAX)
}

/// Whose rollup it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) tenant: Tenant,
    pub(super) name: SmolStr,
    /// Where the minute or hour begins.
    pub(super) start_ms: u64,
}

impl Key {
    pub(super) fn is(&self, tenant: &str, name: &str, start_ms: u64) -> bool {
        self.start_ms == start_ms && self.name == name && *self.tenant.0 == *tenant
    }
}

/// Values that a rollup is held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Balance {
    rollup: Rollup,
    /// Sum of the values without their signs: how large the rounding of the sum can be.
    magnitude: f64,
}

impl Balance {
    pub(super) fn of(value: f64) -> Self {
        Self { rollup: Rollup::of(value), magnitude: value.abs() }
    }

    pub(super) fn add(&mut self, value: f64) {
        self.rollup.merge(Rollup::of(value));
        self.magnitude += value.abs();
    }

    /// Whether a rollup says the same, but for the rounding of two sums in different orders: each
    /// is off by at most (n - 1) ε Σ|x|. Source: Higham, "The accuracy of floating point
    /// summation", 1993. Where the magnitude has no number any more, sums cannot be judged.
    #[allow(clippy::float_cmp, reason = "extremes are copied, never computed")]
    pub(super) fn agrees(&self, rollup: &Rollup) -> bool {
        let own = &self.rollup;
        let slack = 2.0 * own.count as f64 * f64::EPSILON * self.magnitude;
        own.count == rollup.count
            && own.min == rollup.min
            && own.max == rollup.max
            && (own.sum - rollup.sum).abs() <= slack
    }
}

/// Increments of one transaction.
#[derive(Debug, Default)]
pub(super) struct Increments {
    minutes: HashMap<Key, Rollup>,
}

impl Increments {
    /// Counts a new batch.
    pub(super) fn add(&mut self, batch: &Batch) {
        for metric in &batch.metrics {
            let start_ms = floor(metric.time_ms.unwrap_or(batch.received_ms), MINUTE_MS);
            let (tenant, name) = (batch.id.tenant.clone(), metric.name.clone());
            merge(&mut self.minutes, Key { tenant, name, start_ms }, Rollup::of(metric.value));
        }
    }

    /// By minute, sorted: every writer then takes rows in the same order, and none waits for
    /// another in a circle.
    pub(super) fn minutes(&self) -> Vec<(Key, Rollup)> {
        sorted(self.minutes.clone())
    }

    /// The same by hour.
    pub(super) fn hours(&self) -> Vec<(Key, Rollup)> {
        let mut hours = HashMap::new();
        for (key, rollup) in &self.minutes {
            let start_ms = floor(key.start_ms, HOUR_MS);
            merge(&mut hours, Key { start_ms, ..key.clone() }, *rollup);
        }
        sorted(hours)
    }
}

fn merge(rollups: &mut HashMap<Key, Rollup>, key: Key, more: Rollup) {
    rollups.entry(key).and_modify(|rollup| rollup.merge(more)).or_insert(more);
}

fn sorted(rollups: HashMap<Key, Rollup>) -> Vec<(Key, Rollup)> {
    let mut list: Vec<_> = rollups.into_iter().collect();
    list.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    list
}

#[cfg(test)]
mod tests {
    use tailrace_contract::{BatchId, Metric, Producer, RunId};

    use super::*;

    fn batch(tenant: &str, received_ms: u64, metrics: &[(&str, f64, Option<u64>)]) -> Batch {
        let metric = |&(name, value, time_ms): &(&str, f64, Option<u64>)| Metric {
            name: name.into(),
            value,
            time_ms,
            attributes: Vec::new(),
        };
        let id = BatchId {
            tenant: Tenant(tenant.into()),
            run: RunId(1),
            producer: Producer("p".into()),
            seq: 0,
        };
        Batch { id, received_ms, metrics: metrics.iter().map(metric).collect() }
    }

    fn of(rows: &[(Key, Rollup)]) -> Vec<(&str, &str, u64, u64, f64)> {
        rows.iter().map(|(k, r)| (&*k.tenant.0, &*k.name, k.start_ms, r.count, r.sum)).collect()
    }

    #[test]
    fn values_fall_into_their_minute_and_hour() {
        let mut increments = Increments::default();
        increments.add(&batch(
            "a",
            HOUR_MS - 1,
            &[("x", 1.0, Some(59_999)), ("x", 2.0, Some(60_000)), ("x", 4.0, None)],
        ));
        increments.add(&batch("b", HOUR_MS, &[("x", 8.0, None), ("w", 16.0, None)]));
        assert_eq!(
            of(&increments.minutes()),
            [
                ("a", "x", 0, 1, 1.0),
                ("a", "x", 60_000, 1, 2.0),
                ("a", "x", 3_540_000, 1, 4.0),
                ("b", "w", 3_600_000, 1, 16.0),
                ("b", "x", 3_600_000, 1, 8.0),
            ]
        );
        assert_eq!(
            of(&increments.hours()),
            [("a", "x", 0, 3, 7.0), ("b", "w", 3_600_000, 1, 16.0), ("b", "x", 3_600_000, 1, 8.0)]
        );
    }

    #[test]
    fn a_rollup_agrees_but_for_rounding() {
        let mut balance = Balance::of(0.1);
        balance.add(0.2);
        balance.add(0.3);
        let rollup = Rollup { count: 3, sum: 0.3 + 0.2 + 0.1, min: 0.1, max: 0.3 };
        assert!(balance.agrees(&rollup));
        assert!(!balance.agrees(&Rollup { sum: 0.600_001, ..rollup }));
        assert!(!balance.agrees(&Rollup { count: 4, ..rollup }));
        assert!(!balance.agrees(&Rollup { min: 0.0, ..rollup }));
        assert!(!balance.agrees(&Rollup { max: 0.4, ..rollup }));
        let mut huge = Balance::of(1e308);
        huge.add(1e308);
        huge.add(-1e308);
        assert!(huge.agrees(&Rollup { count: 3, sum: 1e308, min: -1e308, max: 1e308 }));
    }

    #[test]
    fn sums_never_become_infinite_and_extremes_are_kept() {
        let mut rollup = Rollup::of(f64::MAX);
        rollup.merge(Rollup::of(1e308));
        assert_eq!((rollup.sum, rollup.min, rollup.max), (f64::MAX, 1e308, f64::MAX));
        rollup.merge(Rollup::of(-f64::MAX));
        assert_eq!((rollup.count, rollup.sum, rollup.min), (3, 0.0, -f64::MAX));
    }
}
