//! `manifest.json`: what was asked, where it ran, and what ran. No figure of a measurement
//! stands here. Read next: `question.rs`, then `trial.rs`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arrivals, Expectation, Primary, Source, StoreSetup};

/// `manifest.json`: everything needed to run it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    pub schema_version: u32,
    /// Version of the program.
    pub tailrace_version: String,
    /// The run's name, which is also its folder's.
    pub run: String,
    /// Start, RFC 3339, UTC.
    pub started_utc: String,
    /// The command line that made it.
    pub command: Vec<String>,
    /// What was asked, as resolved.
    pub experiment: Experiment,
    /// Where it ran.
    pub machine: Machine,
    /// What ran.
    pub build: Build,
    /// Which core did what.
    pub placement: Placement,
    /// Redis and the like, as they answered.
    pub backends: Vec<BackendInfo>,
    /// Servers of others that were raced.
    #[serde(default)]
    pub contestants: Vec<ContestantInfo>,
    /// Runs of the same experiment that stand in the same results folder already.
    pub attempts_before: u32,
}

/// A question and the arms and loads that answer it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Short, in file names.
    pub name: String,
    /// In one sentence.
    pub question: String,
    /// What its authors expected before it ran; empty: nothing was written down.
    pub prediction: String,
    /// What to look for and why, and which side the set-up favours.
    pub about: String,
    /// Where it was read; none: it is built into the program.
    pub source: Option<Source>,
    /// From which schedules, payloads, samples and the order of arms come.
    pub seed: u64,
    /// How often every arm runs; ran, once the run is over and `decide` is set.
    pub rounds: u32,
    /// Six rounds, and then as many more as the primary figure's spread asks for.
    #[serde(default)]
    pub decide: bool,
    /// Slug of the arm that others are compared with.
    pub baseline: String,
    /// Faults made on purpose in every trial but the floor's, as they are written.
    #[serde(default)]
    pub faults: Vec<String>,
    /// In declared order, the floor first.
    pub arms: Vec<Arm>,
    /// In the order in which they run on each fresh server.
    pub loads: Vec<Load>,
    /// The figure that decides, if one was named before it ran.
    pub primary: Option<Primary>,
    /// What its authors expect; the run judges each.
    pub expectations: Vec<Expectation>,
    /// Arms that could not run here, each with one line that says how to get them.
    pub left_out: Vec<String>,
}

/// One thing that is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Short, in file names; the pipeline's name where nothing else varies.
    pub slug: String,
    /// `http1-redis` and the like, or `floor`.
    pub pipeline: String,
    /// Arms are ranked only within one heading ("promises nothing after a crash").
    pub promise: String,
    /// The bare echo: not a contestant but the gauge of the machine.
    pub floor: bool,
    /// Connections of the generator.
    pub connections: u32,
    /// Requests that one connection may have in flight.
    pub in_flight_per_connection: u32,
    /// Metrics in one batch.
    pub batch_metrics: u32,
    /// How a batch is written.
    pub codec: Codec,
    /// Whether the connections are TLS.
    pub tls: bool,
    /// When the server hands answers to the system.
    pub flush: Flush,
    /// What stands between generator and server; none: only the loopback.
    pub link: Option<Link>,
    /// Whether the server asks for a key, so that its gate is part of what is measured.
    #[serde(default)]
    pub keys: bool,
    /// Where a worker takes its batches, or the server writes them itself; none: they stay in the
    /// log.
    #[serde(default)]
    pub store: Option<StoreSetup>,
    /// How its private Redis writes to disk; none: as all of the run do.
    #[serde(default)]
    pub fsync: Option<Fsync>,
}

impl Arm {
    /// Whether an acknowledgement says that the batch is in the store: durable is ack then.
    pub fn commits_first(&self) -> bool {
        self.store.is_some_and(|store| store.insert.is_some())
    }
}

