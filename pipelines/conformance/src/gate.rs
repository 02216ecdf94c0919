//! A log with a gate in front: appends can be held, delayed or refused on purpose, so that
//! every transport is tested against a log that misbehaves, with the real server and the
//! real log behind. It keeps nothing of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tailrace_contract::{
    Audit, Batch, BoxFuture, Group, Log, LogError, LogHealth, Position, Promise, RunId, Survives,
    Tenant,
};
use tokio::sync::watch;

/// Which batches are meant.
type Choice = Box<dyn Fn(&Batch) -> bool + Send + Sync>;

/// The gate. Clones share it, so one can serve and one can steer.
#[derive(Clone)]
pub struct GatedLog {
    inner: Arc<dyn Log>,
    rules: Arc<Mutex<Rules>>,
    open: watch::Sender<bool>,
    held: watch::Sender<usize>,
}

#[derive(Default)]
struct Rules {
    hold: Option<Choice>,
    delay: Option<(Choice, Duration)>,
    fail: Option<LogError>,
}

impl GatedLog {
    /// An open gate.
    pub fn new(inner: Arc<dyn Log>) -> Self {
        let (open, held) = (watch::Sender::new(true), watch::Sender::new(0));
        Self { inner, rules: Arc::default(), open, held }
    }

    /// From now on, appends of such batches wait until [`GatedLog::release`].
    pub fn hold(&self, which: impl Fn(&Batch) -> bool + Send + Sync + 'static) {
        self.open.send_replace(false);
        self.held.send_replace(0);
        self.rules().hold = Some(Box::new(which));
    }

    /// Lets everything through that was held, and everything that comes.
    pub fn release(&self) {
        self.rules().hold = None;
        self.open.send_replace(true);
    }

    /// Waits until so many appends are held.
    pub async fn held(&self, count: usize) {
        // The sender lives as long as this gate, so waiting cannot fail.
        let _ = self.held.subscribe().wait_for(|&held| held >= count).await;
    }

    /// From now on, appends of such batches take this much longer.
    pub fn delay(&self, by: Duration, which: impl Fn(&Batch) -> bool + Send + Sync + 'static) {
        self.rules().delay = Some((Box::new(which), by));
    }

    /// From now on, appends fail like this; when unreachable, so does the health. None mends it.
    pub fn fail(&self, fault: Option<LogError>) {
        self.rules().fail = fault;
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What must pass before the real append.
    fn obstacle(&self, batch: &Batch) -> Result<(bool, Duration), LogError> {
        let rules = self.rules();
        if let Some(fault) = &rules.fail {
            return Err(fault.clone());
        }
        let held = rules.hold.as_ref().is_some_and(|which| which(batch));
        let delay = rules.delay.as_ref().filter(|(which, _)| which(batch)).map(|(_, by)| *by);
        Ok((held, delay.unwrap_or_default()))
    }
}

impl Log for GatedLog {
    fn survives(&self) -> Survives {
        self.inner.survives()
    }

    fn promise(&self) -> Promise {
        self.inner.promise()
    }

    fn append(&self, batch: Batch, body: Bytes) -> BoxFuture<'static, Result<Position, LogError>> {
        let (held, delay) = match self.obstacle(&batch) {
            Ok((false, Duration::ZERO)) => return self.inner.append(batch, body),
            Ok(obstacle) => obstacle,
            Err(fault) => return Box::pin(async move { Err(fault) }),
        };
        let (inner, mut open) = (Arc::clone(&self.inner), self.open.subscribe());
        if held {
            self.held.send_modify(|count| *count += 1);
        }
        Box::pin(async move {
            if held {
                // An error means that the gate is gone, and with it whoever held it.
                let _ = open.wait_for(|&open| open).await;
            }
            tokio::time::sleep(delay).await;
            inner.append(batch, body).await
        })
    }

    fn after(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Batch)>, LogError>> {
        self.inner.after(after, limit)
    }

    fn audit(
        &self,
        run: RunId,
        tenant: Option<Tenant>,
    ) -> BoxFuture<'static, Result<Audit, LogError>> {
        self.inner.audit(run, tenant)
    }

    fn group(&self, name: &str) -> BoxFuture<'static, Result<Arc<dyn Group>, LogError>> {
        self.inner.group(name)
    }

    fn health(&self) -> BoxFuture<'static, Result<LogHealth, LogError>> {
        match &self.rules().fail {
            Some(fault @ LogError::Unreachable { .. }) => {
                let fault = fault.clone();
                Box::pin(async move { Err(fault) })
            }
            _ => self.inner.health(),
        }
    }
}
