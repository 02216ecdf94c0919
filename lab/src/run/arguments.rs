//! Arguments of `run`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::RedisArgs;

/// Arguments of `run`.
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, Args, Clone)]
#[command(
    after_help = "A name is looked up as experiments/NAME.toml in the current folder, then among \
    the experiments that come with the program. How to write one: experiments/README.md"
)]
pub struct RunArgs {
    /// A file, or the name of an experiment; with --verify several, or none for all
    #[arg(value_name = "EXPERIMENT")]
    pub experiments: Vec<String>,
    /// List the experiments: what they ask, how long they take, what they lack here
    #[arg(long)]
    pub list: bool,
    /// Check the files and run nothing; exit code 2 when one is wrong
    #[arg(long, conflicts_with = "list")]
    pub verify: bool,
    /// Say what would run and for how long, and run nothing
    #[arg(long, conflicts_with_all = ["list", "verify"])]
    pub dry_run: bool,
    /// Change the file: window=500ms, load.low.rate=5000, arm.1.batch=10
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// How often every arm runs, instead of what the file says
    #[arg(long)]
    pub rounds: Option<u32>,
    /// From which everything random comes, instead of what the file says
    #[arg(long)]
    pub seed: Option<u64>,
    /// How the generator waits; a load whose entry says spin itself keeps to that
    #[command(flatten)]
    pub pacing: crate::pacing::PacingArgs,
    /// Folder of recorded runs
    #[arg(long, default_value = "results", env = "TAILRACE_RESULTS")]
    pub results: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Redis for the redis pipelines
    #[command(flatten)]
    pub redis: RedisArgs,
    /// PostgreSQL for arms with such a store
    #[command(flatten)]
    pub postgres: crate::postgres::PostgresArgs,
}
