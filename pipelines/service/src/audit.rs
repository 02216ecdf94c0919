//! `GET /v1/audit/{run}`: what the log holds of a run.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use tailrace_contract::{Audit, Problem, ProblemKind, RunId};

use crate::observer::Shared;
use crate::refusal::{Refusal, log_is_silent};

pub(crate) async fn audit(
    State(shared): State<Arc<Shared>>,
    Path(run): Path<String>,
) -> Result<Json<Audit>, Refusal> {
    let run: RunId = run.parse().map_err(|fault| {
        Refusal(Problem::new(ProblemKind::BadRequest, format!("path: {fault}")))
    })?;
    let patience = shared.limits.log_timeout;
    let audit = tokio::time::timeout(patience, shared.log.audit(run)).await;
    Ok(Json(audit.map_err(|_| log_is_silent(patience))??))
}
