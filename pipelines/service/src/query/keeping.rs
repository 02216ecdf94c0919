//! `GET /v1/cache`: where a tenant's answers came from, and what is kept of them.
//! `DELETE /v1/cache` forgets all of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::{Value, json};
use tailrace_contract::{CacheError, CacheSize, Problem, ProblemKind};
use tokio::time::timeout;

use super::counts::Answers;
use super::routes::history;
use crate::Visitor;
use crate::observer::Shared;
use crate::origin::same_site;
use crate::refusal::Refusal;

#[derive(Serialize)]
pub(crate) struct Statistics {
    /// `memory`, `redis`, or none.
    cache: Option<&'static str>,
    /// Answers of this process to this tenant.
    #[serde(flatten)]
    answers: Answers,
    /// Hits among hits and misses; none before the first.
    hit_rate: Option<f64>,
    /// What is kept of this tenant, by all processes that share the cache.
    #[serde(flatten)]
    size: CacheSize,
}

pub(crate) async fn statistics(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
) -> Result<Json<Statistics>, Refusal> {
    let history = history(&shared)?;
    let answers = history.counts.of(visitor.tenant());
    let looked_up = answers.hits + answers.misses;
    let hit_rate = (looked_up > 0).then(|| answers.hits as f64 / looked_up as f64);
    let Some(cache) = &history.cache else {
        let size = CacheSize::default();
        return Ok(Json(Statistics { cache: None, answers, hit_rate, size }));
    };
    let size = within(&shared, cache.size(visitor.tenant())).await?;
    Ok(Json(Statistics { cache: Some(cache.name()), answers, hit_rate, size }))
}

pub(crate) async fn clear(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    same_site(&headers)?;
    let removed = match &history(&shared)?.cache {
        Some(cache) => within(&shared, cache.clear(visitor.tenant())).await?,
        None => 0,
    };
    Ok(Json(json!({"removed": removed})))
}

async fn within<T>(
    shared: &Shared,
    asked: impl Future<Output = Result<T, CacheError>>,
) -> Result<T, Refusal> {
    let patience = shared.limits.health_timeout;
    let silent = || format!("the cache did not answer within {} ms", patience.as_millis());
    let refused = |detail| Refusal(Problem::new(ProblemKind::CacheUnreachable, detail));
    let answered = timeout(patience, asked).await.map_err(|_| refused(silent()))?;
    answered.map_err(|fault| refused(fault.to_string()))
}
