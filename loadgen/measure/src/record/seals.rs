//! The verdicts of a trial: on the instrument, and on the system. How they are reached is said
//! in [`crate::seals`]. Read next: `summary.rs`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
