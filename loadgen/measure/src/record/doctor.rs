//! What `tailrace doctor --json` prints: what a machine has, and what that means for figures that
//! are measured on it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Build, Machine};

/// The whole examination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Diagnosis {
    /// [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    pub schema_version: u32,
    /// Version of the program.
    pub tailrace_version: String,
    /// As it would stand in a manifest.
    pub machine: Machine,
    /// The program that looked.
    pub build: Build,
    /// In the order in which they were looked at.
    pub items: Vec<Examined>,
    /// Whether nothing is [`Fitness::Unfit`].
    pub fit: bool,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Examined {
    /// Stable.
    pub name: String,
    /// How good it is for measuring.
    pub fitness: Fitness,
    /// What was seen, in words.
    pub seen: String,
    /// What that means for measurements, or how to get what is missing, in one sentence.
    pub means: String,
    /// Figures by name; the name's end is the unit.
    pub figures: BTreeMap<String, f64>,
}

/// How good something is for measuring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fitness {
    /// As it should be.
    Good,
    /// Figures are to be read with care.
    Care,
    /// Not there; something that is optional does without, or cannot be done.
    Missing,
    /// What is measured so is no result.
    Unfit,
}

impl Fitness {
    /// As people read it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Care => "care",
            Self::Missing => "missing",
            Self::Unfit => "UNFIT",
        }
    }
}
