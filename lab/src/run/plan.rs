//! `tailrace run --dry-run`: what would run, and for how long.

use serde::Serialize;
use tailrace_loadgen::experiment::{Definition, LoadPlan, Rate, estimate_ms};
use tailrace_measure::record::{Arm, Arrivals, Expectation, Primary};
use tailrace_render::{format, table};

use super::RunArgs;
use super::listing::size;
use crate::columns::{self, Line};
use crate::contestants::Contestants;
use crate::exit::Ended;
use crate::play::catalog::available;
use crate::printing;

/// What would run.
#[derive(Serialize)]
struct Plan<'a> {
    name: &'a str,
    question: &'a str,
    prediction: &'a str,
    rounds: u32,
    seed: u64,
    baseline: &'a str,
    arms: Vec<Arm>,
    loads: Vec<PlannedLoad>,
    primary: &'a Option<Primary>,
    expectations: &'a [Expectation],
    left_out: Vec<String>,
    estimated_s: u64,
}

/// A load as far as it is known: a rate that depends on the arms is none yet.
#[derive(Serialize)]
struct PlannedLoad {
    slug: String,
    rate_per_s: Option<f64>,
    share_of_slowest: Option<f64>,
    arrivals: Arrivals,
    warm_up_ms: u64,
    window_ms: u64,
    timeout_ms: u64,
    live_per_s: Option<f64>,
    spin: bool,
}

/// Prints it.
///
/// # Errors
/// Standard output is closed.
pub(super) fn print(
    definition: &Definition,
    arguments: &RunArgs,
    contestants: &Contestants,
) -> anyhow::Result<Ended> {
    let (arms, left_out) =
        available(&definition.arms, &arguments.redis, &arguments.postgres, contestants);
    // Only what can run takes time.
    let possible = Definition { arms, ..definition.clone() };
    let plan = Plan {
        name: &possible.name,
        question: &possible.question,
        prediction: &possible.prediction,
        rounds: possible.rounds,
        seed: possible.seed,
        baseline: &possible.baseline,
        arms: possible.arms.clone(),
        loads: possible.loads.iter().map(planned).collect(),
        primary: &possible.primary,
        expectations: &possible.expectations,
        left_out,
        estimated_s: estimate_ms(&possible).div_ceil(1_000),
    };
    if arguments.json {
        printing::json(&plan)?;
        return Ok(Ended::Fine);
    }
    printing::line(&format!("{}: {}\n", plan.name, plan.question))?;
    printing::line(&columns::align_left(&lines(&plan)))?;
    for line in &plan.left_out {
        printing::line(&format!("left out: {line}"))?;
    }
    printing::line(&format!("\n{}; seed {}", size(&possible), plan.seed))?;
    Ok(Ended::Fine)
}

fn planned(load: &LoadPlan) -> PlannedLoad {
    let (rate_per_s, share_of_slowest) = match load.rate {
        Rate::PerS(rate) => (Some(rate), None),
        Rate::OfSlowest { share, .. } => (None, Some(share)),
    };
    PlannedLoad {
        slug: load.slug.clone(),
        rate_per_s,
        share_of_slowest,
        arrivals: load.arrivals.clone(),
        warm_up_ms: load.warm_up_ms,
        window_ms: load.window_ms,
        timeout_ms: load.timeout_ms,
        live_per_s: load.live_per_s,
        spin: load.spin,
    }
}

fn lines(plan: &Plan<'_>) -> Vec<Line> {
    let cells = |cells: [String; 3]| Line::Cells(cells.to_vec());
    let head = |cells: [&str; 3]| Line::Cells(cells.map(str::to_owned).to_vec());
    let mut lines = vec![head(["arm", "pipeline", "how"])];
    lines.extend(plan.arms.iter().map(|arm| cells(arm_cells(arm))));
    lines.push(Line::Heading(String::new()));
    lines.push(head(["load", "rate", "how"]));
    lines.extend(plan.loads.iter().map(|load| cells(load_cells(load))));
    lines
}

fn arm_cells(arm: &Arm) -> [String; 3] {
    let (connections, in_flight) = (arm.connections, arm.in_flight_per_connection);
    let (batch, manner) = (arm.batch_metrics, table::manner(arm));
    let how = format!("{connections} × {in_flight}, {batch} a batch as {manner}");
    [arm.slug.clone(), arm.pipeline.clone(), how]
}

fn load_cells(load: &PlannedLoad) -> [String; 3] {
    let rate = match (load.rate_per_s, load.share_of_slowest) {
        (Some(rate), _) => format::rate(rate),
        (None, share) => format!("{} % of slowest", (share.unwrap_or(0.0) * 100.0).round()),
    };
    let arrivals = &load.arrivals;
    let ms = |ms: u64| format::latency(Some(ms * 1_000_000));
    let live = if load.live_per_s.is_some() { ", live subscriber" } else { "" };
    let spin = if load.spin { ", spinning" } else { "" };
    let (warm_up, window) = (ms(load.warm_up_ms), ms(load.window_ms));
    let how = format!("{arrivals}, warm-up {warm_up}, window {window}{live}{spin}");
    [load.slug.clone(), rate, how]
}
