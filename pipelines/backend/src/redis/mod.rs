//! The log over Redis: one stream under a prefix, filled by one flusher, announced on one
//! channel. An acknowledgement means that Redis answered. It survives the server's death; what
//! it survives of Redis' own death depends on how that Redis writes to disk.
//!
//! The way of a batch: [`RedisLog`] `append` → `waiting` (bounded) → `flusher` (one pipelined
//! flush) → the stream; the next flush carries the announcement (`announce`) to every
//! [`RedisBus`]. The way out is a `group` of readers: `readers` (connections that wait), `claim`
//! (what a dead member left), `lag`; `groups` looks at all of them from outside, `present` says
//! which ones somebody lives for. Beside them: `read` (replay, audit), `upkeep` (trimming,
//! expiry), `info` (what Redis tells of groups), `link` (connections), `check` (what the server
//! must be), `config`.

mod alerts;
mod announce;
mod buckets;
mod bus;
mod cache;
mod check;
mod claim;
mod config;
mod entry;
mod flusher;
mod group;
mod groups;
mod info;
mod lag;
mod link;
mod masked;
mod present;
mod read;
mod readers;
mod repair;
mod sessions;
mod upkeep;
mod waiting;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tailrace_contract::{
    Audit, Batch, BoxFuture, Group, Log, LogError, LogHealth, Position, RunId, Survives, Tenant,
};
use tokio::task::JoinHandle;

use check::ServerFacts;
use group::RedisGroup;
use link::Link;
use present::Present;
use waiting::Waiting;

pub use alerts::RedisAlerts;
pub use buckets::RedisBuckets;
pub use bus::RedisBus;
pub use cache::RedisCache;
pub use config::{RedisConfig, RedisLimits};
pub use groups::{Forgotten, GroupTold, GroupsTold, RedisGroups};
pub use masked::masked;
pub use sessions::RedisSessions;

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
    /// The group that keeps the most entries from being trimmed.
    slowest: Mutex<Option<String>>,
    /// The groups that this process has open.
    present: Present,
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
            slowest: Mutex::default(),
            present: Present::default(),
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
        let stream = &self.shared.stream;
        let mut unlink = ::redis::cmd("UNLINK");
        unlink.arg(stream);
        for group in self.shared.present.groups() {
            unlink.arg(present::key(stream, &group)).arg(group::lead_key(stream, &group));
        }
        self.shared.link.ask::<u64>(&unlink).await?;
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
        Err(self.full(entries, max))
    }

    #[cold]
    fn full(&self, entries: u64, max: u64) -> LogError {
        let (stream, prefix) = (&self.stream, &self.config.prefix);
        let remedy = match &*self.slowest() {
            None => "no worker has ever read it; start one".to_owned(),
            Some(group) => format!(
                "the group {group:?} is the furthest behind; start its workers, or give it up: \
                 tailrace groups forget {group} --redis-prefix {prefix}"
            ),
        };
        LogError::Full {
            what: format!(
                "{stream} holds {entries} of {max} batches; {remedy}, or raise the limit"
            ),
        }
    }

    fn slowest(&self) -> MutexGuard<'_, Option<String>> {
        // A panic while holding it leaves a plain name: still usable.
        self.slowest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember_slowest(&self, group: Option<String>) {
        *self.slowest() = group;
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
