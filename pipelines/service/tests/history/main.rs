//! History over real sockets, from a real SQLite file. One program, so that it links once.

mod bench;
mod caching;
mod outages;
mod questions;
mod specification;
mod stream;
mod tenants;
