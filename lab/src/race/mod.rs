//! `tailrace race`: the quick comparison, an experiment that needs no file. How an experiment is
//! played is in [`crate::play`].

mod definition;
mod low;
pub mod peers;
pub mod saturate;
mod window;

use std::path::Path;

use crate::cli::RaceArgs;
use crate::contestants::{Contestants, is_contestant};
use crate::exit::{Ended, Fault};
use crate::play::{Stage, play};
use crate::registry;

/// Races and reports.
///
/// # Errors
/// An unknown pipeline, a server that does not start, or results that cannot be written.
pub fn run(arguments: &RaceArgs) -> anyhow::Result<Ended> {
    let contestants = asked(&arguments.pipelines)?;
    let definition = definition::definition(arguments, &contestants)?;
    let RaceArgs { results, json, redis, faults, .. } = arguments;
    play(&definition, &Stage { results, json: *json, redis, contestants: &contestants, faults })
}

/// The contestants that were asked for, by name or by path, under their names. Who asks for none
/// gets none: they may have to be installed.
fn asked(names: &[String]) -> Result<Contestants, Fault> {
    let mut contestants = Contestants::look();
    let mut asked = Contestants::default();
    for name in names.iter().filter(|name| registry::find(name).is_err()) {
        let name = if is_path(name) { &contestants.add(Path::new(name))? } else { name };
        let entry = contestants.named(name).ok_or_else(|| contestants.unknown(name))?;
        asked.insert(entry.clone());
    }
    Ok(asked)
}

fn is_path(name: &str) -> bool {
    let path = Path::new(name);
    name.contains(['/', '\\']) || path.extension().is_some() || is_contestant(path)
}
