//! The log over Redis: one stream under a prefix, filled by one flusher, announced on one
//! channel. An acknowledgement means that Redis answered. It survives the server's death; what
//! it survives of Redis' own death depends on how that Redis writes to disk.
//!
//! The way of a batch: [`RedisLog`] `append` → `waiting` (bounded) → `flusher` (one pipelined
//! flush) → the stream; the next flush carries the announcement (`announce`) to every
//! [`RedisBus`]. The way out is a `group` of readers: `readers` (connections that wait), `claim`
//! (what a dead member left), `lag`. Beside them: `read` (replay, audit), `upkeep` (trimming,
//! expiry), `info` (what Redis tells of groups), `link` (connections), `check` (what the server
//! must be).

mod announce;
mod buckets;
mod bus;
mod check;
mod claim;
mod entry;
mod flusher;
mod group;
mod info;
mod lag;
mod link;
mod masked;
mod read;
mod readers;
mod repair;
mod sessions;
mod upkeep;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tailrace_contract::{
    Audit, Batch, BoxFuture, Group, Log, LogError, LogHealth, Position, RunId, Survives, Tenant,
    limits,
};
use tokio::task::JoinHandle;

use check::ServerFacts;
use group::RedisGroup;
use link::Link;
use waiting::Waiting;

pub use buckets::RedisBuckets;
pub use bus::RedisBus;
pub use masked::masked;
pub use sessions::RedisSessions;

/// Which Redis, and what may be put there.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// `redis://[user:password@]host:port/[db]`.
    pub url: String,
    /// Everything is kept under it: the stream `PREFIX:log` and the channel `PREFIX:live`.
    pub prefix: String,
    /// Bounds.
    pub limits: RedisLimits,
    /// Entries younger than this are not trimmed, so that a feed can be resumed. Beyond a quarter
    /// of [`RedisLimits::entries_max`] the window shrinks.
    pub replay_window: Duration,
    /// The stream goes away when nobody has renewed it for so long. None: it stays.
    pub expiry: Option<Duration>,
}

/// Bounds of the Redis log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisLimits {
    /// Batches that wait for a flush, the one on its way included; one more is refused.
    pub waiting_max: usize,
    /// Bytes of the bodies of those batches.
    pub waiting_bytes_max: usize,
    /// Batches in the stream; one more is refused.
    pub entries_max: u64,
}

impl Default for RedisLimits {
    fn default() -> Self {
        Self {
            // About a second of a fast Redis: a longer queue would only add waiting.
            waiting_max: 200_000,
            waiting_bytes_max: 128 << 20,
            entries_max: limits::LOG_UNREAD_MAX as u64,
        }
    }
}

impl RedisConfig {
    /// The usual settings for a URL and a prefix: a minute of replay, a day until expiry.
    pub fn new(url: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: prefix.into(),
            limits: RedisLimits::default(),
            replay_window: Duration::from_secs(60),
            expiry: Some(Duration::from_secs(24 * 60 * 60)),
        }
    }

    /// The stream's key.
    pub fn stream(&self) -> String {
        format!("{}:log", self.prefix)
    }

    /// The channel of announcements.
    pub fn channel(&self) -> String {
        format!("{}:live", self.prefix)
    }
}

/// A log in Redis. Dropping it stops its tasks; what was not acknowledged by then may be stored
/// or not.
#[derive(Debug)]
pub struct RedisLog {
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

/// What the handle, its futures and its tasks share.
#[derive(Debug)]
struct Shared {
    config: RedisConfig,
    stream: String,
    waiting: Waiting,
    /// For everything but the flusher, which has a connection of its own.
    link: Link,
    facts: ServerFacts,
    /// Entries that this log has appended.
    appended: AtomicU64,
    /// Entries in the stream less the own ones at the last count; wraps below zero once own
    /// ones were trimmed. The sum of both is what the stream holds.
    others: AtomicU64,
    /// Flushes that carried at least one batch.
    flushes: AtomicU64,
}

impl RedisLog {
    /// Connects and checks the server. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The server cannot be reached, or it may evict keys: acknowledged batches would vanish.
    pub async fn connect(config: RedisConfig) -> Result<Arc<Self>, LogError> {
        let link = Link::new(&config.url)?;
        let facts = check::check(&link).await?;
        let stream = config.stream();
        let entries = link.ask::<u64>(::redis::cmd("XLEN").arg(&stream)).await?;
        let connection = link.connect_unhurried().await?;
        let shared = Arc::new(Shared {
            waiting: Waiting::new(config.limits.clone()),
            stream,
            link,
            facts,
            appended: AtomicU64::new(0),
            others: AtomicU64::new(entries),
            flushes: AtomicU64::new(0),
            config,
        });
        let flusher = tokio::spawn(flusher::flush_forever(Arc::clone(&shared), connection));
        let upkeep = tokio::spawn(upkeep::keep_up(Arc::clone(&shared)));
        Ok(Arc::new(Self { shared, tasks: [flusher, upkeep] }))
    }

