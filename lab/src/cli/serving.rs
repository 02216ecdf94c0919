//! What `serve`, `health` and `produce` can be asked: both ends of a pipeline that somebody runs, and
//! its Redis. Read next: `values.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::values::{CodecArg, FlushArg, FsyncArg};
use crate::postgres::InsertArg;
use crate::redis::Password;
use crate::tls::{ClientTls, ServerTls};

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
    /// How a pipeline that commits to PostgreSQL before it answers writes the rows of a batch
    /// [default: copy]
    #[arg(long, value_enum)]
    pub insert: Option<InsertArg>,
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
