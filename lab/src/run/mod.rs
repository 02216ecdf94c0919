//! `tailrace run`: an experiment from a file, or one that comes with the program. Read
//! `shipped.rs` for where a name is looked up, `listing.rs` for `--list` and `--verify`, `plan.rs`
//! for `--dry-run`; how it is played is in [`crate::play`].

mod arguments;
mod listing;
mod plan;
pub mod shipped;

use tailrace_loadgen::experiment::{Catalog, Definition, read};

use crate::contestants::Contestants;
use crate::exit::{Ended, Fault};
use crate::play::catalog::with_contestants;
use crate::play::{Stage, play};
use shipped::Found;

pub use arguments::RunArgs;
pub use listing::questions;

/// Lists, verifies, plans or plays.
///
/// # Errors
/// No such experiment, a mistake in its file, a server that does not start, or results that
/// cannot be written.
pub fn run(arguments: &RunArgs) -> anyhow::Result<Ended> {
    if arguments.list {
        return listing::list(arguments);
    }
    if arguments.verify {
        return listing::verify(arguments);
    }
    let [experiment] = arguments.experiments.as_slice() else {
        let known = shipped::names().join(", ");
        return Err(Fault::Usage(format!(
            "which experiment? One file or name; known are {known}. `tailrace run --list` says \
             what they ask"
        ))
        .into());
    };
    let contestants = contestants();
    let catalog = with_contestants(&arguments.redis, &contestants);
    let definition = definition(&shipped::find(experiment)?, arguments, &catalog)?;
    if arguments.dry_run {
        return plan::print(&definition, arguments, &contestants);
    }
    let RunArgs { results, json, redis, postgres, .. } = arguments;
    let contestants = &contestants;
    let json = *json;
    play(&definition, &Stage { results, json, redis, postgres, contestants, faults: &[] })
}

/// The contestants that an experiment may name. A file of theirs that is wrong is told; whether it
/// matters is seen when an arm names it.
fn contestants() -> Contestants {
    let contestants = Contestants::look();
    contestants.faults().iter().for_each(|fault| eprintln!("no contestant: {fault}"));
    contestants
}

/// What the file says, with what the command line sets in it.
fn definition(found: &Found, arguments: &RunArgs, catalog: &Catalog) -> Result<Definition, Fault> {
    let mut set = arguments.set.clone();
    set.extend(arguments.rounds.map(|rounds| format!("rounds={rounds}")));
    set.extend(arguments.pacing.spin.then(|| "spin=true".to_owned()));
    set.extend(arguments.seed.map(|seed| format!("seed={seed}")));
    read(&found.file, &found.text, &set, catalog).map_err(|fault| Fault::Usage(fault.to_string()))
}
