//! Exact binomial ranks: between which order statistics of a sample a quantile lies. No
//! assumption on the distribution is made, but that the values are independent; how many
//! independent values a trial is worth is asked in [`crate::episodes`].

/// Each side of a 95 % interval.
const TAIL: f64 = 0.025;

/// Weights that are this much smaller than the largest add nothing to a sum of doubles.
const NEGLIGIBLE: f64 = 1e-20;

/// Ranks, counted from 1, of the values of `n` between which the quantile `q` lies with 95 %: the
/// largest j with P(Bin(n, q) ≤ j − 1) ≤ 2.5 %, and the smallest k with P(Bin(n, q) ≥ k) ≤ 2.5 %.
/// None: the sample has no value low or high enough.
pub(crate) fn ranks(n: u64, q: f64) -> (Option<u64>, Option<u64>) {
    let (first, weights) = weights(n, q);
    let tail = TAIL * weights.iter().sum::<f64>();
    let last = first + weights.len() as u64 - 1;
    let low = within(weights.iter(), tail).map(|below| first + below as u64);
    let high = within(weights.iter().rev(), tail).map(|above| last - above as u64 + 1);
    (low.filter(|j| *j >= 1), high.filter(|k| *k <= n))
}

/// How many of the weights come to no more than the tail.
fn within<'a>(mut weights: impl Iterator<Item = &'a f64>, tail: f64) -> Option<usize> {
    let mut sum = 0.0;
    weights.position(|weight| {
        sum += weight;
        sum > tail
    })
}

/// The probabilities of Bin(n, q) up to a factor, from the first that is not negligible on. From
/// the mode outwards by the ratio of neighbours: nothing overflows, however large n is.
fn weights(n: u64, q: f64) -> (u64, Vec<f64>) {
    let mode = (((n + 1) as f64 * q) as u64).min(n);
    let odds = q / (1.0 - q);
    let (mut below, mut weight, mut i) = (Vec::new(), 1.0, mode);
    while i > 0 {
        weight *= i as f64 / (n - i + 1) as f64 / odds;
        if weight < NEGLIGIBLE {
            break;
        }
        below.push(weight);
        i -= 1;
    }
    let first = mode - below.len() as u64;
    let mut weights: Vec<f64> = below.into_iter().rev().collect();
    weights.push(1.0);
    (weight, i) = (1.0, mode);
    while i < n {
        weight *= (n - i) as f64 / (i + 1) as f64 * odds;
        if weight < NEGLIGIBLE {
            break;
        }
        weights.push(weight);
        i += 1;
    }
    (first, weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_tables() {
        // The median of 10: the second and the ninth (97.9 %); of 5: none, as 1 in 32 is too much.
        assert_eq!(ranks(10, 0.5), (Some(2), Some(9)));
        assert_eq!(ranks(5, 0.5), (None, None));
        assert_eq!(ranks(6, 0.5), (Some(1), Some(6)));
        // 0.99^n ≤ 2.5 % from 368 on: only then has p99 an upper end.
        assert_eq!(ranks(367, 0.99).1, None);
        assert_eq!(ranks(368, 0.99).1, Some(368));
        assert_eq!(ranks(1_000, 0.99), (Some(983), Some(997)));
    }

    #[test]
    fn large_samples_are_no_trouble() {
        let n = 100_000_000;
        let (low, high) = ranks(n, 0.5);
        let (low, high) = (low.unwrap() as f64, high.unwrap() as f64);
        // 1.96 standard deviations of √n/2.
        assert!((low - (5e7 - 9_800.0)).abs() < 10.0, "{low}");
        assert!((high - (5e7 + 9_801.0)).abs() < 10.0, "{high}");
    }
}
