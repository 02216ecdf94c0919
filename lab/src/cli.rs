//! The command line. Flag over environment (`TAILRACE_*`) over default.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tailrace_loadgen::experiment::parse_arrivals;
use tailrace_loadgen::faults::Fault;
use tailrace_measure::record::Arrivals;

use crate::exit::Ended;
use crate::keygen::KeygenArgs;
use crate::race::peers::Peer;
use crate::redis::Password;
use crate::run::RunArgs;
use crate::site::SiteArgs;
use crate::tls::{ClientTls, ServerTls};

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
    /// How much a pipeline takes before it misses an objective
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

/// The variable with the URL of a Redis. Servers that are started here get it this way: other
/// users of the machine can read command lines, and a URL may hold a password.
pub const REDIS_URL: &str = "TAILRACE_REDIS_URL";
/// The variable with the file of its password. Servers that are started here need none: their
/// URL holds it already.
pub const REDIS_PASSWORD_FILE: &str = "TAILRACE_REDIS_PASSWORD_FILE";

/// Which Redis.
#[derive(Debug, Args, Clone)]
pub struct RedisArgs {
    /// A running Redis; without it a private one is started from an installed redis-server
    #[arg(long = "redis", env = REDIS_URL, hide_env_values = true, value_name = "URL")]
    pub url: Option<String>,
    /// A file with the password of that Redis, such as a container's secret; instead of one in
    /// the URL
    #[arg(
        long = "redis-password-file",
        env = REDIS_PASSWORD_FILE,
        value_name = "FILE",
        requires = "url",
        value_parser = Password::read
    )]
    pub password: Option<Password>,
    /// How a private Redis writes to disk
    #[arg(long = "redis-fsync", value_enum, default_value_t = FsyncArg::Everysec)]
    pub fsync: FsyncArg,
}

/// Arguments of `serve`.
#[derive(Debug, Args, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct ServeArgs {
    /// Which pipeline
    pub pipeline: String,
    /// Address of the transport; port 0: a free one
    #[arg(long, default_value = "127.0.0.1:7070", env = "TAILRACE_INGEST")]
    pub ingest: SocketAddr,
    /// Address of live feeds, audit and health; port 0: a free one
    #[arg(long, default_value = "127.0.0.1:7071", env = "TAILRACE_OBSERVER")]
    pub observer: SocketAddr,
    /// Serve without keys: whoever reaches the address may write and read
    #[arg(long, conflicts_with = "keys")]
    pub open: bool,
    /// Who may write and read
    #[command(flatten)]
    pub gate: crate::gate::GateArgs,
    /// Serve on addresses that other machines can reach: everyone there may write and read. For
    /// networks of containers whose ports are published on loopback only
    #[arg(long)]
    pub trust_network: bool,
    /// When a connection's answers leave: one flush for all that are ready, or one for each
    #[arg(long, value_enum, default_value_t = FlushArg::Batch)]
    pub flush: FlushArg,
    /// Prefix of all keys and channels in Redis
    #[arg(long, default_value = "tailrace", env = "TAILRACE_REDIS_PREFIX")]
    pub redis_prefix: String,
    /// Chart.js for the observer's live page; without it, where `cd dashboard && npm ci` puts it
    #[arg(long, env = "TAILRACE_CHART_JS", value_name = "FILE")]
    pub chart_js: Option<PathBuf>,
    /// Leave the store to `tailrace worker` (a log in Redis), and only answer from it
    #[arg(long, requires = "store")]
    pub no_worker: bool,
    /// Do not look for spikes
    #[arg(long, requires = "store")]
    pub no_detector: bool,
    /// End when standard input ends: for whoever starts servers
    #[arg(long, hide = true)]
    pub with_parent: bool,
    /// Remove what was put into Redis at the end, and let it expire if that fails
    #[arg(long, hide = true)]
    pub throwaway: bool,
    /// The Redis of a redis pipeline
    #[command(flatten)]
    pub redis: RedisArgs,
    /// The store
    #[command(flatten)]
    pub store: crate::store::StoreArgs,
    /// TLS of both listeners
    #[command(flatten)]
    pub tls: ServerTls,
}

