//! The answer of the primary figure, in one sentence. Its comparisons are one family: from
//! [`ROUNDS_MIN`] rounds on, Holm's correction stands between them and the word "different".
//! Read `comparable.rs` for what may be compared.

use crate::cells::Grid;
use crate::comparable::{Divided, Spot, divide};
use crate::holm::{chance, holm};
use crate::record::{Answer, Comparison, Experiment, Primary, Ratio, Trial};
use crate::statistics::ROUNDS_MIN;
use crate::stein::{FIRST_STAGE, ROUNDS_MAX, asked, needed};
use crate::wording::{Verdict, factor, figure as number, no_difference, verdict};

/// A difference that is larger than this by chance alone is none.
const CHANCE_MAX: f64 = 0.05;

/// None when the experiment has no primary figure, or nothing ran.
pub(crate) fn answer(grid: &Grid<'_>) -> Option<Answer> {
    let primary = grid.experiment.primary.as_ref().filter(|_| !grid.trials.is_empty())?;
    let comparisons = compare(grid, primary);
    let stages = stages(grid, primary).unwrap_or_default();
    let sentence = sentence(grid, primary, &comparisons)? + &stages;
    let Primary { figure, load, against_load, .. } = primary.clone();
    Some(Answer { figure, load, against_load, sentence, comparisons })
}

/// Whether the primary figure needs another round to be decided: some comparison has fewer
/// rounds than its first stage asks for. Comparisons that cannot be made are not waited for.
pub fn undecided(experiment: &Experiment, trials: &[Trial]) -> bool {
    let grid = Grid { experiment, trials };
    let Some(primary) = experiment.primary.as_ref().filter(|_| experiment.decide) else {
        return false;
    };
    pairs(&grid, primary).iter().any(|pair| {
        divided(&grid, primary, pair)
            .is_ok_and(|divided| divided.rounds.len() < needed(&divided.rounds))
    })
}

fn divided(
    grid: &Grid<'_>,
    primary: &Primary,
    (arm, against): &(String, String),
) -> Result<Divided, String> {
    let other = primary.against_load.as_ref().unwrap_or(&primary.load);
    let spots = (Spot { arm, load: &primary.load }, Spot { arm: against, load: other });
    divide(grid, primary.figure, spots.0, spots.1)
}

fn compare(grid: &Grid<'_>, primary: &Primary) -> Vec<Comparison> {
    let mut comparisons: Vec<Comparison> = pairs(grid, primary)
        .into_iter()
        .map(|pair| {
            let (ratio, why_not) = match divided(grid, primary, &pair) {
                Ok(divided) => (Some(divided.ratio), None),
                Err(why) => (None, Some(why)),
            };
            let (arm, against) = pair;
            Comparison { arm, against, ratio, p_holm: None, why_not }
        })
        .collect();
    correct(&mut comparisons);
    comparisons
}

fn pairs(grid: &Grid<'_>, primary: &Primary) -> Vec<(String, String)> {
    if !primary.pairs.is_empty() {
        return primary.pairs.clone();
    }
    let mut arms = grid.groups().into_iter().flatten();
    if primary.against_load.is_some() {
        return arms.map(|arm| (arm.slug.clone(), arm.slug.clone())).collect();
    }
    arms.by_ref()
        .filter_map(|arm| Some((arm.slug.clone(), grid.baseline(arm)?.slug.clone())))
        .collect()
}

fn correct(comparisons: &mut [Comparison]) {
    let known = |comparison: &Comparison| comparison.ratio.as_ref().and_then(chance);
    let chances: Vec<f64> = comparisons.iter().filter_map(known).collect();
    let mut adjusted = holm(&chances).into_iter();
    for comparison in comparisons {
        if known(comparison).is_some() {
            comparison.p_holm = adjusted.next();
        }
    }
}

