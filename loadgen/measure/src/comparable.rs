//! Which two figures may be divided by each other, and why not: an arm that did not run, that
//! lost what it acknowledged, or whose percentile shows the machine is compared with nothing.
//! Whoever compares reads this first: `verdicts.rs` and `primary.rs`.

use crate::cells::{Cell, Grid, observed_of};
use crate::record::{Figure, Measurement, Ratio, Trial};
use crate::rows::episodes_text;
use crate::statistics::{Observed, paired, ratio_of};
use crate::stein::two_stages;

/// An arm under a load, by slugs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot<'a> {
    pub(crate) arm: &'a str,
    pub(crate) load: &'a str,
}

/// A figure of one spot divided by that of another, paired by round, and the ratios themselves.
pub(crate) struct Divided {
    pub(crate) ratio: Ratio,
    pub(crate) rounds: Vec<f64>,
    /// Rounds that ran or should have run, and are not in the ratio.
    pub(crate) missing: u32,
    /// Trials of either that are to be read with care.
    pub(crate) suspect: bool,
}

/// For ranking: refuses what shows the machine.
///
/// # Errors
/// Why they may not be compared, or cannot be, as a clause.
pub(crate) fn divide(
    grid: &Grid<'_>,
    figure: Figure,
    spot: Spot<'_>,
    other: Spot<'_>,
) -> Result<Divided, String> {
    let divided = quotient(grid, figure, spot, other)?;
    machine(grid, figure, spot, other)?;
    [spot, other].into_iter().try_for_each(|spot| episodes(grid, figure, spot))?;
    Ok(divided)
}

/// For asking how near the floor an arm is: does not refuse it for being near.
///
/// # Errors
/// Why they may not be compared, or cannot be, as a clause.
pub(crate) fn quotient(
    grid: &Grid<'_>,
    figure: Figure,
    spot: Spot<'_>,
    other: Spot<'_>,
) -> Result<Divided, String> {
    for arm in [spot.arm, other.arm] {
        present(grid, arm)?;
    }
    let (cell, than) = (grid.cell(spot.arm, spot.load), grid.cell(other.arm, other.load));
    let (a, b) = (values(&cell, figure), values(&than, figure));
    let rounds = paired(&a, &b);
    let decided = grid.experiment.decide.then_some(two_stages as fn(&[f64]) -> Option<Ratio>);
    let ratio = decided.unwrap_or(ratio_of)(&rounds).ok_or_else(|| {
        let both = [(spot, &cell), (other, &than)];
        both.into_iter()
            .find_map(|(spot, cell)| why_none(figure, spot, cell))
            .unwrap_or_else(|| "no round has a valid trial of both".to_owned())
    })?;
    let suspect = [&cell, &than].iter().any(|cell| cell.valid().any(is_suspect));
    let missing = grid.experiment.rounds.saturating_sub(ratio.rounds);
    Ok(Divided { ratio, rounds, missing, suspect })
}

/// # Errors
/// The arm did not run, or its audit is broken.
pub(crate) fn present(grid: &Grid<'_>, arm: &str) -> Result<(), String> {
    if !grid.trials.iter().any(|trial| trial.arm == arm) {
        return Err(format!("`{arm}` did not run here"));
    }
    if grid.broken(arm) {
        return Err(format!("the audit of `{arm}` is BROKEN"));
    }
    Ok(())
}

fn is_suspect(trial: &Trial) -> bool {
    trial.seals.measurement == Measurement::Suspect
}

/// A figure of each round, where a valid trial has it.
pub(crate) fn values(cell: &Cell<'_>, figure: Figure) -> Vec<Option<f64>> {
    cell.values(|trial| match figure {
        Figure::Cpu => trial.cost.cpu_us_per_metric(),
        Figure::WireBytes => {
            Some(trial.cost.sent_bytes_per_metric + trial.cost.received_bytes_per_metric)
        }
        Figure::Achieved => Some(trial.achieved_per_s),
        _ => observed(trial, figure)?.ns().map(|ns| ns as f64),
    })
}

fn observed(trial: &Trial, figure: Figure) -> Option<Observed> {
    match figure.quantile() {
        Some(q) => Some(crate::cells::observed(trial, q)),
        None => figure.seen(&trial.latencies).map(|(seen, q)| observed_of(seen, q)),
    }
}

/// p99 is compared when both are well above the echo's; p50, which is far steadier, when one is.
fn machine(grid: &Grid<'_>, figure: Figure, a: Spot<'_>, b: Spot<'_>) -> Result<(), String> {
    let Some(q) = figure.quantile() else { return Ok(()) };
    let near = |spot: &Spot<'_>| grid.near_floor(spot.arm, spot.load, q);
    let near: Vec<Spot<'_>> = [a, b].into_iter().filter(near).collect();
    let what = figure.title();
    match (near.as_slice(), figure) {
        ([_, _], _) => Err(format!(
            "both {what}s are below twice that of the bare echo, so they show the machine, not \
             the pipeline"
        )),
        ([one], Figure::P99) => Err(format!(
            "the p99 of `{}` is below twice that of the bare echo, so it shows the machine, not \
             the pipeline",
            one.arm
        )),
        _ => Ok(()),
    }
}

/// A tail that few independent episodes made says little about the next run.
///
/// # Errors
/// They are too few to rank by.
pub(crate) fn episodes(grid: &Grid<'_>, figure: Figure, spot: Spot<'_>) -> Result<(), String> {
    let cell = grid.cell(spot.arm, spot.load);
    let few = match figure {
        Figure::P50 | Figure::P99 => figure
            .quantile()
            .and_then(|q| cell.too_few_episodes(|trial| Some(&trial.latencies.ack), q)),
        Figure::Cpu | Figure::WireBytes | Figure::Achieved => None,
        seen => {
            let q = if seen == Figure::DurableP50 { 0.5 } else { 0.99 };
            cell.too_few_episodes(|trial| Some(seen.seen(&trial.latencies)?.0), q)
        }
    };
    few.map_or(Ok(()), |few| Err(episodes_text(spot.arm, figure.title(), few)))
}

fn why_none(figure: Figure, spot: Spot<'_>, cell: &Cell<'_>) -> Option<String> {
    let Spot { arm, load } = spot;
    if cell.all().next().is_none() {
        return Some(format!("`{arm}` did not run under `{load}`"));
    }
    if cell.valid().next().is_none() {
        return Some(format!("every trial of `{arm}` under `{load}` is INVALID"));
    }
    if values(cell, figure).iter().any(Option::is_some) {
        return None;
    }
    let what = figure.title();
    let seen: Vec<Option<Observed>> = cell.valid().map(|t| observed(t, figure)).collect();
    Some(if figure == Figure::Cpu {
        format!("the CPU of `{arm}` was not ours to measure")
    } else if seen.contains(&Some(Observed::BeyondTimeout)) {
        format!("the {what} of `{arm}` lies beyond the timeout")
    } else {
        format!("too few batches of `{arm}` lie above its {what}")
    })
}
