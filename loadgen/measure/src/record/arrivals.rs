//! When batches are due, as it is asked and recorded: the shape of the traffic. Beside each shape
//! stands a mean rate; [`crate::schedule`] makes due times from both.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When batches are due. The rate beside it is always the mean; figures of a shape are
/// proportions, and where no rate is given they are batches a second themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Equal distances.
    Constant,
    /// Exponential distances: independent senders.
    Poisson,
    /// Equally many at one instant, the instants equally far apart: senders that share a clock.
    Burst {
        /// Due at each instant.
        batches: u32,
    },
    /// Ever more, or ever fewer: the rate changes evenly from the window's begin to its end. The
    /// warm-up has the first rate.
    Ramp {
        /// At the window's begin.
        from: f64,
        /// At its end.
        to: f64,
    },
    /// One rate after the other. The warm-up has the first.
    Steps {
        /// In order; after the last, the first follows again.
        steps: Vec<Step>,
    },
    /// Equal distances for a while, then silence, again and again. The warm-up is on throughout.
    OnOff {
        /// Length of each time with batches, milliseconds.
        on_ms: u64,
        /// Length of each silence.
        off_ms: u64,
    },
    /// The due times of a file, stretched evenly to the rate; after the last, the first follows
    /// again, one mean distance later.
    Replay(Replay),
}

/// One of the rates of [`Arrivals::Steps`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// In proportion to the others.
    pub rate: f64,
    /// So long, milliseconds; none: the window's equal part.
    pub for_ms: Option<u64>,
}

/// A file of due times, as it was when the run began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// Where it was read.
    pub file: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Due times in it.
    pub batches: u64,
    /// From the first to the last.
    pub span_ns: u64,
    /// Most in one second of it, counted in whole seconds from the first.
    pub second_max: u64,
}

impl Replay {
    /// The mean rate as recorded: each batch but the last is followed by a distance.
    pub fn rate_per_s(&self) -> f64 {
        self.batches.saturating_sub(1) as f64 * 1e9 / self.span_ns.max(1) as f64
    }
}

impl Arrivals {
    /// The mean rate that the shape itself names, batches a second; none: it names none.
    pub fn own_rate_per_s(&self) -> Option<f64> {
        match self {
            Self::Constant | Self::Poisson | Self::Burst { .. } | Self::OnOff { .. } => None,
            Self::Ramp { from, to } => Some(f64::midpoint(*from, *to)),
            Self::Steps { steps } => Some(mean(steps)),
            Self::Replay(replay) => Some(replay.rate_per_s()),
        }
    }

    /// Whether every part of the window has about the same rate, so that its halves can be held
    /// against each other.
    pub fn keeps_its_rate(&self) -> bool {
        !matches!(self, Self::Ramp { .. } | Self::Steps { .. } | Self::Replay(_))
    }

    /// The highest rate of a while, divided by the mean. A burst is an instant and no while.
    pub fn peak_to_mean(&self) -> f64 {
        match self {
            Self::Constant | Self::Poisson | Self::Burst { .. } => 1.0,
            Self::Ramp { from, to } => from.max(*to) / f64::midpoint(*from, *to),
            Self::Steps { steps } => {
                steps.iter().map(|step| step.rate).fold(0.0, f64::max) / mean(steps)
            }
            Self::OnOff { on_ms, off_ms } => (on_ms + off_ms) as f64 / *on_ms as f64,
            Self::Replay(replay) => (replay.second_max as f64 / replay.rate_per_s()).max(1.0),
        }
    }
}

/// Of equal parts where no step has a length; otherwise all have one.
fn mean(steps: &[Step]) -> f64 {
    let weight = |step: &Step| step.for_ms.map_or(1.0, |ms| ms as f64);
    let weights: f64 = steps.iter().map(weight).sum();
    steps.iter().map(|step| step.rate * weight(step)).sum::<f64>() / weights
}

/// As people read it.
impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Poisson => f.write_str("Poisson"),
            Self::Burst { batches } => write!(f, "bursts of {batches}"),
            Self::Ramp { from, to } => write!(f, "a ramp {from} to {to}"),
            Self::Steps { steps } => {
                f.write_str("steps ")?;
                for (index, step) in steps.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", step.rate)?;
                    step.for_ms.map_or(Ok(()), |ms| write!(f, " for {ms} ms"))?;
                }
                Ok(())
            }
            Self::OnOff { on_ms, off_ms } => write!(f, "{on_ms} ms on, {off_ms} ms off"),
            Self::Replay(replay) => {
                write!(f, "{} due times of {}", replay.batches, replay.file)
            }
        }
    }
}