fn sentence(grid: &Grid<'_>, primary: &Primary, comparisons: &[Comparison]) -> Option<String> {
    let load = grid.experiment.loads.iter().find(|load| load.slug == primary.load)?;
    let telling = Telling { primary, family: comparisons.len() };
    let clauses: Vec<String> = comparisons.iter().map(|one| telling.clause(one)).collect();
    let (figure, rate) = (primary.figure.title(), number(load.rate_per_s));
    let several = if comparisons.len() > 1 && few_rounds(comparisons) {
        " Several comparisons, few rounds: some of it may be chance."
    } else {
        ""
    };
    let price = if comparisons.iter().any(|one| promises_differ(grid, one)) {
        " Where the promises differ it is the price of a promise, not a ranking."
    } else {
        ""
    };
    (!clauses.is_empty()).then(|| {
        format!(
            "{figure} under `{}` ({rate}/s): {}.{several}{price}",
            load.slug,
            clauses.join("; ")
        )
    })
}

/// How many rounds were asked for and had, where they were to decide: whoever reads an interval sees
/// whether it became as narrow as was meant.
fn stages(grid: &Grid<'_>, primary: &Primary) -> Option<String> {
    let rounds: Vec<Vec<f64>> = pairs(grid, primary)
        .iter()
        .filter_map(|pair| Some(divided(grid, primary, pair).ok()?.rounds))
        .collect();
    let fewest = rounds.iter().map(Vec::len).min().filter(|_| grid.experiment.decide)?;
    let most = rounds.iter().map(|ratios| asked(ratios)).max()?;
    let first = format!(" The spread of the first {FIRST_STAGE} rounds asked for");
    Some(if fewest < FIRST_STAGE {
        format!(" Only {fewest} of the {FIRST_STAGE} rounds of the first stage count.")
    } else if most <= FIRST_STAGE {
        format!("{first} no more.")
    } else if fewest < needed_of(&rounds) {
        format!("{first} {most}, and {fewest} count.")
    } else if most <= ROUNDS_MAX {
        format!("{first} {most}.")
    } else {
        format!(
            "{first} {most}, and {ROUNDS_MAX} are the most: the interval is wider than was meant."
        )
    })
}

fn needed_of(rounds: &[Vec<f64>]) -> usize {
    rounds.iter().map(|ratios| needed(ratios)).max().unwrap_or_default()
}

fn few_rounds(comparisons: &[Comparison]) -> bool {
    let mut ratios = comparisons.iter().filter_map(|one| one.ratio.as_ref());
    ratios.any(|ratio| (ratio.rounds as usize) < ROUNDS_MIN)
}

fn promises_differ(grid: &Grid<'_>, one: &Comparison) -> bool {
    let arms = &grid.experiment.arms;
    let promise = |slug: &str| arms.iter().find(|arm| arm.slug == slug).map(|arm| &arm.promise);
    promise(&one.arm) != promise(&one.against) && one.ratio.is_some()
}

/// How comparisons are told.
struct Telling<'a> {
    primary: &'a Primary,
    /// Comparisons that are corrected together.
    family: usize,
}

impl Telling<'_> {
    fn clause(&self, one: &Comparison) -> String {
        let Comparison { arm, ratio, p_holm, why_not, .. } = one;
        let other = self.other(one);
        let Some(ratio) = ratio else {
            let why = why_not.as_deref().unwrap_or("there is no ratio");
            return format!("`{arm}` cannot be compared with {other}, because {why}");
        };
        let by_chance = p_holm.is_some_and(|chance| chance >= CHANCE_MAX);
        if verdict(ratio) == Verdict::Same {
            format!("`{arm}` against {other}: {}", no_difference(ratio))
        } else if by_chance {
            let family = self.family;
            format!(
                "`{arm}` against {other}: no difference found, corrected for {family} comparisons"
            )
        } else {
            self.told(arm, &other, ratio)
        }
    }

    /// What an arm is divided by: another arm, or itself under another load.
    fn other(&self, one: &Comparison) -> String {
        match &self.primary.against_load {
            Some(load) => format!("itself under `{load}`"),
            None => format!("`{}`", one.against),
        }
    }

    fn told(&self, arm: &str, other: &str, ratio: &Ratio) -> String {
        let (more, less) = match self.primary.figure {
            latency if latency.is_latency() => ("higher", "lower"),
            _ => ("more", "less"),
        };
        let (much, often) = factor(ratio, more, less);
        format!("`{arm}` {much} than {other} {often}")
    }
}
