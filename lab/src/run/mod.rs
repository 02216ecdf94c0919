//! `tailrace run`: an experiment from a file, or one that comes with the program. Read
//! `shipped.rs` for where a name is looked up, `listing.rs` for `--list` and `--verify`, `plan.rs`
//! for `--dry-run`; how it is played is in [`crate::play`].

mod arguments;
mod listing;
mod plan;
pub mod shipped;

use tailrace_loadgen::experiment::{Catalog, Definition, read};

use crate::exit::{Ended, Fault};
use crate::play::catalog::catalog;
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
    let catalog = catalog(arguments.redis.fsync);
    let definition = definition(&shipped::find(experiment)?, arguments, &catalog)?;
    if arguments.dry_run {
        return plan::print(&definition, arguments);
    }
    let RunArgs { results, json, redis, .. } = arguments;
    play(&definition, &Stage { results, json: *json, redis, faults: &[] })
}

/// What the file says, with what the command line sets in it.
fn definition(found: &Found, arguments: &RunArgs, catalog: &Catalog) -> Result<Definition, Fault> {
    let mut set = arguments.set.clone();
    set.extend(arguments.rounds.map(|rounds| format!("rounds={rounds}")));
    set.extend(arguments.seed.map(|seed| format!("seed={seed}")));
    read(&found.file, &found.text, &set, catalog).map_err(|fault| Fault::Usage(fault.to_string()))
}