/// How a private Redis writes to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fsync {
    /// Not at all.
    No,
    /// Once a second.
    Everysec,
    /// Before it answers.
    Always,
}

impl Fsync {
    /// As Redis calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Everysec => "everysec",
            Self::Always => "always",
        }
    }
}

/// How a batch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// Text.
    Json,
    /// The same shape in binary.
    Msgpack,
}

impl Codec {
    /// As people write it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Msgpack => "MessagePack",
        }
    }
}

/// When a server hands a connection's answers to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flush {
    /// All that are ready, together.
    Batch,
    /// Each by itself.
    Each,
}

/// A stretch of network that is imitated by a process between generator and server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Delay of both directions together, milliseconds.
    pub round_trip_ms: f64,
    /// Each direction carries so many million bits a second; none: no limit.
    pub bandwidth_mbit_per_s: Option<f64>,
}

/// One load that every arm gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Short, in file names.
    pub slug: String,
    /// For people: "low", "60 % of the slowest arm's capacity".
    pub label: String,
    /// Batches due a second, the mean of the window.
    pub rate_per_s: f64,
    /// When they are due.
    pub arrivals: Arrivals,
    /// Before the window: the same load, not counted.
    pub warm_up_ms: u64,
    /// Batches due in this time are the denominator.
    pub window_ms: u64,
    /// An answer later than this, from when it was due, is no answer.
    pub timeout_ms: u64,
    /// Batches sent and unanswered, over all connections, plus those that wait to be sent.
    pub in_flight_max: u64,
    /// A live subscriber follows one batch in so many; none: no subscriber.
    pub feed_one_in: Option<u64>,
    /// Further subscribers that follow the same batches and are not measured; none: nobody else.
    #[serde(default)]
    pub crowd: Option<Crowd>,
    /// Whether the generator polls without sleeping shortly before each due time, instead of
    /// sleeping until then.
    #[serde(default)]
    pub spin: bool,
}

/// Subscribers beside the one that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Crowd {
    /// How many there are, the stalled ones included.
    pub subscribers: u32,
    /// How many of them never read what they are sent.
    pub stalled: u32,
}

/// The machine, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Model of the processor.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
    /// Frequency governor, if readable.
    pub governor: Option<String>,
    /// Container or virtual machine, if it shows.
    pub virtualization: Option<String>,
    /// TCP congestion control that sockets get here if nobody chooses another: those of servers,
    /// backends and links; none: not readable, or of a time before it was recorded.
    #[serde(default)]
    pub congestion_control: Option<String>,
    /// That of the generator's sockets over loopback; none: as before.
    #[serde(default)]
    pub generator_congestion_control: Option<String>,
}

/// The program.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Git revision, with `+dirty` when the tree had changes.
    pub revision: String,
    /// SHA-256 of the running binary.
    pub binary_sha256: String,
    /// Compiler.
    pub rustc: String,
    /// `release` or `debug`: figures of a debug build are no figures.
    pub profile: String,
}

/// Which core did what.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Cores of the server, its backend and worker.
    pub server_cores: Vec<u32>,
    /// Cores of the generator and the feed reader.
    pub generator_cores: Vec<u32>,
    /// True when both share cores because there is only one.
    pub shared: bool,
}

/// A backend as it answered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackendInfo {
    /// `redis`.
    pub name: String,
    /// Version and persistence as it says.
    pub description: String,
    /// Started by this run (its CPU is attributed, faults are allowed) or given.
    pub private: bool,
}

/// Somebody else's server, as it was raced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContestantInfo {
    /// The arms' `pipeline`.
    pub name: String,
    /// What it is made of, as its file says.
    pub title: String,
    /// As it says itself.
    pub version: String,
    /// What was started, before its port was known.
    pub command: Vec<String>,
    /// Its description and its sources.
    pub files: Vec<SourceFile>,
    /// Why nobody asks what it holds; none: it is audited.
    pub not_audited: Option<String>,
}

/// A file and what was in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Relative to the contestant's folder.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
}
