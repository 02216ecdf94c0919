//! What `compare --json` prints: arms of one run or of two, figure by figure. How they are
//! compared is said in [`crate::compare`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Figure;

/// Arms of one run, or of two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunComparison {
    /// [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    pub schema_version: u32,
    /// The run of the first arms.
    pub run_a: String,
    /// The run of the second ones; may be the same.
    pub run_b: String,
    /// What makes two trials comparable.
    pub by: ComparedBy,
    /// In declared order.
    pub figures: Vec<ComparedFigure>,
    /// What a reader must know before believing: one line each.
    pub warnings: Vec<String>,
}

/// What makes two trials comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComparedBy {
    /// They ran in the same round of one run: the ratio is taken within the round.
    Round,
    /// Each is divided by the floor of its own round, and these ratios are compared: two runs
    /// have nothing else in common.
    Floor,
}

/// One figure of an arm divided by that of another, under one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComparedFigure {
    /// Slug of the load.
    pub load: String,
    /// Its rate.
    pub rate_per_s: f64,
    /// Slug of the first arm.
    pub arm_a: String,
    /// Slug of the second one, which the first is divided by.
    pub arm_b: String,
    /// Which figure.
    pub figure: Figure,
    /// Median of the rounds of the first, in the figure's unit: nanoseconds, microseconds of CPU
    /// or bytes for each metric.
    pub a: Option<f64>,
    /// The same of the second.
    pub b: Option<f64>,
    /// Geometric mean of the ratios; none: see `sentence`.
    pub ratio: Option<f64>,
    /// 95 % interval of the ratio, from six rounds on.
    pub interval: Option<(f64, f64)>,
    /// Lowest and highest ratio: of the rounds, or of any two rounds of two runs.
    pub range: Option<(f64, f64)>,
    /// Rounds of the first and of the second that are in the ratio.
    pub rounds: (u32, u32),
    /// From six rounds on: the chance of a difference this large without one, after Holm's
    /// correction for everything that this comparison prints.
    pub p_holm: Option<f64>,
    /// What it allows to say.
    pub verdict: Compared,
    /// In words.
    pub sentence: String,
}

/// What a comparison allows to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// The first is higher.
    Higher,
    /// The first is lower.
    Lower,
    /// No difference was found.
    NoDifference,
    /// They may not be compared, or there are too few rounds.
    CannotTell,
}
