//! The log that lives in the server's memory and survives nothing. Appending is a push under a
//! lock; a consumer task reads what was pushed and keeps what observers ask for.
//!
//! The way of a batch: `queue` (bounded, unread) → `consumer` → `kept` (recent batches in the
//! `ring.rs` beside this folder, aggregates, audit), and from there to the bus. With groups of
//! readers the consumer hands each body on to `groups`, which holds it until all of them have
//! acknowledged it.

mod consumer;
mod group;
mod groups;
mod index;
mod kept;
mod queue;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use tailrace_contract::{
    Audit, Batch, BoxFuture, Bus, Group, Log, LogError, LogHealth, Position, RunId, Survives,
    Tenant, limits,
};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use group::MemoryGroup;
use groups::Groups;
use kept::Kept;
use queue::Queue;

pub use kept::{Aggregate, Aggregates};

/// What the memory log may hold. Every field is at least 1 in a useful log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemoryLimits {
    /// Batches that the consumer has not read yet or that the slowest group has not
    /// acknowledged; one more is refused.
    pub unread_max: usize,
    /// Bytes of the bodies of those batches.
    pub unread_bytes_max: usize,
    /// Recent batches kept for replay; older ones are overwritten.
    pub recent_max: usize,
    /// Bytes of the bodies that those batches were decoded from.
    pub recent_bytes_max: usize,
    /// Metric names of one tenant with an aggregate of their own; the rest are only counted.
    pub names_max: usize,
    /// Runs with an audit; the one that was silent the longest is forgotten.
    pub runs_max: usize,
    /// Producers in one run's audit; beyond it the audit is refused, not wrong.
    pub producers_max: usize,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self {
            unread_max: limits::LOG_UNREAD_MAX,
            unread_bytes_max: limits::LOG_UNREAD_BYTES_MAX,
            // What a page that opens now can show; more belongs into a store.
            recent_max: 4_096,
            recent_bytes_max: 32 << 20,
            // Names come from strangers: bounded, or one of them eats the memory.
            names_max: 10_000,
            runs_max: 64,
            producers_max: 100_000,
        }
    }
}

/// A bounded log in memory with its consumer.
#[derive(Debug)]
pub struct MemoryLog {
    shared: Arc<Shared>,
    consumer: JoinHandle<()>,
}

/// What the log's handle, its futures and its consumer share.
#[derive(Debug)]
struct Shared {
    limits: MemoryLimits,
    queue: Mutex<Queue>,
    /// Wakes the consumer; used only when it said that it sleeps.
    wake: Notify,
    kept: Mutex<Kept>,
    /// How many batches the consumer has taken in: the position that it has passed.
    passed: watch::Receiver<u64>,
    /// There is a group. Written under `kept`'s lock.
    grouped: AtomicBool,
    /// Locked after `kept` and before `queue`, where several are needed.
    groups: Mutex<Groups>,
    /// Wakes members that wait for entries.
    arrived: Notify,
}

/// A panic while holding one of these locks leaves plain counters and lists: still usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryLog {
    /// Starts a log that announces its batches on `bus`. The consumer task belongs to the
    /// handle and stops with it. Must be called within a tokio runtime.
    pub fn start(bus: Arc<dyn Bus>, limits: MemoryLimits) -> Arc<Self> {
        let (progress, passed) = watch::channel(0);
        let shared = Arc::new(Shared {
            kept: Mutex::new(Kept::new(limits.clone())),
            queue: Mutex::new(Queue::default()),
            wake: Notify::new(),
            limits,
            passed,
            grouped: AtomicBool::new(false),
            groups: Mutex::default(),
            arrived: Notify::new(),
        });
        let consumer = tokio::spawn(consumer::consume(Arc::clone(&shared), bus, progress));
        Arc::new(Self { shared, consumer })
    }

    /// What is known of each metric name of a tenant, ordered by name.
    pub fn aggregates(&self, tenant: &Tenant) -> Aggregates {
        lock(&self.shared.kept).aggregates(tenant)
    }

    /// A tenant's newest batches, at most `limit`, oldest first.
    pub fn recent(&self, tenant: &Tenant, limit: usize) -> Vec<(Position, Batch)> {
        lock(&self.shared.kept).newest(tenant, limit)
    }

    /// Calls `read` with what is kept, after the consumer has passed everything that was
    /// appended before this call.
    fn once_passed<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Kept) -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, LogError>> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        let target = lock(&shared.queue).appended();
        async move {
            let mut passed = shared.passed.clone();
            let reached = passed.wait_for(|&count| count >= target).await.is_ok();
            let stopped = || LogError::Backend { cause: "the memory log was stopped".to_owned() };
            if reached { Ok(read(&lock(&shared.kept))) } else { Err(stopped()) }
        }
    }
}

impl Drop for MemoryLog {
    fn drop(&mut self) {
        self.consumer.abort();
        lock(&self.shared.groups).stopped = true;
        self.shared.arrived.notify_waiters();
    }
}

impl Log for MemoryLog {
    fn survives(&self) -> Survives {
        Survives::Nothing
    }

    fn append(&self, batch: Batch, body: Bytes) -> BoxFuture<'static, Result<Position, LogError>> {
        let pushed = lock(&self.shared.queue).push(batch, &body, &self.shared.limits);
        let answer = pushed.map(|pushed| {
            if pushed.wake {
                self.shared.wake.notify_one();
            }
            pushed.position
        });
        Box::pin(std::future::ready(answer))
    }

    fn after(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Batch)>, LogError>> {
        Box::pin(self.once_passed(move |kept| kept.after(after, limit)))
    }

    fn audit(
        &self,
        run: RunId,
        tenant: Option<Tenant>,
    ) -> BoxFuture<'static, Result<Audit, LogError>> {
        let answer = self.once_passed(move |kept| kept.audit(run, tenant.as_ref()));
        Box::pin(async move { answer.await? })
    }

    fn group(&self, name: &str) -> BoxFuture<'static, Result<Arc<dyn Group>, LogError>> {
        let group: Arc<dyn Group> = Arc::new(MemoryGroup::open(Arc::clone(&self.shared), name));
        Box::pin(std::future::ready(Ok(group)))
    }

    fn health(&self) -> BoxFuture<'static, Result<LogHealth, LogError>> {
        let waiting = lock(&self.shared.queue).unread() as u64;
        let recent = lock(&self.shared.kept).recent_count();
        // Both end with the newest batch: the longer one holds the other.
        let entries = recent.max(lock(&self.shared.groups).held()) as u64;
        let health = LogHealth { description: "memory".to_owned(), entries, waiting };
        Box::pin(std::future::ready(Ok(health)))
    }
}
