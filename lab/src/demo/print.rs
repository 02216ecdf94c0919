//! Scenarios and their reports for people, and what of them is JSON. Read next: `scenario.rs`.

use std::time::Duration;

use serde::Serialize;

use super::scenario::{Figure, Outcome, Point, Scenario, Series};
use super::stage::Instrument;
use crate::printing;

/// A scenario that was played.
#[derive(Serialize)]
pub(super) struct Report {
    /// Its name.
    scenario: &'static str,
    title: &'static str,
    teaches: &'static str,
    series: &'static [Series],
    /// Which pipeline it was played on, and what was behind it.
    played_on: String,
    /// What was expected, and what came.
    pub(super) checks: Vec<Check>,
    /// What else was seen.
    sentences: Vec<String>,
    figures: Vec<Figure>,
    points: Vec<Point>,
    /// Whether the generator kept its schedule.
    instrument: Instrument,
    /// Seconds.
    took_s: f64,
}

/// One expectation.
#[derive(Serialize)]
pub(super) struct Check {
    /// What was expected, before.
    that: &'static str,
    /// Whether it was so.
    pub(super) holds: bool,
    /// What was seen.
    seen: String,
}

impl Report {
    /// Joins what was expected with what came.
    pub(super) fn new(
        scenario: &'static Scenario,
        outcome: Outcome,
        (played_on, instrument, took_s): (String, Instrument, f64),
    ) -> Self {
        let checks = scenario.expects.iter().zip(outcome.checks);
        Self {
            scenario: scenario.name,
            title: scenario.title,
            teaches: scenario.teaches,
            series: scenario.series,
            played_on,
            checks: checks.map(|(that, (holds, seen))| Check { that, holds, seen }).collect(),
            sentences: outcome.sentences,
            figures: outcome.figures,
            points: outcome.points,
            instrument,
            took_s,
        }
    }
}

/// A scenario in a list.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    scenario: &'static Scenario,
    estimated_s: f64,
    /// Why it cannot be played here.
    missing: Option<String>,
}

/// Prints what there is.
///
/// # Errors
/// Standard output is closed.
pub(super) fn list(
    chosen: &[&'static Scenario],
    phase: Duration,
    json: bool,
) -> anyhow::Result<()> {
    if json {
        let listed = chosen.iter().map(|&scenario| Listed {
            scenario,
            estimated_s: scenario.seconds(phase),
            missing: scenario.missing(),
        });
        return printing::json(&listed.collect::<Vec<_>>());
    }
    for scenario in chosen {
        let takes = scenario.seconds(phase);
        printing::line(&format!(
            "{}: {}, about {takes:.0} s\n  What happens: {}\n  Look at: {}\n  It teaches: {}",
            scenario.name, scenario.title, scenario.happens, scenario.look, scenario.teaches
        ))?;
        for that in scenario.expects {
            printing::line(&format!("  Expected: {that}"))?;
        }
        if let Some(why) = scenario.missing() {
            printing::line(&format!("  ! left out here: {why}"))?;
        }
    }
    Ok(())
}

/// Prints what came of one.
///
/// # Errors
/// Standard output is closed.
pub(super) fn report(report: &Report) -> anyhow::Result<()> {
    printing::line(&format!(
        "\n{}, on {} ({:.1} s)\n{}\n",
        report.title, report.played_on, report.took_s, report.teaches
    ))?;
    for check in &report.checks {
        let word = if check.holds { "so it was" } else { "NOT SO" };
        printing::line(&format!("Expected: {}\n  {word}: {}", check.that, check.seen))?;
    }
    for sentence in &report.sentences {
        printing::line(&format!("- {sentence}"))?;
    }
    for figure in &report.figures {
        printing::line(&format!("  {:<58} {:>12}", figure.name, figure.unit.text(figure.value)))?;
    }
    printing::line(&report.instrument.sentence)?;
    Ok(())
}
