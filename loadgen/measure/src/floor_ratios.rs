//! Every arm divided by the floor of its own round: what may stand beside another run. The
//! arithmetic that decides about two runs is in [`crate::compare`]; this is what it decides on.

use serde::Serialize;

use crate::cells::Grid;
use crate::comparable::{Spot, quotient};
use crate::record::{Experiment, Figure, Ratio, Trial};

/// The figures that are divided.
const FIGURES: [Figure; 3] = [Figure::P50, Figure::P99, Figure::Cpu];

/// One figure of one arm under one headline load, divided by the floor's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FloorRatio {
    /// Slug.
    pub arm: String,
    /// Slug.
    pub load: String,
    /// Of what.
    pub figure: Figure,
    /// Over the rounds that have both; none when there is no such round.
    pub ratio: Option<Ratio>,
    /// Why there is no ratio, or why this one ranks nothing, as a clause.
    pub why_not: Option<String>,
}

/// Arms in declared order, loads and figures within; empty without a floor.
pub fn ratios_to_floor(experiment: &Experiment, trials: &[Trial]) -> Vec<FloorRatio> {
    let grid = Grid { experiment, trials };
    let mut ratios = Vec::new();
    for arm in experiment.arms.iter().filter(|arm| !arm.floor) {
        let Some(floor) = grid.floor_of(&arm.slug) else { continue };
        for load in grid.headline_loads() {
            let spot = |arm| Spot { arm, load: &load.slug };
            ratios.extend(FIGURES.map(|figure| {
                let divided = quotient(&grid, figure, spot(&arm.slug), spot(&floor.slug));
                let (ratio, why_not) = match divided {
                    Ok(divided) => (Some(divided.ratio), near(&grid, figure, spot(&arm.slug))),
                    Err(why) => (None, Some(why)),
                };
                let (arm, load) = (arm.slug.clone(), load.slug.clone());
                FloorRatio { arm, load, figure, ratio, why_not }
            }));
        }
    }
    ratios
}

fn near(grid: &Grid<'_>, figure: Figure, spot: Spot<'_>) -> Option<String> {
    let q = figure.quantile()?;
    let below = grid.near_floor(spot.arm, spot.load, q);
    below.then(|| "below twice the bare echo: the machine, not the pipeline".to_owned())
}
