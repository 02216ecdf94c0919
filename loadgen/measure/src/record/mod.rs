//! The run record: what `manifest.json`, `trials/…/trial.json` and `summary.json` hold. Plain
//! data with published JSON Schemas; how the figures come about is said where they are
//! computed. Read `manifest.rs`, `question.rs`, `trial.rs`, `durable.rs`, `seals.rs`, `summary.rs`
//! and `answer.rs` in this order, then [`crate::summary`] for how trials become rows and sentences.
//!
//! Units stand last in every name. Times are nanoseconds unless the name says otherwise.

mod answer;
mod arrivals;
mod calibration;
mod capacity;
mod compare;
mod doctor;
mod durable;
mod manifest;
mod question;
mod reproduction;
mod seals;
mod summary;
mod trial;

pub use answer::{Answer, Comparison, Judged, Judgment};
pub use arrivals::{Arrivals, Replay, Step};
pub use calibration::{
    Absent, Calibration, Cell, Floor, FloorPoint, Peer, PingPong, PingPongRound, Point, Tally,
    Verdict,
};
pub use capacity::{Capacity, CapacityAnswer, CapacityRung, CapacityTrial, CapacityVerdict};
pub use compare::{Compared, ComparedBy, ComparedFigure, RunComparison};
pub use doctor::{Diagnosis, Examined, Fitness};
pub use durable::{
    BatchAge, Durability, DurableRow, Exposure, Insert, StoreKind, StoreLedger, StoreSetup,
};
pub use manifest::{
    Arm, BackendInfo, Build, Codec, ContestantInfo, Crowd, Experiment, Flush, Fsync, Link, Load,
    Machine, Manifest, Placement, SourceFile,
};
pub use question::{Bounds, Claim, Expectation, Figure, Primary, Source};
pub use reproduction::{Reproduced, Reproduction};
pub use seals::{AuditSeal, Check, Measurement, Seals};
pub use summary::{Ratio, Row, Spread, Summary};
pub use trial::{
    Cost, Distribution, EPISODES_MIN, FaultEvent, Latencies, Ledger, Outcomes, QUANTILES, Quantile,
    SUPPORT_MIN, Slice, SlowAnswer, Trial,
};

/// Raised when a reader of old files would misread new ones. Files of [`SCHEMA_VERSION_LEAST`] on
/// are read: what they do not know is absent from them.
pub const SCHEMA_VERSION: u32 = 3;

/// The oldest version whose files say the same as today's. Version 3 brought stores: before it,
/// nothing lay behind the log.
pub const SCHEMA_VERSION_LEAST: u32 = 2;
