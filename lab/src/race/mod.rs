//! `tailrace race`: the quick comparison, an experiment that needs no file. How an experiment is
//! played is in [`crate::play`].

mod definition;
mod low;
pub mod saturate;
mod window;

use crate::cli::RaceArgs;
use crate::exit::Ended;
use crate::play::{Stage, play};

/// Races and reports.
///
/// # Errors
/// An unknown pipeline, a server that does not start, or results that cannot be written.
pub fn run(arguments: &RaceArgs) -> anyhow::Result<Ended> {
    let definition = definition::definition(arguments)?;
    let RaceArgs { results, json, redis, faults, .. } = arguments;
    play(&definition, &Stage { results, json: *json, redis, faults })
}
