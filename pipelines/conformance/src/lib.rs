//! The one suite that every pipeline must pass. It drives the real server through the
//! pipeline's own client half, over loopback, and looks at the result through the observer.
//! It knows no transport and no backend; it measures nothing.
//!
//! # How to use it
//! Serve a pipeline whose log is wrapped in a [`GatedLog`] and whose bus keeps [`NOTICES`], describe
//! it as a [`Subject`], and run every entry of [`CASES`], each on a fresh subject:
//!
//! ```ignore
//! for (name, case) in tailrace_conformance::CASES {
//!     let subject = serve(pipeline, GatedLog::new(log)).await;
//!     tailrace_conformance::run(*case, &subject).await.with_context(|| *name)?;
//! }
//! ```
//! The observer must count what the door answered (`tailrace_ingest_refused_total` at
//! `/metrics`); a multi-threaded runtime is not needed.
//!
//! [`door`] and [`secured`] are for a transport's own tests.
//!
//! Read next: [`Subject`], then `gate.rs` (how a log is made to stall), then any file in
//! `cases/`.

mod cases;
mod client;
mod door;
mod gate;
mod observer;
pub mod secured;
mod subject;
mod traffic;

pub use cases::{CASES, CaseFn, run};
pub use door::{TestDoor, Watcher, door};
pub use gate::GatedLog;
pub use subject::Subject;

use std::time::Duration;

/// Notices that a subject's bus keeps for a subscriber. Far fewer than a server's own: what is
/// slower than the bus is wide must be overtaken within a moment, also by a machine that has no time.
pub const NOTICES: usize = 256;

/// Longer than any single step takes on a busy machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an answer that must not come is waited for. An absence cannot be awaited; a
/// server that breaks the rule answers within a millisecond.
const SILENCE: Duration = Duration::from_millis(100);
