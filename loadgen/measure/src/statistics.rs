//! What several rounds say together. Every round runs every arm once, so that a ratio is taken
//! within a round and the machine's drift cancels. Percentiles are never averaged. Which words
//! the figures allow is decided in [`crate::summary`].

use crate::record::{Ratio, Spread};

/// Rounds from which on an interval is stated; below, lowest and highest are.
pub const ROUNDS_MIN: usize = 6;

/// Student's t, two-sided 95 %, by degrees of freedom from 1 on. Source: NIST/SEMATECH e-Handbook
/// of Statistical Methods, table 1.3.6.7.2, column 0.975.
const T_975: [f64; 19] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093,
];

/// The quantile for `n` rounds, from 2 on. Beyond 20 the last one serves: a little too wide.
pub(crate) fn t_975(n: usize) -> f64 {
    T_975[(n - 2).min(T_975.len() - 1)]
}

/// The ratio a ÷ b, paired by round: both slices hold one value a round, in the same order. Only
/// rounds in which both are positive count; none when there is no such round.
///
/// With d the logarithms of the rounds' ratios and s their standard deviation, the mean is exp(d̄)
/// and the interval exp(d̄ ± t·s/√n). By simulation it covers 94 to 97 % from three rounds on.
pub fn ratio(a: &[Option<f64>], b: &[Option<f64>]) -> Option<Ratio> {
    ratio_of(&paired(a, b))
}

/// The ratios of the rounds in which both are positive, in order.
pub(crate) fn paired(a: &[Option<f64>], b: &[Option<f64>]) -> Vec<f64> {
    let positive = |value: &Option<f64>| value.filter(|value| *value > 0.0 && value.is_finite());
    let pairs = a.iter().zip(b).filter_map(|(a, b)| Some(positive(a)? / positive(b)?));
    pairs.collect()
}

/// The same of ratios that were taken already, one a round, all positive.
pub(crate) fn ratio_of(ratios: &[f64]) -> Option<Ratio> {
    let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
    if logs.is_empty() {
        return None;
    }
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let above = logs.iter().filter(|log| **log > 0.0).count();
    let below = logs.iter().filter(|log| **log < 0.0).count();
    Some(Ratio {
        mean: mean.exp(),
        interval: half_width(&logs, mean).map(|half| ((mean - half).exp(), (mean + half).exp())),
        lowest: logs.iter().copied().fold(f64::INFINITY, f64::min).exp(),
        highest: logs.iter().copied().fold(f64::NEG_INFINITY, f64::max).exp(),
        same_direction: above.max(below) as u32,
        rounds: logs.len() as u32,
        first_stage: None,
    })
}

fn half_width(logs: &[f64], mean: f64) -> Option<f64> {
    if logs.len() < 2 {
        return None;
    }
    let n = logs.len() as f64;
    let squares: f64 = logs.iter().map(|log| (log - mean).powi(2)).sum();
    Some(t_975(logs.len()) * (squares / (n - 1.0) / n).sqrt())
}

/// A percentile of one trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// Its value.
    Ns(u64),
    /// It falls among the unanswered.
    BeyondTimeout,
    /// Too few batches lie above it.
    Unsupported,
    /// The instrument spoilt it, or the trial is missing.
    NotValid,
}

impl Observed {
    /// The value, if there is one.
    pub fn ns(self) -> Option<u64> {
        if let Observed::Ns(ns) = self { Some(ns) } else { None }
    }
}

/// The trials of an arm together. Those beyond the timeout rank above all values; those without
/// support and those not valid do not rank.
pub fn spread(by_round: &[Observed]) -> Spread {
    let values: Vec<u64> = by_round.iter().filter_map(|one| one.ns()).collect();
    let beyond = by_round.iter().filter(|one| **one == Observed::BeyondTimeout).count();
    Spread {
        by_round_ns: by_round.iter().map(|one| one.ns()).collect(),
        median_ns: median(&values, beyond),
        lowest_ns: values.iter().min().copied(),
        highest_ns: values.iter().max().copied().filter(|_| beyond == 0),
        // A missing trial may have been a slow one: without all of them nothing is sure.
        interval_ns: order_interval(&values).filter(|_| values.len() == by_round.len()),
        beyond_timeout: beyond > 0,
        unsupported: by_round.contains(&Observed::Unsupported),
    }
}

/// The middle value, or the mean of the two in the middle; `beyond` more lie above all of them.
fn median(values: &[u64], beyond: usize) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let n = sorted.len() + beyond;
    let upper = *sorted.get(n / 2)?;
    Some(if n % 2 == 1 { upper } else { sorted[n / 2 - 1].midpoint(upper) })
}

/// The middle one of some figures, or the mean of the two in the middle.
pub fn median_f64(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let even = sorted.len().is_multiple_of(2);
    Some(if even { f64::midpoint(sorted[sorted.len() / 2 - 1], upper) } else { upper })
}

/// An interval for the median of an arm from its trials: the r-th lowest and r-th highest, r as
/// large as 95 % coverage allows (binomial with one half, no assumption on the distribution).
/// None below [`ROUNDS_MIN`] trials.
pub fn order_interval(values: &[u64]) -> Option<(u64, u64)> {
    let r = order_rank(values.len())?;
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    Some((sorted[r - 1], sorted[sorted.len() - r]))
}

