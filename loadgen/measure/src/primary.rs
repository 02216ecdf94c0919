//! The answer of the primary figure, in one sentence. Its comparisons are one family: from
//! [`ROUNDS_MIN`] rounds on, Holm's correction stands between them and the word "different".
//! Read `comparable.rs` for what may be compared.

use crate::cells::Grid;
use crate::comparable::{Spot, divide};
use crate::holm::{chance, holm};
use crate::record::{Answer, Comparison, Figure, Primary, Ratio};
use crate::statistics::ROUNDS_MIN;
use crate::wording::{Verdict, factor, figure as number, no_difference, verdict};

/// A difference that is larger than this by chance alone is none.
const CHANCE_MAX: f64 = 0.05;

/// None when the experiment has no primary figure, or nothing ran.
pub(crate) fn answer(grid: &Grid<'_>) -> Option<Answer> {
    let primary = grid.experiment.primary.as_ref().filter(|_| !grid.trials.is_empty())?;
    let comparisons = compare(grid, primary);
    let sentence = sentence(grid, primary, &comparisons)?;
    let (figure, load) = (primary.figure, primary.load.clone());
    Some(Answer { figure, load, sentence, comparisons })
}

fn compare(grid: &Grid<'_>, primary: &Primary) -> Vec<Comparison> {
    let mut comparisons: Vec<Comparison> = pairs(grid, primary)
        .into_iter()
        .map(|(arm, against)| {
            let spot = |arm| Spot { arm, load: &primary.load };
            let divided = divide(grid, primary.figure, spot(&arm), spot(&against));
            let (ratio, why_not) = match divided {
                Ok(divided) => (Some(divided.ratio), None),
                Err(why) => (None, Some(why)),
            };
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
    let arms = grid.groups().into_iter().flatten();
    arms.filter_map(|arm| Some((arm.slug.clone(), grid.baseline(arm)?.slug.clone()))).collect()
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
    let clauses: Vec<String> =
        comparisons.iter().map(|one| clause(primary.figure, one, comparisons.len())).collect();
    let (figure, rate) = (capitalized(primary.figure.title()), number(load.rate_per_s));
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

fn few_rounds(comparisons: &[Comparison]) -> bool {
    let mut ratios = comparisons.iter().filter_map(|one| one.ratio.as_ref());
    ratios.any(|ratio| (ratio.rounds as usize) < ROUNDS_MIN)
}

fn promises_differ(grid: &Grid<'_>, one: &Comparison) -> bool {
    let arms = &grid.experiment.arms;
    let promise = |slug: &str| arms.iter().find(|arm| arm.slug == slug).map(|arm| &arm.promise);
    promise(&one.arm) != promise(&one.against) && one.ratio.is_some()
}

fn clause(figure: Figure, one: &Comparison, family: usize) -> String {
    let Comparison { arm, against, ratio, p_holm, why_not } = one;
    let Some(ratio) = ratio else {
        let why = why_not.as_deref().unwrap_or("there is no ratio");
        return format!("`{arm}` and `{against}` cannot be compared, because {why}");
    };
    let by_chance = p_holm.is_some_and(|chance| chance >= CHANCE_MAX);
    if verdict(ratio) == Verdict::Same {
        format!("`{arm}` against `{against}`: {}", no_difference(ratio))
    } else if by_chance {
        format!(
            "`{arm}` against `{against}`: no difference found, corrected for {family} comparisons"
        )
    } else {
        told(figure, arm, against, ratio)
    }
}

fn told(figure: Figure, arm: &str, against: &str, ratio: &Ratio) -> String {
    let (more, less) = match figure {
        Figure::P50 | Figure::P99 | Figure::LiveP99 => ("higher", "lower"),
        Figure::Cpu | Figure::WireBytes | Figure::Achieved => ("more", "less"),
    };
    let (much, often) = factor(ratio, more, less);
    format!("`{arm}` {much} than `{against}` {often}")
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
