//! What `replay --json` prints: a recorded run and the same run again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RunComparison;

/// A run that was run again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reproduction {
    /// [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    pub schema_version: u32,
    /// The recorded run.
    pub recorded: String,
    /// The new one.
    pub again: String,
    /// Whether it came out the same.
    pub verdict: Reproduced,
    /// In words.
    pub sentence: String,
    /// What was not the same as then: one line each.
    pub notes: Vec<String>,
    /// The new run divided by the recorded one.
    pub comparison: RunComparison,
}

/// Whether a run came out the same again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reproduced {
    /// Nothing that could be compared differs.
    Reproduced,
    /// Something differs.
    NotReproduced,
    /// Nothing could be compared.
    CannotTell,
}
