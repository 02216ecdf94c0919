//! Percentiles over every batch that was due, not over those that were answered. A batch that
//! timed out, overflowed or was censored ranks above all recorded values; refused and broken
//! ones are a rate of their own and do not rank. Nothing is interpolated or backfilled. What a
//! percentile of one trial says about the next is not asked here: see [`crate::statistics`].

use hdrhistogram::Histogram;

use crate::record::{Distribution, QUANTILES, Quantile};

/// The figures of a histogram of nanoseconds with so many more batches above all of it.
///
/// The value at `q` is the one at rank ⌈q·N⌉ of N = recorded + unanswered, counted from 1: the
/// smallest that at least a share `q` of the batches does not exceed (Hyndman and Fan 1996,
/// definition 1). It is none when that rank falls among the unanswered.
pub fn distribution(histogram: &Histogram<u64>, unanswered: u64) -> Distribution {
    let count = histogram.len();
    let ranks = QUANTILES.map(|q| rank(q, count + unanswered));
    let values = values_at(histogram, &ranks);
    let quantiles = QUANTILES.iter().zip(ranks).zip(values);
    Distribution {
        count,
        unanswered,
        min_ns: if count == 0 { 0 } else { histogram.min() },
        max_ns: if count == 0 { 0 } else { histogram.max() },
        quantiles: quantiles
            .map(|((q, rank), ns)| Quantile { q: *q, ns, support: count + unanswered - rank })
            .collect(),
    }
}

/// ⌈q·n⌉, but for the rounding of the product itself: 0.07 × 100 is 7, not 7.000000000000001.
fn rank(q: f64, n: u64) -> u64 {
    ((q * n as f64 * (1.0 - 1e-12)).ceil() as u64).min(n)
}

/// The values at ranks in ascending order, in one pass.
fn values_at(histogram: &Histogram<u64>, ranks: &[u64]) -> Vec<Option<u64>> {
    let mut values = Vec::with_capacity(ranks.len());
    let mut seen = 0;
    for step in histogram.iter_recorded() {
        seen += step.count_since_last_iteration();
        while values.len() < ranks.len() && ranks[values.len()] <= seen {
            values.push(Some(step.value_iterated_to()));
        }
    }
    values.resize(ranks.len(), None);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = u64>, unanswered: u64) -> Distribution {
        let mut histogram = Histogram::new(3).unwrap();
        values.into_iter().for_each(|value| histogram.record(value).unwrap());
        distribution(&histogram, unanswered)
    }

    fn entry(distribution: &Distribution, q: f64) -> (Option<u64>, u64) {
        let entry = distribution.at(q).unwrap();
        (entry.ns, entry.support)
    }

    #[test]
    fn ranks_count_from_one_and_up() {
        let hundred = of(1..=100, 0);
        assert_eq!(entry(&hundred, 0.5), (Some(50), 50));
        assert_eq!(entry(&hundred, 0.99), (Some(99), 1));
        assert_eq!(entry(&hundred, 0.999), (Some(100), 0));
        assert_eq!((hundred.min_ns, hundred.max_ns, hundred.count), (1, 100, 100));
        assert_eq!(entry(&of([7], 0), 0.5), (Some(7), 0));
    }

    #[test]
    fn the_unanswered_rank_above_everything() {
        let most = of(1..=98, 2);
        assert_eq!(entry(&most, 0.95), (Some(95), 5));
        assert_eq!(entry(&most, 0.99), (None, 1));
        assert_eq!(entry(&of([], 3), 0.5), (None, 1));
    }

    #[test]
    fn nothing_recorded_is_no_value() {
        let nothing = of([], 0);
        assert_eq!((nothing.min_ns, nothing.max_ns), (0, 0));
        assert!(nothing.quantiles.iter().all(|entry| entry.ns.is_none() && entry.support == 0));
    }

    #[test]
    fn products_are_not_rounded_up() {
        for n in [100, 1_000, 10_000, 1_000_000] {
            for percent in 1..100 {
                assert_eq!(
                    rank(f64::from(percent) / 100.0, n),
                    u64::from(percent as u32) * n / 100
                );
            }
        }
        assert_eq!(rank(0.5, 3), 2);
    }
}
