//! Finding a Redis: one that was given, else a private one, else a line that says how to get it.

use std::hash::{BuildHasher, RandomState};

use tailrace_backend::{Found, Persistence, PrivateRedis, RedisConfig};
use tailrace_contract::{LogError, RunId};

use crate::cli::{FsyncArg, RedisArgs};
use crate::exit::Fault;

/// The Redis of a served pipeline, and its process when it was started here.
///
/// # Errors
/// None was given and none is installed.
pub fn for_server(
    arguments: &RedisArgs,
    prefix: &str,
) -> Result<(RedisConfig, Option<PrivateRedis>), Fault> {
    let (url, private) = match find(arguments) {
        Found::Given(url) => (url, None),
        Found::Private => {
            let redis = PrivateRedis::start(persistence(arguments.fsync), None)
                .map_err(|error| Fault::Missing(error.to_string()))?;
            (redis.url(), Some(redis))
        }
        Found::Missing(how) => return Err(Fault::Missing(how)),
    };
    // What a served pipeline was given stays until somebody removes it.
    let config = RedisConfig { expiry: None, ..RedisConfig::new(url, prefix) };
    Ok((config, private))
}

/// A Redis that does not answer is a service that is missing.
pub fn missing_if_unreachable(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref() {
        Some(LogError::Unreachable { .. }) => Fault::Missing(format!(
            "{error}; does the Redis that was given run, and is this its address? Without \
             --redis (TAILRACE_REDIS_URL) a private one is started"
        ))
        .into(),
        _ => error,
    }
}

/// Where Redis comes from.
pub fn find(arguments: &RedisArgs) -> Found {
    Found::redis(arguments.url.as_deref())
}

/// As the private Redis knows it.
pub fn persistence(fsync: FsyncArg) -> Persistence {
    match fsync {
        FsyncArg::No => Persistence::None,
        FsyncArg::Everysec => Persistence::EverySec,
        FsyncArg::Always => Persistence::Always,
    }
}

/// 128 bits that nobody else has. The standard library's hasher is seeded by the system.
pub fn fresh_run() -> RunId {
    let half = |n: u64| u128::from(RandomState::new().hash_one((n, std::process::id())));
    RunId(half(0) << 64 | half(1))
}
