//! What stands behind the log, as `/health` and `/metrics` tell it: the store, how far the group
//! that fills it is behind, and the worker where it runs in this process. A store that is away
//! makes a pipeline degraded, not dead: batches are taken as long as the log has room.

use std::sync::Arc;

use serde::Serialize;
use tailrace_contract::{Group, Lag};
use tokio::time::timeout;

use crate::observer::Shared;

/// The worker of a pipeline, wherever it runs.
#[derive(Clone)]
pub struct Behind {
    /// The group that fills the store.
    pub group: Arc<dyn Group>,
    /// Counters of the worker in this process; none: workers run elsewhere.
    pub figures: Option<Arc<dyn Figures>>,
}

/// Counters that are told to Prometheus.
pub trait Figures: Send + Sync {
    /// Appends them in the text format 0.0.4, with what the log says of the group if it answered.
    fn prometheus(&self, lag: Option<Lag>, out: &mut String);
}

/// The store in an answer about health.
#[derive(Debug, Serialize)]
pub(crate) struct StoreState {
    name: &'static str,
    /// What it says of itself, or why it is of no use now.
    description: String,
    pub(crate) up: bool,
}

/// The worker in an answer about health.
#[derive(Debug, Serialize)]
pub(crate) struct WorkerState {
    /// In this process, or in others.
    here: bool,
    #[serde(flatten)]
    lag: Option<Lag>,
}

/// Asks the store; none: there is none.
pub(crate) async fn store(shared: &Shared) -> Option<StoreState> {
    let store = shared.store.as_ref()?;
    let patience = shared.limits.health_timeout;
    let (description, up) = match timeout(patience, store.health()).await {
        Ok(Ok(health)) => (health.description, true),
        Ok(Err(error)) => (error.to_string(), false),
        Err(_) => (format!("it did not answer within {} ms", patience.as_millis()), false),
    };
    Some(StoreState { name: store.name(), description, up })
}

/// Asks the log how far the worker is; none: nothing fills a store.
pub(crate) async fn worker(shared: &Shared) -> Option<WorkerState> {
    let behind = shared.behind.as_ref()?;
    Some(WorkerState { here: behind.figures.is_some(), lag: lag(shared, behind).await })
}

async fn lag(shared: &Shared, behind: &Behind) -> Option<Lag> {
    timeout(shared.limits.health_timeout, behind.group.lag()).await.ok()?.ok()
}

/// Appends what Prometheus is told of the worker in this process.
pub(crate) async fn prometheus(shared: &Shared, out: &mut String) {
    if let Some(behind) = &shared.behind
        && let Some(figures) = &behind.figures
    {
        figures.prometheus(lag(shared, behind).await, out);
    }
}
