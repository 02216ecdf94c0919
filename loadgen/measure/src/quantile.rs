//! Percentiles over every batch that was due, not over those that were answered. A batch that
//! timed out, overflowed or was censored ranks above all recorded values; refused and broken
//! ones are a rate of their own and do not rank. Nothing is interpolated or backfilled. What a
//! percentile of one trial says about the next is an interval: [`infer`].

use hdrhistogram::Histogram;

use crate::binomial::ranks;
use crate::episodes::Episodes;
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
            .map(|((q, rank), ns)| {
                let support = count + unanswered - rank;
                Quantile { q: *q, ns, support, episodes: None, interval_ns: None }
            })
            .collect(),
    }
}

/// The same with what each percentile says about the next trial: episodes and interval. The
/// interval lies between the order statistics j and k of a sample of as many independent values
/// as the trial is worth ([`Episodes::effective`]), taken as the quantiles j/n and k/n.
pub fn infer(histogram: &Histogram<u64>, unanswered: u64, episodes: &Episodes) -> Distribution {
    let mut observed = distribution(histogram, unanswered);
    for entry in &mut observed.quantiles {
        let Some(effective) = episodes.effective(entry.q, entry.ns) else { continue };
        entry.episodes = Some(effective * (1.0 - entry.q));
        entry.interval_ns = Some(interval(histogram, unanswered, entry.q, effective));
    }
    observed
}

fn interval(
    histogram: &Histogram<u64>,
    unanswered: u64,
    q: f64,
    effective: f64,
) -> (Option<u64>, Option<u64>) {
    let n = (effective as u64).max(1);
    let at = |order: u64| {
        let rank = rank(order as f64 / n as f64, histogram.len() + unanswered);
        values_at(histogram, &[rank]).into_iter().next().flatten()
    };
    let (low, high) = ranks(n, q);
    (low.and_then(at), high.and_then(at))
}

/// ⌈q·n⌉, but for the rounding of the product itself: 0.07 × 100 is 7, not 7.000000000000001.
pub(crate) fn rank(q: f64, n: u64) -> u64 {
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
    use rand_distr::{Distribution as _, Exp, StandardNormal};
    use rand_pcg::Pcg64;
    use rand_pcg::rand_core::SeedableRng;

    use super::*;
    use crate::clock::Stamp;
    use crate::stamps::Window;

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

    /// One made-up trial: Poisson arrivals at 1,000/s for 4 s, and of a latent noise that
    /// remembers for `memory_ms` (0: not at all) the answer's time.
    fn answers(random: &mut Pcg64, memory_ms: f64) -> Vec<(u64, u64)> {
        let gap = Exp::new(1.0_f64).unwrap();
        let (mut due_ms, mut latent) = (0.0, StandardNormal.sample(random));
        let mut answers = Vec::with_capacity(4_200);
        loop {
            let step: f64 = gap.sample(random);
            due_ms += step;
            if due_ms >= 4_000.0 {
                return answers;
            }
            let kept = if memory_ms > 0.0 { (-step / memory_ms).exp() } else { 0.0 };
            let fresh: f64 = StandardNormal.sample(random);
            latent = kept * latent + (1.0 - kept * kept).sqrt() * fresh;
            let ns = (f64::exp(latent) * 1e6) as u64;
            answers.push(((due_ms * 1e6) as u64, ns));
        }
    }

    /// The share of trials whose interval holds the true quantile.
    fn coverage(memory_ms: f64, (q, z): (f64, f64), seed: u64) -> f64 {
        let mut random = Pcg64::seed_from_u64(seed);
        let truth = (f64::exp(z) * 1e6) as u64;
        let window = Window { start: Stamp(0), end: Stamp(4_000_000_000) };
        let draws = 200;
        let covered = (0..draws).filter(|_| {
            let mut histogram = Histogram::<u64>::new(3).unwrap();
            let mut episodes = Episodes::new(window);
            for (due, ns) in answers(&mut random, memory_ms) {
                histogram.record(ns).unwrap();
                episodes.record(Stamp(due), ns);
            }
            let value = distribution(&histogram, 0).ns_at(q);
            let effective = episodes.effective(q, value).unwrap();
            let (low, high) = interval(&histogram, 0, q, effective);
            low.is_none_or(|low| low <= truth) && high.is_none_or(|high| truth <= high)
        });
        covered.count() as f64 / f64::from(draws)
    }

    #[test]
    fn intervals_cover_what_they_say() {
        let (p50, p99) = ((0.5, 0.0), (0.99, 2.326_348));
        for (memory_ms, quantile) in [(0.0, p99), (5.0, p99), (20.0, p50)] {
            let share = coverage(memory_ms, quantile, 5);
            assert!(share >= 0.93, "{memory_ms} ms, {quantile:?}: {share}");
        }
    }

    #[test]
    fn few_episodes_leave_the_upper_end_open() {
        let values = (0..4_000).map(|i| if i < 40 { 50_000_000 } else { 1_000_000 + i });
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        values.for_each(|ns| histogram.record(ns).unwrap());
        let (low, high) = interval(&histogram, 0, 0.99, 100.0);
        assert!(low.is_some_and(|low| low < 2_000_000) && high.is_none(), "{low:?} {high:?}");
        // Between the unanswered and above them is nothing to state either.
        assert_eq!(interval(&histogram, 4_000, 0.5, 4_000.0).1, None);
    }
}
