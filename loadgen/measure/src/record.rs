//! The run record: what `manifest.json`, `trials/…/trial.json` and `summary.json` hold. Plain
//! data with published JSON Schemas; how the figures come about is said where they are
//! computed. Read [`crate::summary`] for how trials become rows and sentences.
//!
//! Units stand last in every name. Times are nanoseconds unless the name says otherwise.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Raised when a reader of old files would misread new ones.
pub const SCHEMA_VERSION: u32 = 1;

/// `manifest.json`: everything needed to run it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`].
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
    /// Runs of the same experiment that stand in the same results folder already.
    pub attempts_before: u32,
}

/// A question and the arms and loads that answer it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Short, in file names.
    pub name: String,
    /// In one sentence.
    pub question: String,
    /// From which schedules, payloads, samples and the order of arms come.
    pub seed: u64,
    /// How often every arm runs.
    pub rounds: u32,
    /// Slug of the arm that others are compared with.
    pub baseline: String,
    /// In declared order, the floor first.
    pub arms: Vec<Arm>,
    /// In the order in which they run on each fresh server.
    pub loads: Vec<Load>,
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
}

/// When batches are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Equal distances.
    Constant,
    /// Exponential distances: independent senders.
    Poisson,
}

/// One load that every arm gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Short, in file names.
    pub slug: String,
    /// For people: "low", "60 % of the slowest arm's capacity".
    pub label: String,
    /// Batches due a second.
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

/// `trial.json`: one arm under one load in one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Slug of the arm.
    pub arm: String,
    /// Slug of the load.
    pub load: String,
    /// From 1.
    pub round: u32,
    /// Place of the arm within its round, from 1.
    pub order: u32,
    /// Start of the window, RFC 3339, UTC.
    pub started_utc: String,
    /// SHA-256 over the due times of the window and warm-up.
    pub schedule_sha256: String,
    /// Length of the window.
    pub window_ns: u64,
    /// Batches due in the window, a second.
    pub offered_per_s: f64,
    /// Batches due in the window and acknowledged in time, a second.
    pub achieved_per_s: f64,
    /// The accounts of the batches due in the window.
    pub outcomes: Outcomes,
    /// Latencies and their parts.
    pub latencies: Latencies,
    /// The slowest answers, as single events.
    pub slowest: Vec<SlowAnswer>,
    /// What the system and the generator spent.
    pub cost: Cost,
    /// What was kept of what was acknowledged; covers warm-up and window.
    pub ledger: Ledger,
    /// The verdicts.
    pub seals: Seals,
    /// Faults that were made on purpose during the trial.
    pub faults: Vec<FaultEvent>,
    /// Why the trial ended before its time, if it did.
    pub ended_early: Option<String>,
}

/// scheduled = acked + refused + `timed_out` + broken + overflowed + censored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcomes {
    /// Due.
    pub scheduled: u64,
    /// Acknowledged within the timeout.
    pub acked: u64,
    /// Answered with a refusal, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Not answered within the timeout.
    pub timed_out: u64,
    /// Their connection broke after they were sent.
    pub broken: u64,
    /// Never sent: too many were waiting.
    pub overflowed: u64,
    /// Unanswered when the trial had to end.
    pub censored: u64,
    /// Flag, not an outcome: released within 10 ms of their due time.
    pub released_on_time: u64,
}

impl Outcomes {
    /// Batches whose latency ranks as infinite: timed out, overflowed, censored.
    pub fn unanswered(&self) -> u64 {
        self.timed_out + self.overflowed + self.censored
    }

    /// Batches that failed at once, shown as a rate beside the percentiles.
    pub fn failed(&self) -> u64 {
        self.broken + self.refused.values().sum::<u64>()
    }

    /// Whether every scheduled batch is accounted for.
    pub fn balances(&self) -> bool {
        self.scheduled == self.acked + self.unanswered() + self.failed()
    }
}

/// Everything is counted from when the batch was due, but for `service` and `queued`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latencies {
    /// Due to acknowledged; unanswered batches rank as infinite.
    pub ack: Distribution,
    /// Sent to acknowledged: diagnostic only.
    pub service: Distribution,
    /// Due to released: the generator's own fault.
    pub lateness: Distribution,
    /// Released to sent: waiting for a connection.
    pub queued: Distribution,
    /// Due to seen by a live subscriber, of the sampled batches.
    pub live: Option<Distribution>,
    /// Due to known as committed, of the sampled batches.
    pub durable: Option<Distribution>,
}

/// The percentiles that records carry.
pub const QUANTILES: [f64; 6] = [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999];

