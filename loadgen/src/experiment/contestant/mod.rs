//! Contestants: somebody else's servers, each described in a file as strict as an experiment's.
//! Every key is in `contestants/README.md`. Nothing here runs, and no file but the given text is
//! looked at: [`Contestant`] is what it says, checked. `wire.rs` is its shape, `check.rs` what a
//! shape cannot say; what is sent to it is made in [`crate::shape`].

mod check;
mod wire;

use std::collections::BTreeMap;

use serde::Deserialize;
use tailrace_contract::promise::Survives;
use toml::de::{DeTable, Deserializer};

use super::fault::{Fault, Place};
use crate::shape::Shape;
use check::Checked;
use wire::File;

/// What a contestant may ask for.
pub mod limits {
    /// Bytes of a file: the longest description is a hundredth of it.
    pub const FILE_BYTES_MAX: usize = 64 << 10;
    /// Installing: a compiler may have to run, but nobody waits longer in silence.
    pub const INSTALL_MS_MAX: u64 = 900_000;
    /// Installing, when the file does not say: some hundred packages over a slow line.
    pub const INSTALL_MS: u64 = 120_000;
    /// Until it is ready: the slowest of virtual machines are up by then.
    pub const READY_MS_MAX: u64 = 120_000;
    /// Until it is ready, when the file does not say.
    pub const READY_MS: u64 = 20_000;
}

/// The port that it listens on, on loopback.
pub const PORT: &str = "{{port}}";
/// The address of the Redis that was started for it.
pub const REDIS_URL: &str = "{{redis_url}}";

/// How it is spoken to; always in clear text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// Messages over WebSocket, each answered by one, in their order.
    Ws,
}

/// What a file says, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contestant {
    /// Short, in experiments and file names.
    pub name: String,
    /// In a line: what it is made of.
    pub title: String,
    /// What to know about it; may be empty.
    pub about: String,
    /// What its acknowledgement promises.
    pub promise: Survives,
    /// Whether a Redis of its own is started for it.
    pub wants_redis: bool,
    /// What is started.
    pub program: Program,
    /// What is run before, once.
    pub install: Option<Install>,
    /// When it may be spoken to.
    pub ready: Ready,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// What is sent.
    pub shape: Shape,
    /// Where it says what it holds of a run, or why it does not.
    pub audit: Result<String, String>,
    /// Of the file.
    pub sha256: String,
}

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Program and arguments, with [`PORT`] and [`REDIS_URL`].
    pub command: Vec<String>,
    /// Where: relative to the file's own folder.
    pub folder: String,
    /// Added to this program's environment; the same placeholders.
    pub environment: BTreeMap<String, String>,
    /// Says its version as the first line of its standard output.
    pub version: Vec<String>,
    /// Its sources, whose hashes are recorded: relative to `folder`.
    pub files: Vec<String>,
    /// Programs that must be installed, each with how to get it.
    pub needs: Vec<(String, String)>,
}

/// What is run once before it is started for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// Program and arguments.
    pub command: Vec<String>,
    /// When this file changes it is run again: relative to the program's folder.
    pub lock: String,
    /// It is killed after this time.
    pub timeout_ms: u64,
}

/// When a server may be spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// How that is found out.
    pub by: ReadyBy,
    /// It has failed after this time.
    pub timeout_ms: u64,
}

/// How it is found out that a server may be spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadyBy {
    /// A GET of this path is answered with 200.
    Get(String),
    /// A line of its standard output contains this.
    Line(String),
}

/// Reads and checks a contestant; `file` is for messages.
///
/// # Errors
/// The first mistake, with its place and what would be valid.
pub fn read(file: &str, text: &str) -> Result<Contestant, Fault> {
    let place = Place { file, text, set: &[] };
    if text.len() > limits::FILE_BYTES_MAX {
        let most = limits::FILE_BYTES_MAX >> 10;
        return Err(place.whole(&format!("a contestant's file may have {most} KiB")));
    }
    let parsed = DeTable::parse(text)
        .and_then(|root| File::deserialize(Deserializer::from(root)))
        .map_err(|error| place.fault(error.span().unwrap_or(0..0), error.message()))?;
    Checked { place: &place, wants_redis: parsed.backend.is_some() }.contestant(&parsed)
}
