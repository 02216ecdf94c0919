//! The log that commits before it answers: each batch is a transaction of its own in a store, and
//! an acknowledgement promises the store. There is no stream and no worker, and nothing that
//! gathers: what many batches could share (a sync, a round trip, a rollup's row) each pays alone.
//!
//! It keeps nothing itself but the most recent batches, so that a feed can go on where it stopped;
//! a server that is started anew knows none of those before. It lacks groups of readers, because
//! nothing is left to be carried. Read `place.rs` for what happens at its limit, then
//! [`crate::store::postgres`] for the transaction.

mod place;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tailrace_contract::{
    AfterCommit, Audit, Batch, BoxFuture, Bus, Group, Log, LogError, LogHealth, Notice, Position,
    Promise, RunId, Store, StoreError, Survives, Tenant, Touched,
};
use tokio::time::timeout;

use crate::bus::LocalBus;
use crate::ring::Ring;
use place::{Place, Places};

/// What may wait, and what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectLimits {
    /// Batches that wait for their commit or are in it; one more is refused.
    pub waiting_max: usize,
    /// Bytes of the bodies of those batches.
    pub waiting_bytes_max: usize,
    /// The longest that a batch waits for its commit, the wait for a connection included.
    pub patience: Duration,
    /// Recent batches kept for replay; older ones are overwritten.
    pub recent_max: usize,
    /// Bytes of their bodies.
    pub recent_bytes_max: usize,
}

impl Default for DirectLimits {
    fn default() -> Self {
        Self {
            // Half a second of a store that commits two thousand times a second: a longer queue
            // would only add waiting.
            waiting_max: 1_024,
            waiting_bytes_max: 64 << 20,
            // As long as a client is given to take its answer: by then it has given up.
            patience: tailrace_contract::limits::WRITE_TIMEOUT,
            // As the log in memory.
            recent_max: 4_096,
            recent_bytes_max: 32 << 20,
        }
    }
}

/// A log whose entries are a store's.
pub struct DirectLog {
    shared: Arc<Shared>,
}

/// What the log and its commits share.
struct Shared {
    store: Arc<dyn Store>,
    bus: Arc<LocalBus>,
    after: Arc<dyn AfterCommit>,
    patience: Duration,
    places: Arc<Places>,
    told: Mutex<Told>,
}

/// What was committed here and announced.
struct Told {
    last: Position,
    recent: Ring,
}

impl DirectLog {
    /// Commits to `store` and announces on `bus`; `after` hears of each commit first.
    pub fn new(
        store: Arc<dyn Store>,
        bus: Arc<LocalBus>,
        after: Arc<dyn AfterCommit>,
        limits: &DirectLimits,
    ) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Larger than every position of a server that ran before.
        let last = Position { major: now.as_millis() as u64, minor: 0 };
        let recent = Ring::new(limits.recent_max, limits.recent_bytes_max);
        let places = Arc::new(Places::new(limits.waiting_max, limits.waiting_bytes_max));
        let (patience, told) = (limits.patience, Mutex::new(Told { last, recent }));
        Self { shared: Arc::new(Shared { store, bus, after, patience, places, told }) }
    }
}

impl Shared {
    /// One batch, one transaction. One that was stored before is acknowledged and announced again,
    /// because whoever repeats it may never have heard of the first time.
    async fn keep(&self, batch: Batch, body: Bytes) -> Result<Position, LogError> {
        let batch = Arc::new(vec![batch]);
        let committed = timeout(self.patience, self.store.commit(Arc::clone(&batch))).await;
        let committed = committed.map_err(|_| silent(self.patience))?.map_err(log_error)?;
        if committed.new > 0 {
            self.after.committed(Touched::by(&*batch)).await;
        }
        Ok(self.tell(&batch[0], &body))
    }

    /// Announces under the lock that gives positions: they rise in every feed.
    fn tell(&self, batch: &Batch, body: &[u8]) -> Position {
        let mut told = self.told();
        told.last.minor += 1;
        let position = told.last;
        told.recent.push(position, batch.id.clone(), batch.received_ms, body);
        if self.bus.has_subscribers() {
            let (live, durable) = (batch.id.clone(), batch.id.clone());
            self.bus
                .tell(vec![Notice::Live { id: live, position }, Notice::Durable { id: durable }]);
        }
        position
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // A panic while holding it leaves a count and a list: still usable.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for DirectLog {
    fn survives(&self) -> Survives {
        self.shared.store.survives()
    }

    fn promise(&self) -> Promise {
        Promise::Committed
    }

    fn append(&self, batch: Batch, body: Bytes) -> BoxFuture<'static, Result<Position, LogError>> {
        let shared = Arc::clone(&self.shared);
        let place = match Place::take(&shared.places, body.len()) {
            Ok(place) => place,
            Err(full) => return Box::pin(std::future::ready(Err(full))),
        };
        // A task of its own: a client that hangs up must not tear a transaction, nor keep from
        // the feeds what was committed.
        let kept = tokio::spawn(async move {
            let kept = shared.keep(batch, body).await;
            drop(place);
            kept
        });
        let stopped = || LogError::Unreachable { cause: "the log was stopped".to_owned() };
        Box::pin(async move { kept.await.unwrap_or_else(|_| Err(stopped())) })
    }

    /// Of those that were committed here.
    fn after(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Batch)>, LogError>> {
        let recent = self.shared.told().recent.after(after, limit);
        Box::pin(std::future::ready(Ok(recent)))
    }

    /// The store's own account, whoever wrote there.
    fn audit(
        &self,
        run: RunId,
        tenant: Option<Tenant>,
    ) -> BoxFuture<'static, Result<Audit, LogError>> {
        let audit = self.shared.store.audit(run, tenant);
        Box::pin(async move { audit.await.map_err(log_error) })
    }

    fn group(&self, _name: &str) -> BoxFuture<'static, Result<Arc<dyn Group>, LogError>> {
        Box::pin(std::future::ready(Err(LogError::NoGroups)))
    }

    fn health(&self) -> BoxFuture<'static, Result<LogHealth, LogError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let store = shared.store.health().await.map_err(log_error)?;
            let description = format!("none: each batch is committed to {}", store.description);
            let (entries, waiting) = (shared.told().recent.len() as u64, shared.places.taken());
            Ok(LogHealth { description, entries, waiting })
        })
    }
}

fn log_error(error: StoreError) -> LogError {
    match error {
        StoreError::Unreachable { cause } => LogError::Unreachable { cause },
        StoreError::Refused { cause } => LogError::Refused { cause },
        StoreError::Backend { cause } => LogError::Backend { cause },
    }
}

fn silent(patience: Duration) -> LogError {
    let cause = format!("the store did not commit within {patience:?}; is it paused or too busy?");
    LogError::Unreachable { cause }
}