/// A latency distribution in figures; the whole of it is in the `.hlog` file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Recorded values.
    pub count: u64,
    /// Batches that rank as infinite above all recorded values.
    pub unanswered: u64,
    /// Smallest recorded value.
    pub min_ns: u64,
    /// Largest recorded value.
    pub max_ns: u64,
    /// One entry for each of [`QUANTILES`].
    pub quantiles: Vec<Quantile>,
}

impl Distribution {
    /// The entry of a quantile that records carry.
    pub fn at(&self, q: f64) -> Option<&Quantile> {
        self.quantiles.iter().find(|entry| (entry.q - q).abs() < 1e-9)
    }

    /// The value at a quantile, unless it falls among the unanswered.
    pub fn ns_at(&self, q: f64) -> Option<u64> {
        self.at(q).and_then(|entry| entry.ns)
    }
}

/// One percentile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantile {
    /// Between 0 and 1.
    pub q: f64,
    /// None: it falls among the unanswered ("> timeout"), or nothing was recorded.
    pub ns: Option<u64>,
    /// Batches that lie above it; printed from [`SUPPORT_MIN`] on.
    pub support: u64,
}

/// A percentile is printed when so many batches lie above it.
pub const SUPPORT_MIN: u64 = 10;

/// One slow answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowAnswer {
    /// Due, from the start of the window.
    pub due_ns: u64,
    /// Due to acknowledged.
    pub ack_ns: u64,
    /// Due to released.
    pub lateness_ns: u64,
}

/// What it cost. "None" means that it was not ours to measure.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Processor time of the server, microseconds for each acknowledged metric.
    pub server_cpu_us_per_metric: Option<f64>,
    /// The same of its backend.
    pub backend_cpu_us_per_metric: Option<f64>,
    /// Processor time of the generator's thread, microseconds for each batch due.
    pub generator_cpu_us_per_batch: f64,
    /// Share of its core that the generator used, 0 to 1.
    pub generator_core_share: f64,
    /// Largest resident memory of the server, bytes.
    pub server_peak_rss_bytes: Option<u64>,
    /// Largest resident memory of its backend, bytes.
    pub backend_peak_rss_bytes: Option<u64>,
    /// Context switches of the server, for each batch due.
    pub server_switches_per_batch: Option<f64>,
    /// Payload bytes on the wire from the client, for each metric; without TCP/IP headers.
    pub sent_bytes_per_metric: f64,
    /// Payload bytes on the wire to the client, for each metric.
    pub received_bytes_per_metric: f64,
}

impl Cost {
    /// Server and backend together.
    pub fn cpu_us_per_metric(&self) -> Option<f64> {
        let server = self.server_cpu_us_per_metric?;
        Some(server + self.backend_cpu_us_per_metric.unwrap_or(0.0))
    }
}

/// What is kept of what was acknowledged.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Every batch that was due, warm-up included, by outcome.
    pub outcomes: Outcomes,
    /// Batches that the log holds; none when it could not be asked.
    pub present: Option<u64>,
    /// Acknowledged, but not in the log: first and last of each range of sequences.
    pub missing: Vec<(u64, u64)>,
    /// In the log more than once.
    pub twice: Vec<(u64, u64)>,
    /// In the log, though never acknowledged: not a fault.
    pub indeterminate: u64,
    /// Stored after a batch with a larger sequence.
    pub out_of_order: u64,
    /// Sampled batches that a live subscriber should have seen, and those that it saw.
    pub live_due: u64,
    /// See `live_due`.
    pub live_seen: u64,
    /// Why there was no audit.
    pub not_audited: Option<String>,
}

/// The two seals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seals {
    /// Of the instrument.
    pub measurement: Measurement,
    /// Of the system.
    pub audit: AuditSeal,
    /// Every check with its figure.
    pub checks: Vec<Check>,
}

/// The instrument's verdict on itself. Ordered from good to bad.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Measurement {
    /// Nothing to object.
    Valid,
    /// To be read with care.
    Suspect,
    /// Kept, struck through, never ranked.
    Invalid,
}

/// The verdict on the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuditSeal {
    /// Every acknowledged batch is there, once.
    Kept,
    /// An acknowledged batch was lost or stored twice.
    Broken,
    /// There is nothing to audit (the floor), or it could not be asked: see the ledger.
    NotAudited,
}

/// One check of the instrument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Stable name: `lateness_p50`.
    pub name: String,
    /// What was seen.
    pub figure: f64,
    /// Of the figure and the thresholds: `ns`, `share`, `ratio`.
    pub unit: String,
    /// From where on it is SUSPECT; none: it never is.
    pub suspect_at: Option<f64>,
    /// From where on it is INVALID.
    pub invalid_at: Option<f64>,
    /// This check's verdict.
    pub verdict: Measurement,
    /// Set when the check judges one percentile of ack only.
    pub quantile: Option<f64>,
    /// For people.
    pub sentence: String,
}

