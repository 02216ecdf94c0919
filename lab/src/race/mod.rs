//! `tailrace race`: the quick comparison, an experiment that needs no file. How an experiment is
//! played is in [`crate::play`].

mod definition;
mod low;
pub mod peers;
pub mod saturate;
mod window;

use std::path::Path;

use clap::{Args, ValueEnum};
use tailrace_loadgen::experiment::limits;
use tailrace_measure::record::{StoreKind, StoreSetup};

use crate::cli::RaceArgs;
use crate::contestants::{Contestants, is_contestant};
use crate::exit::{Ended, Fault};
use crate::play::{Stage, play};
use crate::postgres::InsertArg;
use crate::registry::{self, LogKind};
use crate::stocked::own_store;

/// What stands behind the pipelines of a race.
#[derive(Debug, Args, Clone, Copy)]
pub struct BehindArgs {
    /// Behind every pipeline a worker and a store of its own: sqlite or postgres. Under the load with
    /// a live subscriber its latency `durable` is measured, and every audit goes to the end
    #[arg(long, value_enum)]
    pub store: Option<StoreArg>,
    /// Worker processes beside the server, of pipelines with a log in Redis; 0: one inside it
    #[arg(long, default_value_t = 0, requires = "store",
          value_parser = clap::value_parser!(u32).range(..=limits::WORKERS_MAX as i64))]
    pub workers: u32,
    /// How pipelines that commit to PostgreSQL before they answer write the rows of a batch
    #[arg(long, value_enum)]
    pub insert: Option<InsertArg>,
}

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreArg {
    /// A file.
    Sqlite,
    /// A private PostgreSQL, or the one that --postgres names.
    Postgres,
}

impl BehindArgs {
    /// As an arm has it, if it has a log.
    fn setup(self, log: Option<LogKind>) -> Option<StoreSetup> {
        if let Some(own) = own_store(log) {
            return Some(StoreSetup { insert: self.insert.map(Into::into).or(own.insert), ..own });
        }
        let kind = match self.store? {
            StoreArg::Sqlite => StoreKind::Sqlite,
            StoreArg::Postgres => StoreKind::Postgres,
        };
        // A log in the server's memory is read there alone.
        let workers = if log? == LogKind::Redis { self.workers } else { 0 };
        Some(StoreSetup { kind, workers, insert: None })
    }
}

/// Races and reports.
///
/// # Errors
/// An unknown pipeline, a server that does not start, or results that cannot be written.
pub fn run(arguments: &RaceArgs) -> anyhow::Result<Ended> {
    let contestants = asked(&arguments.pipelines)?;
    let definition = definition::definition(arguments, &contestants)?;
    let RaceArgs { results, redis, postgres, faults, .. } = arguments;
    let (json, contestants) = (arguments.json, &contestants);
    play(&definition, &Stage { results, json, redis, postgres, contestants, faults })
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
