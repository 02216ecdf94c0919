//! Values that several verbs take: how batches are written, when answers leave, how Redis writes to
//! disk, rates. They are the command line's words for what the records call by the same names.

use clap::ValueEnum;

/// How batches are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CodecArg {
    /// Text.
    Json,
    /// The same shape in binary.
    Msgpack,
}

impl From<CodecArg> for tailrace_measure::record::Codec {
    fn from(codec: CodecArg) -> Self {
        match codec {
            CodecArg::Json => Self::Json,
            CodecArg::Msgpack => Self::Msgpack,
        }
    }
}

impl From<CodecArg> for tailrace_contract::codec::Codec {
    fn from(codec: CodecArg) -> Self {
        match codec {
            CodecArg::Json => Self::Json,
            CodecArg::Msgpack => Self::Msgpack,
        }
    }
}

/// When a connection's answers leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FlushArg {
    /// All that are ready, together.
    Batch,
    /// Each by itself: shows what coalescing saves.
    Each,
}

impl From<FlushArg> for tailrace_contract::transport::Flush {
    fn from(flush: FlushArg) -> Self {
        match flush {
            FlushArg::Batch => Self::Batch,
            FlushArg::Each => Self::Each,
        }
    }
}

/// How a private Redis writes to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FsyncArg {
    /// Not at all: what it holds dies with it.
    No,
    /// Once a second: about two seconds may be lost when it dies.
    Everysec,
    /// Before it answers.
    Always,
}

impl From<tailrace_measure::record::Fsync> for FsyncArg {
    fn from(fsync: tailrace_measure::record::Fsync) -> Self {
        match fsync {
            tailrace_measure::record::Fsync::No => Self::No,
            tailrace_measure::record::Fsync::Everysec => Self::Everysec,
            tailrace_measure::record::Fsync::Always => Self::Always,
        }
    }
}

/// A rate that somebody may ask for.
///
/// # Errors
/// It is no number, or none that anybody offers.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    let allowed = 1.0..=2_000_000.0;
    if allowed.contains(&rate) {
        return Ok(rate);
    }
    Err(format!("{rate} is not a rate between 1 and 2,000,000 a second"))
}
