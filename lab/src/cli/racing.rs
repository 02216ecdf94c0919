//! What `race` and `saturate` can be asked. Read next: `serving.rs`.

use std::path::PathBuf;

use clap::Args;
use tailrace_loadgen::experiment::parse_arrivals;
use tailrace_loadgen::faults::Fault;
use tailrace_measure::record::Arrivals;

use super::serving::RedisArgs;
use super::values::{CodecArg, rate};
use crate::pacing::PacingArgs;
use crate::race::peers::Peer;

/// Arguments of `race`.
#[derive(Debug, Args, Clone)]
pub struct RaceArgs {
    /// Pipelines to race; none: all that this machine can run. The floor always runs
    pub pipelines: Vec<String>,
    /// How often every arm runs
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub rounds: u32,
    /// The low rate, batches a second; without it 2,000, or less where a round trip lets no more
    /// through
    #[arg(long, value_parser = rate)]
    pub rate: Option<f64>,
    /// The high rate, batches a second; without it, a share of what the slowest arm takes, or what
    /// the generator offers with ease, if that is less
    #[arg(long, value_parser = rate)]
    pub high_rate: Option<f64>,
    /// Length of each window; without it as much as lets the race end in about two minutes, and
    /// at most 2.5 s
    #[arg(long, value_parser = tailrace_producers::parse_duration)]
    pub window: Option<std::time::Duration>,
    /// An answer later than this after its due time is no answer
    #[arg(long, default_value = "5s", value_parser = tailrace_producers::parse_duration)]
    pub timeout: std::time::Duration,
    /// Metrics in a batch
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub batch: u32,
    /// How batches are written: as text, or in the binary that shows what the text costs
    #[arg(long, value_enum, default_value_t = CodecArg::Json)]
    pub codec: CodecArg,
    /// Serve every pipeline over TLS, and its observer; the floor stays in clear text
    #[arg(long)]
    pub tls: bool,
    /// Everything random comes from here
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// When batches are due: constant (equal distances), poisson (independent senders), burst:N
    /// (N at one instant), ramp:A-B, steps:A,B,…, on-off:200ms/800ms, replay:FILE (CSV of due
    /// times). Rates are means, so figures of ramps and steps are proportions, and a file is
    /// stretched
    #[arg(long, default_value = "poisson", value_parser = parse_arrivals)]
    pub arrivals: Arrivals,
    /// How the generator waits
    #[command(flatten)]
    pub pacing: PacingArgs,
    /// A fault in every trial but the floor's: redis:stop:3s@1s, server:kill@1s
    #[arg(long = "fault")]
    pub faults: Vec<Fault>,
    /// Folder of recorded runs
    #[arg(long, default_value = "results", env = "TAILRACE_RESULTS")]
    pub results: PathBuf,
    /// Print the summary as JSON instead of the table
    #[arg(long)]
    pub json: bool,
    /// A distance to the servers
    #[command(flatten)]
    pub link: crate::link::BeforeArgs,
    /// Redis for the redis pipelines
    #[command(flatten)]
    pub redis: RedisArgs,
    /// A store behind every pipeline
    #[command(flatten)]
    pub behind: crate::race::BehindArgs,
    /// PostgreSQL for arms with such a store
    #[command(flatten)]
    pub postgres: crate::postgres::PostgresArgs,
}

/// Arguments of `saturate`.
#[derive(Debug, Args, Clone)]
pub struct SaturateArgs {
    /// Pipelines (with -tls behind the name: over TLS), and bare servers such as bare-http1,
    /// bare-http1-codec, bare-ws, bare-ws-codec; the first is the one that others are divided by
    #[arg(required = true)]
    pub contestants: Vec<String>,
    /// Load generators of others that drive the first contestant too, in the same rounds: what a
    /// request costs them stands beside what it costs this one
    #[arg(long, value_enum, value_delimiter = ',')]
    pub against: Vec<Peer>,
    /// How often every contestant runs
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub rounds: u32,
    /// Length of each window
    #[arg(long, default_value = "2s", value_parser = tailrace_producers::parse_duration)]
    pub window: std::time::Duration,
    /// Connections, instead of the pipeline's own number
    #[arg(long)]
    pub connections: Option<u32>,
    /// Threads of the generator, each on a core of its own beside the server's
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub threads: u32,
    /// Requests in flight on each connection, instead of the pipeline's own number
    #[arg(long)]
    pub in_flight: Option<u32>,
    /// Metrics in a batch
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub batch: u32,
    /// How batches are written: as text, or in the binary that shows what the text costs
    #[arg(long, value_enum, default_value_t = CodecArg::Json)]
    pub codec: CodecArg,
    /// Order within the rounds, and the metrics, come from here
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
    /// The Redis of redis pipelines
    #[command(flatten)]
    pub redis: RedisArgs,
}
