//! Logs and buses: memory and Redis. This is the only crate that speaks to Redis; it knows no
//! transport and does not know whether anybody measures it.
//!
//! Read [`memory`] first: the whole life of a batch in one process. Then [`bus`], [`redis`]
//! (the same promises across processes) and [`private`] (a Redis of one's own).

pub mod bus;
mod delivery;
pub mod memory;
pub mod private;
pub mod redis;
pub mod store;

pub use bus::LocalBus;
pub use memory::{Aggregate, Aggregates, MemoryLimits, MemoryLog};
pub use private::{Found, Persistence, PrivateRedis, StartError};
pub use redis::{RedisBuckets, RedisBus, RedisConfig, RedisLimits, RedisLog, RedisSessions};
pub use store::SqliteStore;