/// Arguments of `health`.
#[derive(Debug, Args, Clone)]
pub struct HealthArgs {
    /// The observer of the pipeline: http://host:port or https://host:port
    #[arg(default_value = "http://127.0.0.1:7071")]
    pub url: String,
    /// Whom to believe behind https://
    #[command(flatten)]
    pub tls: ClientTls,
    /// A key with the role admin is told how much there is
    #[command(flatten)]
    pub key: crate::shown::KeyArgs,
    /// No answer within this time is an answer too
    #[arg(long, default_value = "5s", value_parser = tailrace_producers::parse_duration)]
    pub timeout: std::time::Duration,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `produce`.
#[derive(Debug, Args, Clone)]
pub struct ProduceArgs {
    /// Where to: http://host:port, https://, ws://, wss://, h2c:// (HTTP/2 in clear text) or h2://
    pub url: String,
    /// Hosts of the fleet; each sends one batch every period
    #[arg(long, default_value_t = 500)]
    pub hosts: usize,
    /// The period of each host
    #[arg(long, default_value = "1s", value_parser = tailrace_producers::parse_duration)]
    pub every: std::time::Duration,
    /// What is sent
    #[arg(long, default_value = "hosts")]
    pub shape: String,
    /// Spikes of the metrics, such as every=60s,for=5s,height=3
    #[arg(long)]
    pub spikes: Option<String>,
    /// Bursts of the rate: see the producers' README
    #[arg(long)]
    pub burst: Option<String>,
    /// Stop after so long; without it, at Ctrl-C
    #[arg(long = "for", value_parser = tailrace_producers::parse_duration)]
    pub duration: Option<std::time::Duration>,
    /// Connections
    #[arg(long, default_value_t = 4)]
    pub connections: usize,
    /// How batches are written: as text, or in the binary that shows what the text costs
    #[arg(long, value_enum, default_value_t = CodecArg::Json)]
    pub codec: CodecArg,
    /// Everything random comes from here
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Whom to believe behind https://, wss:// and h2://
    #[command(flatten)]
    pub trust: ClientTls,
    /// The key to show
    #[command(flatten)]
    pub key: crate::shown::KeyArgs,
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

/// How batches are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CodecArg {
    /// Text.
    Json,
    /// The same shape in binary.
    Msgpack,
}

impl From<CodecArg> for tailrace_measure::record::Codec {
    fn from(codec: CodecArg) -> Self {
        match codec {
            CodecArg::Json => Self::Json,
            CodecArg::Msgpack => Self::Msgpack,
        }
    }
}

impl From<CodecArg> for tailrace_contract::codec::Codec {
    fn from(codec: CodecArg) -> Self {
        match codec {
            CodecArg::Json => Self::Json,
            CodecArg::Msgpack => Self::Msgpack,
        }
    }
}

/// When a connection's answers leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FlushArg {
    /// All that are ready, together.
    Batch,
    /// Each by itself: shows what coalescing saves.
    Each,
}

impl From<FlushArg> for tailrace_contract::transport::Flush {
    fn from(flush: FlushArg) -> Self {
        match flush {
            FlushArg::Batch => Self::Batch,
            FlushArg::Each => Self::Each,
        }
    }
}

/// How a private Redis writes to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FsyncArg {
    /// Not at all: what it holds dies with it.
    No,
    /// Once a second: about two seconds may be lost when it dies.
    Everysec,
    /// Before it answers.
    Always,
}

impl From<tailrace_measure::record::Fsync> for FsyncArg {
    fn from(fsync: tailrace_measure::record::Fsync) -> Self {
        match fsync {
            tailrace_measure::record::Fsync::No => Self::No,
            tailrace_measure::record::Fsync::Everysec => Self::Everysec,
            tailrace_measure::record::Fsync::Always => Self::Always,
        }
    }
}

pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    let allowed = 1.0..=2_000_000.0;
    if allowed.contains(&rate) {
        return Ok(rate);
    }
    Err(format!("{rate} is not a rate between 1 and 2,000,000 batches a second"))
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
