//! `GET /v1/audit/{run}`: what the log holds of a run, or with `?of=store` the store. It only
//! counts; whoever acknowledged or was acknowledged compares.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use tailrace_contract::{Audit, Problem, ProblemKind, RunId, Tenant};

use crate::Visitor;
use crate::observer::Shared;
use crate::refusal::{Refusal, log_is_silent, no_store, store_is_silent};

/// Which end of the way is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Of {
    #[default]
    Log,
    Store,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default)]
    of: Of,
}

pub(crate) async fn audit(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Path(run): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Audit>, Refusal> {
    let run: RunId = run.parse().map_err(|fault| {
        Refusal(Problem::new(ProblemKind::BadRequest, format!("path: {fault}")))
    })?;
    match asked?.of {
        Of::Log => of_log(&shared, run, visitor.tenant()).await,
        Of::Store => of_store(&shared, run, visitor.tenant()).await,
    }
}

async fn of_log(shared: &Shared, run: RunId, tenant: &Tenant) -> Result<Json<Audit>, Refusal> {
    let patience = shared.limits.log_timeout;
    let audit = tokio::time::timeout(patience, shared.log.audit(run, Some(tenant.clone()))).await;
    Ok(Json(audit.map_err(|_| log_is_silent(patience))??))
}

async fn of_store(shared: &Shared, run: RunId, tenant: &Tenant) -> Result<Json<Audit>, Refusal> {
    let store = shared.store.as_ref().ok_or_else(no_store)?;
    let patience = shared.limits.store_timeout;
    let audit = tokio::time::timeout(patience, store.audit(run, Some(tenant.clone()))).await;
    Ok(Json(audit.map_err(|_| store_is_silent(patience))??))
}
