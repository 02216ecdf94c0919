//! Logs and buses: memory and Redis. This is the only crate that speaks to Redis; it knows no
//! transport and does not know whether anybody measures it.
//!
//! Read [`memory`] first: the whole life of a batch in one process. Then [`bus`], [`redis`]
//! (the same promises across processes) and [`private`] (a Redis of one's own).

pub mod alerts;
pub mod bus;
pub mod cache;
mod delivery;
pub mod direct;
pub mod memory;
pub mod private;
pub mod redis;
mod ring;
pub mod store;

pub use alerts::LocalAlerts;
pub use bus::LocalBus;
pub use cache::{Forgetting, MemoryCache, MemoryCacheLimits};
pub use direct::{DirectLimits, DirectLog};
pub use memory::{Aggregate, Aggregates, MemoryLimits, MemoryLog};
pub use private::{Commits, Found, Persistence, PrivatePostgres, PrivateRedis, StartError};
pub use redis::{
    Forgotten, GroupTold, GroupsTold, RedisAlerts, RedisBuckets, RedisBus, RedisCache, RedisConfig,
    RedisGroups, RedisLimits, RedisLog, RedisSessions,
};
pub use store::{Insert, PostgresConfig, PostgresStore, SqliteStore};
