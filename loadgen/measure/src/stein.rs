//! Stein's second stage: how many rounds it takes to decide. Six rounds show how much a ratio
//! varies from round to round; from that alone, whatever the ratio is, follows how many more are
//! run. Nobody looks whether there is a difference yet, so nobody can stop when there seems to be
//! one. Which ratios decide is said in `primary.rs`.
//!
//! Stein, "A two-sample test for a linear hypothesis whose power is independent of the
//! variance", 1945.

use crate::record::Ratio;
use crate::statistics::{ROUNDS_MIN, ratio_of, t_975};
use crate::wording::DIFFERENT_FROM;

/// Rounds of the first stage.
pub const FIRST_STAGE: usize = ROUNDS_MIN;

/// Rounds of both stages at most: beyond it the interval hardly narrows, and the rest of a noisy
/// machine's noise is stated instead.
pub const ROUNDS_MAX: usize = 20;

/// Rounds that decide: N = ⌈(t₅·s₆ ÷ ln 1.05)²⌉, between those of the first stage and
/// [`ROUNDS_MAX`], so that the interval is as wide as the smallest difference that counts.
/// `ratios` hold one a round in the order of the rounds; those after the first stage change
/// nothing.
pub(crate) fn needed(ratios: &[f64]) -> usize {
    asked(ratios).clamp(FIRST_STAGE, ROUNDS_MAX)
}

/// The same without bounds: what the spread asks for, whether or not it can be had. As many as the
/// first stage has while that is not complete.
pub(crate) fn asked(ratios: &[f64]) -> usize {
    let Some(first) = ratios.get(..FIRST_STAGE) else { return FIRST_STAGE };
    let half = t_975(FIRST_STAGE) * deviation(first);
    (half / DIFFERENT_FROM.ln()).powi(2).ceil() as usize
}

/// The ratio of both stages, with Stein's interval: `d̄_N ± t₅·s₆/√N`. With six rounds or fewer it
/// is the ordinary one. None without a ratio.
pub(crate) fn two_stages(ratios: &[f64]) -> Option<Ratio> {
    let all = ratio_of(ratios)?;
    if ratios.len() <= FIRST_STAGE {
        return Some(all);
    }
    let deviation = deviation(&ratios[..FIRST_STAGE]);
    let half = (t_975(FIRST_STAGE) * deviation / (ratios.len() as f64).sqrt()).exp();
    let interval = Some((all.mean / half, all.mean * half));
    Some(Ratio { interval, first_stage: Some(FIRST_STAGE as u32), ..all })
}

/// Of the logarithms.
fn deviation(ratios: &[f64]) -> f64 {
    let n = ratios.len() as f64;
    let mean = ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / n;
    let squares: f64 = ratios.iter().map(|ratio| (ratio.ln() - mean).powi(2)).sum();
    (squares / (n - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};
    use rand_pcg::Pcg64;
    use rand_pcg::rand_core::SeedableRng;

    use super::*;
    use crate::holm::{chance, holm};
    use crate::wording::{Verdict, verdict};

    /// Rounds until the rule is content; `spread` is the deviation of a round's logarithm.
    fn race(random: &mut Pcg64, truth: f64, spread: f64) -> Vec<f64> {
        let mut ratios = Vec::new();
        while ratios.len() < needed(&ratios) {
            let z: f64 = StandardNormal.sample(random);
            ratios.push(truth * (spread * z).exp());
        }
        ratios
    }

    #[test]
    fn quiet_machines_need_no_second_stage_and_noisy_ones_all_of_it() {
        let alternating = |step: f64| -> Vec<f64> {
            (0..6).map(|i| if i % 2 == 0 { 1.0 + step } else { 1.0 / (1.0 + step) }).collect()
        };
        assert_eq!(needed(&[]), FIRST_STAGE);
        assert_eq!(needed(&alternating(0.01)), FIRST_STAGE);
        assert_eq!(needed(&alternating(0.5)), ROUNDS_MAX);
        // s = 0.05·√(6/5): (2.571 × 0.0534 ÷ 0.0488)² = 7.9.
        assert_eq!(needed(&alternating(0.05)), 8);
    }

    #[test]
    fn later_rounds_do_not_change_how_many_are_needed() {
        let mut ratios: Vec<f64> = (0..6).map(|i| 1.0 + f64::from(i) / 50.0).collect();
        let rounds = needed(&ratios);
        ratios.extend([9.0; 14]);
        assert_eq!(needed(&ratios), rounds);
    }

    #[test]
    fn both_stages_cover_what_they_say() {
        let mut random = Pcg64::seed_from_u64(26);
        for spread in [0.02, 0.06, 0.08, 0.2] {
            let draws = 4_000;
            let covered = (0..draws).filter(|_| {
                let ratio = two_stages(&race(&mut random, 1.3, spread)).unwrap();
                let (low, high) = ratio.interval.unwrap();
                low <= 1.3 && 1.3 <= high
            });
            let share = covered.count() as f64 / f64::from(draws);
            assert!((0.93..=0.97).contains(&share), "{spread}: {share}");
        }
    }

    #[test]
    fn a_thing_against_itself_is_rarely_different() {
        let mut random = Pcg64::seed_from_u64(3);
        for spread in [0.03, 0.07, 0.2] {
            let different = (0..1_000).filter(|_| {
                let ratio = two_stages(&race(&mut random, 1.0, spread)).unwrap();
                verdict(&ratio) != Verdict::Same
            });
            let different = different.count();
            assert!(different <= 67, "{spread}: {different} of 1,000");
        }
    }

    /// Three arms against one baseline; all run until the last of them is decided.
    #[test]
    fn families_of_equals_are_rarely_called_different() {
        let mut random = Pcg64::seed_from_u64(8);
        let mut noise = || -> f64 {
            let z: f64 = StandardNormal.sample(&mut random);
            (0.06 * z).exp()
        };
        let wrong = (0..1_000).filter(|_| {
            let mut family: [Vec<f64>; 3] = Default::default();
            while family.iter().any(|ratios| ratios.len() < needed(ratios)) {
                let baseline = noise();
                for ratios in &mut family {
                    ratios.push(noise() / baseline);
                }
            }
            let ratios: Vec<Ratio> = family.iter().filter_map(|r| two_stages(r)).collect();
            let chances: Vec<f64> = ratios.iter().filter_map(chance).collect();
            let corrected = holm(&chances);
            let told = ratios.iter().zip(corrected);
            told.into_iter().any(|(ratio, p)| p < 0.05 && verdict(ratio) != Verdict::Same)
        });
        let wrong = wrong.count();
        assert!(wrong <= 67, "{wrong} of 1,000");
    }
}
