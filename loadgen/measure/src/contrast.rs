//! Two samples of ratios, or one that is paired already, and what they allow to say. Of two runs
//! with six rounds or more each the interval is Welch's on the logarithms; with fewer the samples
//! must lie apart. Read [`crate::wording`] for the words of paired rounds.

use crate::holm::{chance, two_sided};
use crate::record::{Compared, ComparedFigure, Figure, Ratio};
use crate::statistics::{ROUNDS_MIN, t_975};
use crate::wording::{DIFFERENT_FROM, Verdict, factor, no_difference, plural, times, verdict};

/// Below so many rounds not even a direction is told.
const ROUNDS_LEAST: usize = 3;

/// Figures of two arms, held against each other.
pub(crate) enum Contrast {
    /// Taken within rounds.
    Paired(Ratio),
    /// Of two runs.
    Apart(Apart),
}

/// The ratio of two samples that have no rounds in common.
#[derive(Debug, Clone)]
pub(crate) struct Apart {
    ratio: f64,
    interval: Option<(f64, f64)>,
    chance: Option<f64>,
    /// Lowest of the one by highest of the other, and the reverse.
    range: (f64, f64),
    rounds: (usize, usize),
}

impl Contrast {
    pub(crate) fn paired(ratio: Ratio) -> Contrast {
        Contrast::Paired(ratio)
    }

    /// None without a value on either side.
    pub(crate) fn apart(a: &[f64], b: &[f64]) -> Option<Contrast> {
        Apart::new(a, b).map(Contrast::Apart)
    }

    /// Writes down what it allows to say.
    pub(crate) fn tell(self, compared: &mut ComparedFigure) {
        match self {
            Contrast::Paired(ratio) => paired(&ratio, compared),
            Contrast::Apart(apart) => apart.tell(compared),
        }
    }
}

fn paired(ratio: &Ratio, compared: &mut ComparedFigure) {
    let rounds = ratio.rounds as usize;
    compared.ratio = Some(ratio.mean);
    compared.interval = ratio.interval.filter(|_| rounds >= ROUNDS_MIN);
    compared.range = Some((ratio.lowest, ratio.highest));
    compared.rounds = (ratio.rounds, ratio.rounds);
    compared.p_holm = chance(ratio);
    let verdict = verdict(ratio);
    let (more, less) = words(compared.figure);
    compared.sentence = match verdict {
        Verdict::Same => no_difference(ratio),
        Verdict::More | Verdict::Less => {
            let (much, often) = factor(ratio, more, less);
            let chance = if (ROUNDS_LEAST..ROUNDS_MIN).contains(&rounds) {
                format!(", by chance alone 1 time in {}", 1_u64 << (rounds - 1))
            } else {
                String::new()
            };
            format!("{much} {often}{chance}")
        }
    };
    compared.verdict = told(verdict, rounds);
    if rounds < ROUNDS_LEAST {
        compared.sentence += "; too few rounds to tell";
    }
}

fn told(verdict: Verdict, rounds: usize) -> Compared {
    match verdict {
        // Whatever they show, a few rounds show it by chance too often.
        _ if rounds < ROUNDS_MIN => Compared::CannotTell,
        Verdict::More => Compared::Higher,
        Verdict::Less => Compared::Lower,
        Verdict::Same => Compared::NoDifference,
    }
}

fn words(figure: Figure) -> (&'static str, &'static str) {
    match figure {
        latency if latency.is_latency() => ("higher", "lower"),
        _ => ("more", "less"),
    }
}

/// Mean, variance of the mean, lowest and highest of the logarithms.
struct Logs {
    n: usize,
    mean: f64,
    of_mean: f64,
    lowest: f64,
    highest: f64,
}

