//! What an experiment asks: where its text comes from, which figure decides, and what its
//! authors expect of each arm. What came of it stands in `answer.rs`, which is to be read next.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Distribution, Latencies};

/// Where an experiment was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name of the file, without its folder.
    pub file: String,
    /// SHA-256 over the file as it was read, in hexadecimal digits.
    pub sha256: String,
    /// What the command line changed in it, as it was written there.
    pub set: Vec<String>,
}

/// A figure of a trial that arms are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// p50 of ack.
    P50,
    /// p99 of ack.
    P99,
    /// p99 of live, under a load with a subscriber.
    LiveP99,
    /// p50 of durable, of an arm with a store under a load with a subscriber.
    DurableP50,
    /// p99 of durable.
    DurableP99,
    /// Processor time of server and backend for each metric.
    Cpu,
    /// Payload bytes both ways for each metric.
    WireBytes,
    /// Batches acknowledged a second.
    Achieved,
}

impl Figure {
    /// Every figure, as experiments write it.
    pub const NAMES: [(&'static str, Figure); 8] = [
        ("p50", Figure::P50),
        ("p99", Figure::P99),
        ("live_p99", Figure::LiveP99),
        ("durable_p50", Figure::DurableP50),
        ("durable_p99", Figure::DurableP99),
        ("cpu", Figure::Cpu),
        ("wire_bytes", Figure::WireBytes),
        ("achieved", Figure::Achieved),
    ];

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Figure::P50 => "p50",
            Figure::P99 => "p99",
            Figure::LiveP99 => "live p99",
            Figure::DurableP50 => "durable p50",
            Figure::DurableP99 => "durable p99",
            Figure::Cpu => "CPU per metric",
            Figure::WireBytes => "wire bytes per metric",
            Figure::Achieved => "batches answered a second",
        }
    }

    /// Whether only a subscriber can see it.
    pub fn needs_subscriber(self) -> bool {
        matches!(self, Figure::LiveP99 | Figure::DurableP50 | Figure::DurableP99)
    }

    /// Whether only an arm with a store has it.
    pub fn needs_store(self) -> bool {
        matches!(self, Figure::DurableP50 | Figure::DurableP99)
    }

    /// Whether it is a latency.
    pub fn is_latency(self) -> bool {
        matches!(self, Figure::P50 | Figure::P99) || self.needs_subscriber()
    }

    /// The percentile of ack that it is, if it is one.
    pub(crate) fn quantile(self) -> Option<f64> {
        match self {
            Figure::P50 => Some(0.5),
            Figure::P99 => Some(0.99),
            _ => None,
        }
    }

    /// The distribution and the percentile of it that a subscriber saw, if it is such a figure.
    pub(crate) fn seen(self, latencies: &Latencies) -> Option<(&Distribution, f64)> {
        match self {
            Figure::LiveP99 => Some((latencies.live.as_ref()?, 0.99)),
            Figure::DurableP50 => Some((latencies.durable.as_ref()?, 0.5)),
            Figure::DurableP99 => Some((latencies.durable.as_ref()?, 0.99)),
            _ => None,
        }
    }
}

/// The one figure that decides; all others are exploratory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Primary {
    /// Which.
    pub figure: Figure,
    /// Slug of the load under which it is read.
    pub load: String,
    /// Slug of a load under which the same arm is its own measure: each arm is divided by itself
    /// there. None: arms are divided by each other.
    pub against_load: Option<String>,
    /// Which arm is divided by which: slugs. Empty: each by the baseline of its promise.
    pub pairs: Vec<(String, String)>,
}

/// What the authors expect, in a form that a run can judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// In words.
    pub that: String,
    /// Slug of the arm.
    pub arm: String,
    /// Slug of the load.
    pub load: String,
    /// What must hold.
    pub claim: Claim,
}

/// What is expected of an arm under a load. Absolute times are not among them: they drift
/// from run to run by more than most differences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// Its figure divided by that of another arm, or by its own under another load, paired by
    /// round.
    Ratio {
        /// Which figure.
        figure: Figure,
        /// Slug of the arm that it is divided by.
        against: String,
        /// Slug of that arm's load.
        against_load: String,
        /// Where the ratio should lie.
        bounds: Bounds,
    },
    /// Its p50 or p99 divided by that of the floor, paired by round.
    ToFloor {
        /// `p50` or `p99`.
        figure: Figure,
        /// Where the ratio should lie.
        bounds: Bounds,
    },
    /// The share of due batches that it acknowledged in time, in each round.
    Answered {
        /// Where the share should lie, 0 to 1.
        bounds: Bounds,
    },
    /// Every acknowledged batch is in its log, once, in each round.
    AuditKept,
}

/// Above, below, or between.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Larger than this.
    pub above: Option<f64>,
    /// Smaller than this.
    pub below: Option<f64>,
}