/// The largest r with 1 − 2·P(Bin(n, ½) ≤ r − 1) ≥ 95 %; none when there is none.
fn order_rank(n: usize) -> Option<usize> {
    let mut probability = 0.5_f64.powi(i32::try_from(n).ok()?);
    let mut below = 0.0;
    let mut r = 0;
    while r < n && {
        below += probability;
        1.0 - 2.0 * below >= 0.95
    } {
        r += 1;
        probability *= (n - r + 1) as f64 / r as f64;
    }
    (r > 0).then_some(r)
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};
    use rand_pcg::Pcg64;
    use rand_pcg::rand_core::SeedableRng;

    use super::*;

    fn some(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn ratios_are_paired_by_round() {
        let drifting = some(&[2.0, 20.0, 200.0]);
        let other = some(&[1.0, 10.0, 100.0]);
        let ratio = ratio(&drifting, &other).unwrap();
        let (low, high) = ratio.interval.unwrap();
        for figure in [ratio.mean, ratio.lowest, ratio.highest, low, high] {
            assert!((figure - 2.0).abs() < 1e-9, "{figure}");
        }
        assert_eq!((ratio.same_direction, ratio.rounds), (3, 3));
    }

    #[test]
    fn only_complete_rounds_count() {
        let a = [Some(1.0), None, Some(4.0), Some(0.0)];
        let b = some(&[2.0, 1.0, 2.0, 1.0]);
        let both = ratio(&a, &b).unwrap();
        assert_eq!((both.rounds, both.same_direction), (2, 1));
        assert!((both.mean - 1.0).abs() < 1e-9 && both.lowest < both.highest);
        assert_eq!(ratio(&a[..1], &b[..1]).unwrap().interval, None);
        assert_eq!(ratio(&a[1..2], &b[1..2]), None);
    }

    #[test]
    fn the_ratio_interval_covers_what_it_says() {
        let mut random = Pcg64::seed_from_u64(20_26);
        for n in 3..=10 {
            let draws = 8_000;
            let covered = (0..draws).filter(|_| {
                let mut noise = || -> f64 {
                    let z: f64 = StandardNormal.sample(&mut random);
                    (0.15 * z).exp()
                };
                let a: Vec<_> = (0..n).map(|_| Some(1.3 * noise())).collect();
                let b: Vec<_> = (0..n).map(|_| Some(noise())).collect();
                let (low, high) = ratio(&a, &b).unwrap().interval.unwrap();
                low <= 1.3 && 1.3 <= high
            });
            let share = covered.count() as f64 / f64::from(draws);
            assert!((0.93..=0.975).contains(&share), "{n} rounds: {share}");
        }
    }

    #[test]
    fn spreads_rank_the_unanswered_last() {
        use Observed::{BeyondTimeout, NotValid, Ns, Unsupported};
        let spread_of = |by_round: &[Observed]| {
            let spread = spread(by_round);
            (spread.lowest_ns, spread.median_ns, spread.highest_ns)
        };
        assert_eq!(spread_of(&[Ns(3), Ns(1), Ns(2)]), (Some(1), Some(2), Some(3)));
        assert_eq!(spread_of(&[Ns(3), Ns(1)]), (Some(1), Some(2), Some(3)));
        assert_eq!(spread_of(&[Ns(3), Ns(1), BeyondTimeout]), (Some(1), Some(3), None));
        assert_eq!(spread_of(&[Ns(3), BeyondTimeout]), (Some(3), None, None));
        assert_eq!(spread_of(&[Ns(3), Unsupported, NotValid]), (Some(3), Some(3), Some(3)));
        assert_eq!(spread_of(&[Unsupported]), (None, None, None));
        let flags = spread(&[Ns(1), Unsupported, BeyondTimeout]);
        assert!(flags.unsupported && flags.beyond_timeout);
        assert_eq!(flags.by_round_ns, [Some(1), None, None]);
    }

    #[test]
    fn spreads_state_an_interval_from_six_trials_on() {
        let trials = |ns: &[u64]| ns.iter().copied().map(Observed::Ns).collect::<Vec<_>>();
        assert_eq!(spread(&trials(&[5, 1, 4, 2, 3])).interval_ns, None);
        assert_eq!(spread(&trials(&[5, 1, 4, 2, 3, 6])).interval_ns, Some((1, 6)));
        let mut nine = trials(&[9, 1, 8, 2, 7, 3, 6, 4, 5]);
        assert_eq!(spread(&nine).interval_ns, Some((2, 8)));
        nine[0] = Observed::BeyondTimeout;
        assert_eq!(spread(&nine).interval_ns, None);
        nine[0] = Observed::NotValid;
        assert_eq!(spread(&nine).interval_ns, None);
    }

    #[test]
    fn medians_of_figures() {
        assert_eq!(median_f64([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median_f64([3.0, 1.0]), Some(2.0));
        assert_eq!(median_f64([]), None);
    }

    #[test]
    fn order_ranks_are_those_of_the_method() {
        let ranks: Vec<Option<usize>> = (5..=16).map(order_rank).collect();
        let expect = [0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4];
        let expect: Vec<Option<usize>> =
            expect.into_iter().map(|r| Some(r).filter(|r| *r > 0)).collect();
        assert_eq!(ranks, expect);
        assert_eq!(order_interval(&[9, 1, 8, 2, 7, 3, 6, 4, 5]), Some((2, 8)));
        assert_eq!(order_interval(&[1, 2, 3]), None);
    }

    #[test]
    fn the_order_interval_covers_the_median() {
        let mut random = Pcg64::seed_from_u64(7);
        for n in [6, 9, 12, 16] {
            let draws = 8_000;
            let covered = (0..draws).filter(|_| {
                let mut draw = || -> u64 {
                    let z: f64 = StandardNormal.sample(&mut random);
                    (z.exp() * 1e9) as u64
                };
                let values: Vec<u64> = (0..n).map(|_| draw()).collect();
                let (low, high) = order_interval(&values).unwrap();
                low <= 1_000_000_000 && 1_000_000_000 <= high
            });
            let share = covered.count() as f64 / f64::from(draws);
            assert!(share >= 0.945, "{n} trials: {share}");
        }
    }
}
