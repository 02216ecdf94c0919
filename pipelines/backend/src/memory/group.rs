//! A group of the memory log as its members see it: waiting, and decoding outside of the lock.
//! The bookkeeping stands in `groups`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tailrace_contract::{BoxFuture, Delivery, Group, Lag, LogError, Position};
use tokio::time::{Instant, timeout_at};

use super::groups::{Groups, Held};
use super::{Shared, lock};
use crate::delivery::{self, ENTRIES_MAX, Taken, WAIT_MAX};

/// A group by its name. It does not keep the log alive.
#[derive(Debug)]
pub(super) struct MemoryGroup {
    shared: Arc<Shared>,
    name: Arc<str>,
}

impl MemoryGroup {
    /// Opens a group. A new one is given what the ring of recent batches still has, which counts
    /// as unread from now on.
    pub(super) fn open(shared: Arc<Shared>, name: &str) -> Self {
        // The consumer holds this lock while it hands entries on: none falls between.
        let kept = lock(&shared.kept);
        let mut groups = lock(&shared.groups);
        if !groups.has(name) {
            let now = Instant::now();
            let older: Vec<Held> = kept.before(groups.first(kept.passed()), now);
            let body_bytes = older.iter().map(|entry| entry.body.len()).sum();
            lock(&shared.queue).hold(older.len(), body_bytes);
            groups.create(name, kept.passed(), older);
            shared.grouped.store(true, Ordering::Relaxed);
        }
        drop((groups, kept));
        Self { shared, name: name.into() }
    }

    /// What `act` makes of the groups; an error once the log is gone.
    fn with<T>(&self, act: impl FnOnce(&mut Groups, &str) -> T) -> Result<T, LogError> {
        with(&self.shared, &self.name, act)
    }
}

fn with<T>(
    shared: &Shared,
    name: &str,
    act: impl FnOnce(&mut Groups, &str) -> T,
) -> Result<T, LogError> {
    let mut groups = lock(&shared.groups);
    if groups.stopped {
        return Err(LogError::Backend { cause: "the memory log was stopped".to_owned() });
    }
    Ok(act(&mut groups, name))
}

fn ready<T: Send + 'static>(answer: T) -> BoxFuture<'static, T> {
    Box::pin(std::future::ready(answer))
}

impl Group for MemoryGroup {
    fn read(
        &self,
        member: &str,
        limit: usize,
        wait: Duration,
    ) -> BoxFuture<'static, Result<Vec<Delivery>, LogError>> {
        let (shared, name) = (Arc::clone(&self.shared), Arc::clone(&self.name));
        let (member, limit) = (member.to_owned(), limit.min(ENTRIES_MAX));
        Box::pin(async move {
            let deadline = Instant::now() + wait.min(WAIT_MAX);
            loop {
                // Listens before it looks, so that nothing arrives between.
                let arrival = shared.arrived.notified();
                let taken = with(&shared, &name, |groups, name| groups.take(name, &member, limit))?;
                if !taken.is_empty() || timeout_at(deadline, arrival).await.is_err() {
                    return Ok(delivery::open(taken).await);
                }
            }
        })
    }

    fn claim(
        &self,
        member: &str,
        idle: Duration,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Delivery>, LogError>> {
        let limit = limit.min(ENTRIES_MAX);
        let taken: Result<Vec<Taken>, _> =
            self.with(|groups, name| groups.claim(name, member, idle, limit));
        Box::pin(async move { Ok(delivery::open(taken?).await) })
    }

    fn acknowledge(&self, positions: Vec<Position>) -> BoxFuture<'static, Result<(), LogError>> {
        let released = self.with(|groups, name| groups.acknowledge(name, &positions));
        ready(released.map(|released| {
            lock(&self.shared.queue).read(released.entries, released.body_bytes);
        }))
    }

    fn leave(&self, member: &str) -> BoxFuture<'static, Result<(), LogError>> {
        ready(self.with(|groups, name| groups.leave(name, member)))
    }

    fn forget_silent(&self, idle: Duration) -> BoxFuture<'static, Result<u64, LogError>> {
        ready(self.with(|groups, name| groups.forget_silent(name, idle)))
    }

    fn lead(&self, member: &str, lease: Duration) -> BoxFuture<'static, Result<bool, LogError>> {
        ready(self.with(|groups, name| groups.lead(name, member, lease)))
    }

    fn lag(&self) -> BoxFuture<'static, Result<Lag, LogError>> {
        let appended = lock(&self.shared.queue).appended();
        ready(self.with(|groups, name| groups.lag(name, appended)))
    }
}