/// A fault made on purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultEvent {
    /// From the start of the window; negative during warm-up.
    pub at_ns: i64,
    /// For people: "redis stopped", "redis continued", "server killed".
    pub what: String,
}

/// One line of `timeline.csv`: the batches due in one slice of time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Slice {
    /// Start of the slice, from the start of the window.
    pub due_ms: i64,
    /// Due in it.
    pub scheduled: u64,
    /// Of those, acknowledged in time.
    pub acked: u64,
    /// Of those, refused or broken.
    pub failed: u64,
    /// Of those, unanswered.
    pub unanswered: u64,
    /// Median ack, if any.
    pub ack_p50_ns: Option<u64>,
    /// 99th percentile of ack, if any.
    pub ack_p99_ns: Option<u64>,
    /// Largest ack, if any.
    pub ack_max_ns: Option<u64>,
    /// Largest lateness, if any.
    pub lateness_max_ns: Option<u64>,
    /// Sent or waiting and unanswered at the end of the slice.
    pub backlog: u64,
}

/// `summary.json`: what the run answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The run's name.
    pub run: String,
    /// One row an arm and load, in declared order.
    pub rows: Vec<Row>,
    /// The answer: one sentence a promise.
    pub sentences: Vec<String>,
    /// What a reader must know before believing: one line each.
    pub warnings: Vec<String>,
}

/// One arm under one load over all rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Slug of the arm.
    pub arm: String,
    /// Slug of the load.
    pub load: String,
    /// The arm's heading.
    pub promise: String,
    /// The bare echo.
    pub floor: bool,
    /// Trials that count (not INVALID), of those that ran.
    pub trials_valid: u32,
    /// All trials.
    pub trials: u32,
    /// Batches due in all windows.
    pub scheduled: u64,
    /// Batches acknowledged in time in all windows.
    pub acked: u64,
    /// Offered, a second: median of the trials.
    pub offered_per_s: f64,
    /// Acknowledged, a second: median of the trials.
    pub achieved_per_s: f64,
    /// p50 of ack.
    pub p50: Spread,
    /// p99 of ack.
    pub p99: Spread,
    /// p99 to the baseline's, paired by round; none for the baseline and the floor.
    pub p99_to_baseline: Option<Ratio>,
    /// CPU to the baseline's, paired by round.
    pub cpu_to_baseline: Option<Ratio>,
    /// p50 to the floor's, paired by round: the only figure comparable across runs.
    pub p50_to_floor: Option<Ratio>,
    /// p99 to the floor's.
    pub p99_to_floor: Option<Ratio>,
    /// Server and backend, microseconds for each metric: median.
    pub cpu_us_per_metric: Option<f64>,
    /// Of it the backend.
    pub backend_cpu_us_per_metric: Option<f64>,
    /// Payload bytes both ways for each metric: median.
    pub wire_bytes_per_metric: f64,
    /// p99 of live, from the trials with a subscriber.
    pub live_p99: Option<Spread>,
    /// The worst audit seal.
    pub audit: AuditSeal,
    /// The worst measurement seal.
    pub measurement: Measurement,
    /// Why it is not VALID, or not ranked: sentences.
    pub reasons: Vec<String>,
    /// p99 is less than twice the floor's in most rounds: "machine, not pipeline".
    pub machine_not_pipeline: bool,
    /// The slowest answers of all trials.
    pub slowest: Vec<SlowAnswer>,
}

/// A figure over rounds: never an average of percentiles, always the trials themselves.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// One value a valid trial, by round; none: beyond the timeout or without support.
    pub by_round_ns: Vec<Option<u64>>,
    /// Median of the trials; none when it lies beyond the timeout or lacks support.
    pub median_ns: Option<u64>,
    /// Lowest of the trials.
    pub lowest_ns: Option<u64>,
    /// Highest of the trials; none with `beyond_timeout` set: above the timeout.
    pub highest_ns: Option<u64>,
    /// At least one trial's value lies beyond the timeout.
    pub beyond_timeout: bool,
    /// At least one trial has too few batches above it to print it.
    pub unsupported: bool,
}

/// A ratio of two arms, paired by round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// Geometric mean of the rounds' ratios.
    pub mean: f64,
    /// 95 % interval, or none below two rounds.
    pub interval: Option<(f64, f64)>,
    /// Lowest ratio of a round.
    pub lowest: f64,
    /// Highest ratio of a round.
    pub highest: f64,
    /// Rounds on the majority's side of 1.
    pub same_direction: u32,
    /// Rounds with both values.
    pub rounds: u32,
}
