//! Several comparisons at once: how likely a ratio as far from 1 as this one is by chance, and
//! Holm's correction, so that asking often enough does not make a difference out of noise. Which
//! comparisons belong together is decided in `primary.rs`, which is to be read next.

use crate::record::Ratio;
use crate::statistics::{ROUNDS_MIN, t_975};

/// Two-sided chance of a ratio this far from 1 when there is no difference: Student's t on the
/// logarithms of the rounds' ratios. None below [`ROUNDS_MIN`] rounds.
pub(crate) fn chance(ratio: &Ratio) -> Option<f64> {
    let rounds = ratio.rounds as usize;
    let (_, high) = ratio.interval.filter(|_| rounds >= ROUNDS_MIN)?;
    // What the interval's width was estimated from.
    let rounds = ratio.first_stage.map_or(rounds, |rounds| rounds as usize);
    let deviation = (high / ratio.mean).ln() / t_975(rounds);
    let distance = ratio.mean.ln().abs();
    if deviation > 0.0 {
        return Some(two_sided(distance / deviation, rounds - 1));
    }
    // Rounds that agree to the last digit.
    Some(if distance > 0.0 { 0.0 } else { 1.0 })
}

/// 1 − A(t|ν) of Abramowitz and Stegun, 26.7.3 for odd and 26.7.4 for even degrees of freedom.
pub(crate) fn two_sided(t: f64, freedom: usize) -> f64 {
    let angle = (t / (freedom as f64).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let odd = freedom % 2 == 1;
    // The series' terms: cos θ, 2/3 cos³ θ, … or 1, 1/2 cos² θ, …
    let (mut term, mut sum) = (if odd { cosine } else { 1.0 }, 0.0);
    for k in (usize::from(odd)..freedom.saturating_sub(1)).step_by(2) {
        sum += term;
        term *= cosine * cosine * (k as f64 + 1.0) / (k as f64 + 2.0);
    }
    let within = if odd { (angle + sine * sum) * std::f64::consts::FRAC_2_PI } else { sine * sum };
    (1.0 - within).clamp(0.0, 1.0)
}

/// Holm's adjusted chances, in the order of the given ones: the smallest counts as many times as
/// there are comparisons, the next once less, none less than the one before.
pub(crate) fn holm(chances: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|a, b| chances[*a].total_cmp(&chances[*b]));
    let (mut adjusted, mut least) = (vec![1.0; chances.len()], 0.0_f64);
    for (rank, index) in order.into_iter().enumerate() {
        let times = (chances.len() - rank) as f64;
        least = least.max((chances[index] * times).min(1.0));
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};
    use rand_pcg::Pcg64;
    use rand_pcg::rand_core::SeedableRng;

    use super::*;
    use crate::statistics::ratio;

    #[test]
    fn chances_are_those_of_the_table() {
        for rounds in 2..=20 {
            let chance = two_sided(t_975(rounds), rounds - 1);
            assert!((chance - 0.05).abs() < 2e-4, "{rounds} rounds: {chance}");
        }
        assert!((two_sided(0.0, 5) - 1.0).abs() < 1e-12);
        assert!(two_sided(40.0, 5) < 1e-6);
    }

    #[test]
    fn holm_steps_down() {
        let adjusted = holm(&[0.01, 0.04, 0.03]);
        for (seen, expect) in adjusted.iter().zip([0.03, 0.06, 0.06]) {
            assert!((seen - expect).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(holm(&[0.5, 0.9]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn three_rounds_have_no_chance() {
        let three = ratio(&[Some(2.0); 3], &[Some(1.0); 3]).unwrap();
        assert_eq!(chance(&three), None);
    }

    /// Four comparisons of a thing with itself: one of them is called different in at most one
    /// family in twenty.
    #[test]
    fn families_of_equals_are_rarely_called_different() {
        let mut random = Pcg64::seed_from_u64(11);
        let families = 2_000;
        let mut noise = |spread: f64| -> Option<f64> {
            let z: f64 = StandardNormal.sample(&mut random);
            Some((spread * z).exp())
        };
        let wrong = (0..families).filter(|_| {
            let base: Vec<_> = (0..6).map(|_| noise(0.2)).collect();
            let chances: Vec<f64> = (0..4)
                .filter_map(|_| {
                    let arm: Vec<_> = (0..6).map(|_| noise(0.2)).collect();
                    chance(&ratio(&arm, &base)?)
                })
                .collect();
            holm(&chances).iter().any(|adjusted| *adjusted < 0.05)
        });
        let share = wrong.count() as f64 / f64::from(families);
        assert!(share <= 0.067, "{share}");
    }
}
