//! `summary.json`: rows, ratios and sentences over all rounds. How they come about is said in
//! [`crate::summary`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, AuditSeal, DurableRow, Judged, Measurement, SlowAnswer};

/// `summary.json`: what the run answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    pub schema_version: u32,
    /// The run's name.
    pub run: String,
    /// The answer of the experiment's primary figure, if it named one.
    pub answer: Option<Answer>,
    /// A verdict on each of its expectations, in declared order.
    pub verdicts: Vec<Judged>,
    /// One row an arm and load, in declared order.
    pub rows: Vec<Row>,
    /// What can be said beyond it: one sentence a promise.
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
    /// p50 of live, from the trials with a subscriber.
    #[serde(default)]
    pub live_p50: Option<Spread>,
    /// p99 of live, from the same.
    pub live_p99: Option<Spread>,
    /// The way into the store, from the same; none: there is no store.
    #[serde(default)]
    pub durable: Option<DurableRow>,
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
    /// 95 % interval of the median, from six trials on that all have a value.
    pub interval_ns: Option<(u64, u64)>,
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
    /// The interval's width comes from so many first rounds, which also said how many more were
    /// run (Stein's two stages). None: it comes from all rounds.
    #[serde(default)]
    pub first_stage: Option<u32>,
}
