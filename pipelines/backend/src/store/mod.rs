//! Stores: where batches end up and history is read from. Both obey one trait, [`Store`], and one
//! suite of tests; here stands what both share, none of it SQL: what no store takes (`poison`),
//! what a batch adds to rollups (`rollup`), which of them answer a question (`buckets`), how rows
//! become aggregates (`aggregate`), how attributes are kept and compared (`attributes`).
//!
//! Read `rollup.rs`, then `sqlite/mod.rs` and `postgres/mod.rs`.
//!
//! [`Store`]: tailrace_contract::Store

mod aggregate;
mod attributes;
mod buckets;
mod poison;
pub mod postgres;
mod rollup;
pub mod sqlite;

pub use postgres::{Insert, PostgresConfig, PostgresStore};
pub use sqlite::SqliteStore;
