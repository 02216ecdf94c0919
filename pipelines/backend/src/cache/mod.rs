//! Caches of answers about history. [`MemoryCache`] serves one process;
//! [`crate::redis::RedisCache`] is shared by every server and worker of a Redis. [`Forgetting`]
//! stands between a worker's commits and either of them.
//!
//! Read `memory` first: the same rules without a network.

mod forgetting;
mod memory;

pub use forgetting::Forgetting;
pub use memory::{MemoryCache, MemoryCacheLimits};
