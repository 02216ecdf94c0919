//! `tailrace doctor`: what this machine has, what it does to a schedule, and what is missing. It
//! looks and measures for some seconds, and changes nothing. `machine.rs` and `kernel.rs` have what
//! can be read, `stalls.rs` what must be measured and `culprits.rs` by whose doing, `tools.rs` what
//! else is installed.

mod culprits;
mod kernel;
mod machine;
mod stalls;
mod tools;

use std::collections::BTreeMap;

use clap::Args;
use tailrace_measure::record::{Diagnosis, Examined, Fitness, SCHEMA_VERSION};
use tailrace_measure::seals::Threshold;

use crate::cli::RedisArgs;
use crate::exit::Ended;
use crate::machine::{Surroundings, build};
use crate::postgres::PostgresArgs;
use crate::printing;

/// Arguments of `doctor`.
#[derive(Debug, Args, Clone)]
pub struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// The Redis that would be used
    #[command(flatten)]
    pub redis: RedisArgs,
    /// The PostgreSQL that would be used
    #[command(flatten)]
    pub postgres: PostgresArgs,
}

/// Looks, and says what it means for measurements.
///
/// # Errors
/// A thread could not be pinned to its core, or standard output is closed.
pub fn run(arguments: &DoctorArgs) -> anyhow::Result<Ended> {
    let surroundings = Surroundings::look();
    // Before the own measuring shows in it.
    let busy = machine::busy();
    let mut items = machine::examine(&surroundings);
    items.push(busy);
    items.extend(stalls::examine(&surroundings)?);
    items.push(tools::redis(&arguments.redis));
    items.push(tools::postgres(&arguments.postgres));
    items.extend(tools::examine());
    let diagnosis = Diagnosis {
        schema_version: SCHEMA_VERSION,
        tailrace_version: env!("CARGO_PKG_VERSION").into(),
        machine: surroundings.machine(),
        build: build()?,
        fit: items.iter().all(|item| item.fitness != Fitness::Unfit),
        items,
    };
    if arguments.json {
        printing::json(&diagnosis)?;
    } else {
        print(&diagnosis)?;
    }
    Ok(if diagnosis.fit { Ended::Fine } else { Ended::Failed })
}

fn print(diagnosis: &Diagnosis) -> anyhow::Result<()> {
    for Examined { name, fitness, seen, means, .. } in &diagnosis.items {
        printing::line(&format!("{:<9}{name:<11}{seen}", fitness.label()))?;
        printing::line(&format!("{:<20}{means}", ""))?;
    }
    let of = |fitness| diagnosis.items.iter().filter(|item| item.fitness == fitness).count();
    let verdict = if !diagnosis.fit {
        "What is UNFIT spoils every measurement here: mend that first.".to_owned()
    } else if of(Fitness::Care) > 0 {
        format!("Fit to measure, with care for {} of the above.", of(Fitness::Care))
    } else {
        "Fit to measure.".to_owned()
    };
    printing::line(&format!("\n{verdict} Nothing was changed."))?;
    Ok(())
}

/// What was looked at, without figures.
fn examined(name: &str, fitness: Fitness, seen: String, means: &str) -> Examined {
    let (name, means) = (name.to_owned(), means.to_owned());
    Examined { name, fitness, seen, means, figures: BTreeMap::new() }
}

/// The same with figures.
fn with<const N: usize>(item: Examined, figures: [(&str, f64); N]) -> Examined {
    let figures = figures.map(|(name, figure)| (name.to_owned(), figure));
    Examined { figures: BTreeMap::from(figures), ..item }
}

/// What the table of the seals says of a figure.
fn judged(figure: f64, by: &Threshold) -> Fitness {
    let beyond = |limit: Option<f64>| limit.is_some_and(|limit| figure > limit);
    match (beyond(by.invalid), beyond(by.suspect)) {
        (true, _) => Fitness::Unfit,
        (_, true) => Fitness::Care,
        _ => Fitness::Good,
    }
}

#[cfg(test)]
mod tests {
    use tailrace_measure::seals::STEAL;

    use super::*;

    #[test]
    fn figures_are_judged_by_the_table_of_the_seals() {
        assert_eq!(judged(0.0, &STEAL), Fitness::Good);
        assert_eq!(judged(0.02, &STEAL), Fitness::Care);
        assert_eq!(judged(0.06, &STEAL), Fitness::Unfit);
    }
}
