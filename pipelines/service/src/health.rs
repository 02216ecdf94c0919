//! `GET /health` asks log, store and cache and answers for them; `GET /ready` says whether new work
//! is taken.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use tailrace_contract::{LogHealth, Problem, ProblemKind};

use crate::Visitor;
use crate::behind::{self, StoreState, WorkerState};
use crate::gate::Role;
use crate::observer::Shared;
use crate::query::{self, HistoryState};
use crate::refusal::{Refusal, log_is_silent};

#[derive(Serialize)]
pub(crate) struct Health {
    status: &'static str,
    /// What is away, or kept away from: the store, the cache, the breaker before the store.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trouble: Vec<&'static str>,
    pipeline: String,
    /// How much there is and who looks is told to whom the server belongs.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<LogHealth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscribers: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<StoreState>,
    /// What questions of history meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<HistoryState>,
    /// How far the way from the log to the store is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<WorkerState>,
    /// Whether `/v1/metrics/recent` and `/v1/aggregates` have something to tell.
    recent: bool,
    /// Whether `/v1/alerts` has: somebody looks for spikes.
    alerts: bool,
}

pub(crate) async fn health(
    State(shared): State<Arc<Shared>>,
    visitor: Option<Extension<Visitor>>,
) -> Result<Json<Health>, Refusal> {
    let is_told = visitor.is_some_and(|visitor| visitor.may(Role::Admin));
    let log = ask_log(&shared).await.map_err(|refusal| in_short(refusal, is_told))?;
    let (pipeline, subscribers) = (shared.pipeline.clone(), shared.subscribers());
    let (recent, alerts) = (shared.recent.is_some(), shared.alerts.is_some());
    let (log, subscribers) = (is_told.then_some(log), is_told.then_some(subscribers));
    let (store, worker, history) =
        tokio::join!(behind::store(&shared), behind::worker(&shared), query::state(&shared));
    let mut trouble = history.as_ref().map(HistoryState::trouble).unwrap_or_default();
    if store.as_ref().is_some_and(|store| !store.up) {
        trouble.insert(0, "store");
    }
    let status = if trouble.is_empty() { "ok" } else { "degraded" };
    let (store, worker) = (store.filter(|_| is_told), worker.filter(|_| is_told));
    let history = history.filter(|_| is_told);
    Ok(Json(Health {
        status,
        trouble,
        pipeline,
        log,
        subscribers,
        store,
        history,
        worker,
        recent,
        alerts,
    }))
}

/// What failed may name addresses behind this server.
fn in_short(Refusal(problem): Refusal, is_told: bool) -> Refusal {
    if is_told {
        return Refusal(problem);
    }
    let detail = "a key with the role \"admin\" is told why";
    Refusal(Problem::new(problem.kind, detail))
}

/// The log's own answer, or why there is none in time.
pub(crate) async fn ask_log(shared: &Shared) -> Result<LogHealth, Refusal> {
    let patience = shared.limits.health_timeout;
    let health = tokio::time::timeout(patience, shared.log.health()).await;
    let health = health.map_err(|_| log_is_silent(patience))?;
    // A log that answers with nonsense is as little use as one that does not answer.
    health.map_err(|fault| Refusal(Problem::new(ProblemKind::LogUnreachable, fault.to_string())))
}

pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Result<&'static str, Refusal> {
    if shared.draining.is_cancelled() || shared.ending.is_cancelled() {
        let detail = "requests in flight are being finished; new ones belong elsewhere";
        return Err(Refusal(Problem::new(ProblemKind::Draining, detail)));
    }
    Ok("ready\n")
}
