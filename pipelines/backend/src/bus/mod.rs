//! Buses. The one over Redis lives beside its log, in [`crate::redis`], because it repairs its
//! gaps from the log's stream; it hands on to the [`LocalBus`] of its process.

mod local;

pub use local::LocalBus;