impl Logs {
    fn new(values: &[f64]) -> Option<Logs> {
        let logs: Vec<f64> = values.iter().filter(|v| **v > 0.0).map(|v| v.ln()).collect();
        let n = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / n;
        let squares: f64 = logs.iter().map(|log| (log - mean).powi(2)).sum();
        (!logs.is_empty()).then(|| Logs {
            n: logs.len(),
            mean,
            of_mean: squares / (n - 1.0).max(1.0) / n,
            lowest: logs.iter().copied().fold(f64::INFINITY, f64::min),
            highest: logs.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

impl Apart {
    fn new(a: &[f64], b: &[f64]) -> Option<Apart> {
        let (a, b) = (Logs::new(a)?, Logs::new(b)?);
        let difference = a.mean - b.mean;
        let enough = a.n.min(b.n) >= ROUNDS_MIN;
        let error = (a.of_mean + b.of_mean).sqrt();
        let freedom = freedom(&a, &b);
        let half = t_975(freedom + 1) * error;
        let interval = ((difference - half).exp(), (difference + half).exp());
        let chance = match (error > 0.0, difference.abs() > 0.0) {
            (true, _) => two_sided(difference.abs() / error, freedom),
            // Rounds that agree to the last digit.
            (false, differ) => f64::from(u8::from(!differ)),
        };
        Some(Apart {
            ratio: difference.exp(),
            interval: enough.then_some(interval),
            chance: enough.then_some(chance),
            range: ((a.lowest - b.highest).exp(), (a.highest - b.lowest).exp()),
            rounds: (a.n, b.n),
        })
    }

    fn verdict(&self) -> Verdict {
        let (low, high) = self.interval.unwrap_or(self.range);
        match self.ratio {
            ratio if low > 1.0 && ratio > DIFFERENT_FROM => Verdict::More,
            ratio if high < 1.0 && ratio < 1.0 / DIFFERENT_FROM => Verdict::Less,
            _ => Verdict::Same,
        }
    }

    fn tell(&self, compared: &mut ComparedFigure) {
        compared.ratio = Some(self.ratio);
        compared.interval = self.interval;
        compared.range = Some(self.range);
        compared.rounds = (self.rounds.0 as u32, self.rounds.1 as u32);
        compared.p_holm = self.chance;
        compared.verdict = told(self.verdict(), self.rounds.0.min(self.rounds.1));
        compared.sentence = self.sentence(words(compared.figure));
        if self.rounds.0.min(self.rounds.1) < ROUNDS_LEAST {
            compared.sentence += "; too few rounds to tell";
        }
    }

    fn sentence(&self, (more, less): (&str, &str)) -> String {
        let (low, high) = self.interval.unwrap_or(self.range);
        if self.verdict() == Verdict::Same {
            return self.no_difference(low, high);
        }
        let (word, ratio, low, high) = if self.ratio < 1.0 {
            (less, 1.0 / self.ratio, 1.0 / high, 1.0 / low)
        } else {
            (more, self.ratio, low, high)
        };
        let (a, b) = self.rounds;
        let (ratio, low, high) = (times(ratio), times(low), times(high));
        if self.interval.is_some() {
            let rounds = plural(b as u64, "round");
            return format!(
                "{ratio} times {word}, by the floors, over {a} and {rounds} (95 %: {low}–{high})"
            );
        }
        let chance = one_in(a, b);
        format!(
            "{ratio} times {word}, by the floors, all {a} rounds against all {b} ({low}–{high}), \
             by chance alone 1 time in {chance}"
        )
    }

    fn no_difference(&self, low: f64, high: f64) -> String {
        if self.interval.is_none() {
            return format!("no clear difference: the rounds overlap ({low:.2}–{high:.2} times)");
        }
        format!(
            "no difference found; differences above {:+.0} % or below {:+.0} % are excluded (95 %)",
            (high - 1.0) * 100.0,
            (low - 1.0) * 100.0
        )
    }
}

/// Welch and Satterthwaite's degrees of freedom, rounded down.
fn freedom(a: &Logs, b: &Logs) -> usize {
    let least = a.n.min(b.n).saturating_sub(1).max(1);
    let part = |logs: &Logs| logs.of_mean.powi(2) / (logs.n as f64 - 1.0).max(1.0);
    let parts = part(a) + part(b);
    if parts > 0.0 {
        let freedom = (a.of_mean + b.of_mean).powi(2) / parts;
        (freedom as usize).max(least)
    } else {
        least
    }
}

/// How many ways there are for two samples to lie, for each in which one is above the other.
fn one_in(a: usize, b: usize) -> u64 {
    let ways = (1..=a as u64).fold(1, |ways, k| ways * (b as u64 + k) / k);
    ways / 2
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};
    use rand_pcg::Pcg64;
    use rand_pcg::rand_core::SeedableRng;

    use super::*;

    fn draws(random: &mut Pcg64, n: usize, mean: f64, spread: f64) -> Vec<f64> {
        let mut one = || -> f64 {
            let z: f64 = StandardNormal.sample(random);
            mean * (spread * z).exp()
        };
        (0..n).map(|_| one()).collect()
    }

    #[test]
    fn two_runs_of_one_thing_are_rarely_different() {
        let mut random = Pcg64::seed_from_u64(4);
        for (n, m, spread) in [(6, 6, 0.1), (6, 12, 0.03), (20, 7, 0.3)] {
            let (mut covered, mut different) = (0, 0);
            for _ in 0..2_000 {
                let a = draws(&mut random, n, 3.0, spread);
                let b = draws(&mut random, m, 3.0, spread * 2.0);
                let apart = Apart::new(&a, &b).unwrap();
                let (low, high) = apart.interval.unwrap();
                covered += u32::from(low <= 1.0 && 1.0 <= high);
                different += u32::from(apart.verdict() != Verdict::Same);
            }
            assert!(covered >= 1_860, "{n} and {m} rounds: {covered} of 2,000");
            assert!(different <= 134, "{n} and {m} rounds: {different} of 2,000");
        }
    }

    #[test]
    fn few_rounds_must_lie_apart() {
        let apart = Apart::new(&[2.0, 2.1, 2.2], &[1.0, 1.1, 0.9]).unwrap();
        assert_eq!((apart.verdict(), apart.interval), (Verdict::More, None));
        let said = apart.sentence(("higher", "lower"));
        assert!(said.contains("all 3 rounds against all 3") && said.contains("1 time in 10"));
        let overlap = Apart::new(&[2.0, 2.1, 1.0], &[1.0, 1.1, 0.9]).unwrap();
        assert_eq!(overlap.verdict(), Verdict::Same);
    }
}