    /// How many flushes carried batches so far. Appends divided by it is the coalescing.
    pub fn flushes(&self) -> u64 {
        self.shared.flushes.load(Ordering::Relaxed)
    }

    /// Trims what every group has finished and the replay window has left, at once instead of
    /// within a second. Answers how many entries went.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn trim(&self) -> Result<u64, LogError> {
        upkeep::trim(&self.shared).await
    }

    /// Removes the keys of this prefix, and only those: their names are known.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn remove(&self) -> Result<(), LogError> {
        self.shared.link.ask::<u64>(::redis::cmd("UNLINK").arg(&self.shared.stream)).await?;
        let appended = self.shared.appended.load(Ordering::Relaxed);
        self.shared.others.store(0_u64.wrapping_sub(appended), Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for RedisLog {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.shared.waiting.disconnected("the log was stopped");
    }
}

impl Shared {
    /// Entries in the stream: an estimate between two refreshes, on the high side only, by what
    /// was trimmed meanwhile.
    fn entries(&self) -> u64 {
        let appended = self.appended.load(Ordering::Relaxed);
        self.others.load(Ordering::Relaxed).wrapping_add(appended)
    }

    /// The stream's own limit.
    fn room(&self) -> Result<(), LogError> {
        let entries = self.entries();
        let max = self.config.limits.entries_max;
        if entries < max {
            return Ok(());
        }
        let what = format!(
            "{} holds {entries} of {max} batches; a worker must read and acknowledge them so \
             that they can be trimmed, or the limit must be raised",
            self.stream
        );
        Err(LogError::Full { what })
    }
}

impl Log for RedisLog {
    fn survives(&self) -> Survives {
        self.shared.facts.survives()
    }

    fn append(&self, batch: Batch, body: Bytes) -> BoxFuture<'static, Result<Position, LogError>> {
        match self.shared.room().and_then(|()| self.shared.waiting.push(batch, body)) {
            Err(error) => Box::pin(std::future::ready(Err(error))),
            Ok(answer) => Box::pin(async move {
                let gone = || LogError::Unreachable { cause: "the log was stopped".to_owned() };
                answer.await.unwrap_or_else(|_| Err(gone()))
            }),
        }
    }

    fn after(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Batch)>, LogError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { read::after(&shared.link, &shared.stream, after, limit).await })
    }

    fn audit(
        &self,
        run: RunId,
        tenant: Option<Tenant>,
    ) -> BoxFuture<'static, Result<Audit, LogError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { read::audit(&shared.link, &shared.stream, (run, tenant)).await })
    }

    fn group(&self, name: &str) -> BoxFuture<'static, Result<Arc<dyn Group>, LogError>> {
        let (shared, name) = (Arc::clone(&self.shared), name.to_owned());
        Box::pin(async move {
            shared.facts.check_groups()?;
            let group: Arc<dyn Group> = Arc::new(RedisGroup::open(shared, name).await?);
            Ok(group)
        })
    }

    fn health(&self) -> BoxFuture<'static, Result<LogHealth, LogError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            // Redis may be back before the flusher is: appends are still refused then.
            if let Some(cause) = shared.waiting.lost() {
                return Err(LogError::Unreachable { cause });
            }
            let entries = shared.link.ask::<u64>(::redis::cmd("XLEN").arg(&shared.stream)).await?;
            let waiting = shared.waiting.count() as u64;
            Ok(LogHealth { description: shared.facts.description(), entries, waiting })
        })
    }
}
