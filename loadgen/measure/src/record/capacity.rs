//! `capacity.json`: how much a pipeline or an endpoint takes before it misses an objective. How it is searched
//! is said in the crate `tailrace-loadgen`, `capacity`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a search for capacity found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    pub schema_version: u32,
    /// The run's name.
    pub run: String,
    /// Name of the pipeline, or the endpoint's address.
    pub arm: String,
    /// What must hold in a trial, as it was written.
    pub objectives: Vec<String>,
    /// The answer.
    pub answer: CapacityAnswer,
    /// Whether the objectives could be decided, and were met at some rate.
    pub found: bool,
    /// Highest rate at which 3 of 3 trials passed, batches a second.
    pub passed_per_s: Option<f64>,
    /// Lowest rate above it at which at least 2 of 3 failed.
    pub failed_per_s: Option<f64>,
    /// In one sentence.
    pub sentence: String,
    /// Every rate that was tried, the lowest first: the latency against the rate.
    pub rungs: Vec<CapacityRung>,
}

/// Of which kind the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapacityAnswer {
    /// Between a rate that passed and one that failed.
    Between,
    /// Already the lowest rate failed.
    BelowLowest,
    /// The highest rate that was allowed still passed.
    AboveHighest,
    /// A rate passed above one that failed, or trials were not good enough.
    CannotDecide,
    /// Ctrl-C.
    Interrupted,
}

/// One rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityRung {
    /// Batches due a second.
    pub rate_per_s: f64,
    /// Its trials.
    pub trials: Vec<CapacityTrial>,
}

/// One trial on a fresh server. The whole of it is in `trials/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityTrial {
    /// From 1, within its rate.
    pub round: u32,
    /// Acknowledged in time, a second.
    pub achieved_per_s: f64,
    /// Acknowledged in time, of those due, 0 to 1.
    pub answered: f64,
    /// p50 of ack; none: beyond the timeout.
    pub ack_p50_ns: Option<u64>,
    /// p99 of ack.
    pub ack_p99_ns: Option<u64>,
    /// p99 of live, with a subscriber.
    pub live_p99_ns: Option<u64>,
    /// Server and backend.
    pub cpu_us_per_metric: Option<f64>,
    /// Its backlog grew to the end, or so fast that it was ended.
    pub overloaded: bool,
    /// What it says about the objectives.
    pub verdict: CapacityVerdict,
    /// Why, for people.
    pub reason: String,
}

/// What one trial says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapacityVerdict {
    /// Every objective was met.
    Passed,
    /// One was missed.
    Failed,
    /// The instrument was not good enough, or too few batches lie above a percentile.
    Undecided,
}
