//! What came of what an experiment asked: the primary figure's answer and a verdict on each
//! expectation. How they are judged is said in `verdicts.rs` and `primary.rs` of this crate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Expectation, Figure, Ratio};

/// The answer of the primary figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Which figure.
    pub figure: Figure,
    /// Slug of the load under which it was read.
    pub load: String,
    /// Slug of the load of the arms that others are divided by, if it is another.
    pub against_load: Option<String>,
    /// In one sentence, with names in backticks.
    pub sentence: String,
    /// The comparisons that the sentence tells, in declared order.
    pub comparisons: Vec<Comparison>,
}

/// One arm divided by another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Slug of the arm.
    pub arm: String,
    /// Slug of the arm that it is divided by.
    pub against: String,
    /// None: see `why_not`.
    pub ratio: Option<Ratio>,
    /// From six rounds on: the chance of a difference this large without one, by Student's t
    /// on the logarithms, after Holm's correction for all comparisons of this answer.
    pub p_holm: Option<f64>,
    /// Why there is no ratio.
    pub why_not: Option<String>,
}

/// What a run says about one expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// As it was written.
    pub expectation: Expectation,
    /// Whether it holds.
    pub verdict: Judgment,
    /// What was expected and what was seen, in one sentence with names in backticks.
    pub sentence: String,
    /// The ratio that was judged, if one was.
    pub ratio: Option<Ratio>,
}

/// A verdict on an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judgment {
    /// It holds, as far as the rounds go.
    Confirmed,
    /// It does not.
    Refuted,
    /// The rounds disagree, are too few, or may not be compared.
    CannotTell,
}
