//! What stands behind the log, as `/health` and `/metrics` tell it: the store, how far the group
//! that fills it is behind, and the worker where it runs in this process. A store that is away
//! makes a pipeline degraded, not dead: batches are taken as long as the log has room.

use std::sync::Arc;

use serde::Serialize;
use tailrace_contract::{Group, Lag};
use tokio::time::timeout;

use crate::observer::Shared;

/// The groups behind a pipeline, wherever their members run.
#[derive(Clone)]
pub struct Behind {
    /// The group that fills the store.
    pub group: Arc<dyn Group>,
    /// Whether its worker runs in this process.
    pub here: bool,
    /// Whose counters are told: worker and detector, as far as they run in this process.
    pub told: Vec<Told>,
}

/// Somebody in this process who reads the log.
#[derive(Clone)]
pub struct Told {
    /// As a member of this group.
    pub group: Arc<dyn Group>,
    /// What it counts.
    pub figures: Arc<dyn Figures>,
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
    Some(WorkerState { here: behind.here, lag: lag(shared, &*behind.group).await })
}

async fn lag(shared: &Shared, group: &dyn Group) -> Option<Lag> {
    timeout(shared.limits.health_timeout, group.lag()).await.ok()?.ok()
}

/// Appends what Prometheus is told of worker and detector in this process.
pub(crate) async fn prometheus(shared: &Shared, out: &mut String) {
    for told in shared.behind.iter().flat_map(|behind| &behind.told) {
        told.figures.prometheus(lag(shared, &*told.group).await, out);
    }
}
