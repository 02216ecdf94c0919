//! Named points on the way to the store, where a test may stop a worker in order to kill it.
//! Nothing is installed in ordinary use: a point then costs one load.

use std::sync::OnceLock;

/// A point where a crash would be the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Entries were taken from the log; nothing else happened.
    AfterRead,
    /// Rows were written, rollups not all; nothing is committed.
    DuringRollup,
    /// Everything was written; nothing is committed.
    BeforeCommit,
    /// Everything is committed; the log does not know.
    AfterCommit,
}

impl Point {
    /// All of them, in the order of the way.
    pub const ALL: [Self; 4] =
        [Self::AfterRead, Self::DuringRollup, Self::BeforeCommit, Self::AfterCommit];

    /// As it is written on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::AfterRead => "after-read",
            Self::DuringRollup => "during-rollup",
            Self::BeforeCommit => "before-commit",
            Self::AfterCommit => "after-commit",
        }
    }
}

type Probe = Box<dyn Fn(Point) + Send + Sync>;

static PROBE: OnceLock<Probe> = OnceLock::new();

/// Calls `probe` at every point from now on. The first one stays.
pub fn install(probe: impl Fn(Point) + Send + Sync + 'static) {
    // A second one would be a mistake of the program's start, which installs one.
    let _ = PROBE.set(Box::new(probe));
}

/// The way has come to a point.
pub fn reached(point: Point) {
    if let Some(probe) = PROBE.get() {
        probe(point);
    }
}
