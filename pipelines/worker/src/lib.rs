//! From the log to the store: a batch that was acknowledged is stored once, whatever dies on the
//! way. It knows the contract only, no Redis and no SQL.
//!
//! Read `worker.rs` first (what runs, and how it ends), then the way of a batch: `reader.rs` and
//! `claim.rs` (from the log), `batching.rs` (what a commit holds), `committer.rs` with `retry.rs`
//! and `isolate.rs` (into the store, whatever happens), `finisher.rs` (back to the log and out to
//! the feeds). `progress.rs` tells how it goes; `detector.rs` with `spikes.rs` and `lead.rs` is the
//! second group, which has nothing to do with the store.

mod batching;
mod claim;
mod committer;
mod detector;
mod finisher;
mod hold;
mod isolate;
mod lead;
mod options;
mod page;
pub mod progress;
mod reader;
pub mod retry;
mod spikes;
mod tally;
mod worker;

pub use detector::{Detector, DetectorOptions};
pub use options::{DETECTOR_GROUP, Options, STORE_GROUP};
pub use progress::Progress;
pub use tally::Tally;
pub use worker::{Drained, Parts, Worker};
