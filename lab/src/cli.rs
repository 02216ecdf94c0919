//! The command line. Flag over environment (`TAILRACE_*`) over default. Here are the verbs, and what
//! the small ones can be asked; the arguments of the others are in `cli/racing.rs`, `cli/serving.rs`
//! and beside their verbs.

mod racing;
mod serving;
mod values;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::exit::Ended;
use crate::keygen::KeygenArgs;
use crate::run::RunArgs;
use crate::site::SiteArgs;

pub use racing::{RaceArgs, SaturateArgs};
pub use serving::{HealthArgs, ProduceArgs, REDIS_PASSWORD_FILE, REDIS_URL, RedisArgs, ServeArgs};
pub(crate) use values::rate;
pub use values::{CodecArg, FlushArg, FsyncArg};

/// Race ingestion pipelines and measure their tails honestly.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without a verb: race.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Arguments of the race that runs without a verb.
    #[command(flatten)]
    pub race: RaceArgs,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Quick comparison of the pipelines that this machine can run, about two minutes
    Race(RaceArgs),
    /// Load anyone's endpoint by a schedule that waits for nothing: HTTP/1.1, HTTP/2, WebSocket
    Load(crate::load::LoadArgs),
    /// Run an experiment: a question with arms, loads and expectations, from a file or by name
    Run(RunArgs),
    /// Serve a pipeline until stopped
    Serve(ServeArgs),
    /// Move what a Redis pipeline acknowledged into a store; several share the work
    Worker(crate::worker::WorkerArgs),
    /// Entries that could not be stored: list them, store them once that is mended
    Dlq(crate::dlq::DlqArgs),
    /// Who reads a log in Redis: list the groups, give one up that nobody will read again
    Groups(crate::groups::GroupsArgs),
    /// Fill a store with users and events to look at; a second time it stores nothing new
    Seed(crate::seed::SeedArgs),
    /// Ask a served pipeline whether it takes batches
    Health(HealthArgs),
    /// Make the secrets of a deployment: a TLS identity and a password for Redis
    Keygen(KeygenArgs),
    /// The keys of a server: add one, list them, revoke one
    Keys(crate::keys::KeysArgs),
    /// Send the metrics of a fake fleet to a served pipeline
    Produce(ProduceArgs),
    /// Delay what goes to an address, and limit how much of it goes a second
    Link(crate::link::LinkArgs),
    /// How much a pipeline takes in a closed loop, paired by rounds
    Saturate(SaturateArgs),
    /// Hold the generator against servers of known behaviour: the error of every percentile
    Calibrate(crate::calibrate::CalibrateArgs),
    /// How much a pipeline, or anyone's endpoint, takes before it misses an objective
    Capacity(crate::capacity::CapacityArgs),
    /// Compare arms of one run, paired by round, or of two, by their ratios to the floor
    Compare(crate::compare::CompareArgs),
    /// Draw the plots and the report of a recorded run again
    Report(ReportArgs),
    /// Write static pages of all recorded runs
    Site(SiteArgs),
    /// Run a recorded run again, and say whether it came out the same
    Replay(crate::replay::ReplayArgs),
    /// Open a page on loopback where runs are planned, predicted, started and watched
    Console(crate::console::ConsoleArgs),
    /// Play a high-load scenario on a real server, and say whether what was expected came
    Demo(crate::demo::DemoArgs),
    /// Look at this machine: what it does to measurements, and what is missing
    Doctor(crate::doctor::DoctorArgs),
    /// List recorded runs and known pipelines
    List(ListArgs),
    /// Print or write the JSON Schemas of the result files
    Schema(SchemaArgs),
    /// Print shell completions
    Completions {
        /// For which shell.
        shell: Shell,
    },
}

/// Arguments of `report`.
#[derive(Debug, Args, Clone)]
pub struct ReportArgs {
    /// A path, a unique beginning of a run's name, or `latest`
    #[arg(default_value = "latest")]
    pub run: String,
    /// Folder of recorded runs
    #[arg(long, default_value = "results", env = "TAILRACE_RESULTS")]
    pub results: PathBuf,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `list`.
#[derive(Debug, Args, Clone)]
pub struct ListArgs {
    /// Folder of recorded runs
    #[arg(long, default_value = "results", env = "TAILRACE_RESULTS")]
    pub results: PathBuf,
    /// The Redis that pipelines would get
    #[command(flatten)]
    pub redis: RedisArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `schema`.
#[derive(Debug, Args, Clone)]
pub struct SchemaArgs {
    /// Write one file for each schema into this folder instead of printing them
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Prints completions for a shell.
///
/// # Errors
/// Standard output is closed.
pub fn completions(shell: Shell) -> anyhow::Result<Ended> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tailrace", &mut text);
    std::io::stdout().write_all(&text)?;
    Ok(Ended::Fine)
}
