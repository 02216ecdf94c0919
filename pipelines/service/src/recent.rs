//! `GET /v1/metrics/recent` and `GET /v1/aggregates`: what a log keeps in memory for a glance.
//! History proper belongs to a store.

use std::sync::Arc;

use axum::Json;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use serde::Serialize;
use tailrace_contract::{Metric, Problem, ProblemKind, Producer, RunId};

use crate::observer::Shared;
use crate::refusal::{Refusal, query_fault};

/// What keeps recent metrics. Both calls answer at once and copy what they return.
pub trait Recent: Send + Sync {
    /// One entry a metric name.
    fn aggregates(&self) -> Vec<Aggregate>;

    /// The newest metrics, newest first, at most `limit`.
    fn recent(&self, limit: usize) -> Vec<RecentMetric>;
}

/// What the metrics of one name came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Aggregate {
    /// The metric's name.
    pub name: String,
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The newest by arrival.
    pub last: f64,
}

/// One metric with its origin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecentMetric {
    /// The batch's run.
    pub run: RunId,
    /// The batch's producer.
    pub producer: Producer,
    /// The batch's sequence.
    pub seq: u64,
    /// When the batch was admitted, in milliseconds since 1970.
    pub received_ms: u64,
    /// The metric, its members beside the others.
    #[serde(flatten)]
    pub metric: Metric,
}

/// Metrics answered when no limit is asked for: a screenful or two.
const LIMIT_DEFAULT: usize = 100;
/// Metrics answered at most: the answer is built in memory.
const LIMIT_MAX: usize = 10_000;

type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

pub(crate) async fn recent(
    State(shared): State<Arc<Shared>>,
    pairs: Pairs,
) -> Result<Json<Vec<RecentMetric>>, Refusal> {
    let mut limit = LIMIT_DEFAULT;
    for (name, value) in pairs?.0 {
        match (name.as_str(), value.parse()) {
            ("limit", Ok(number)) if (1..=LIMIT_MAX).contains(&number) => limit = number,
            ("limit", _) => {
                let wrong = format!("limit is \"{value}\"; expected 1 to {LIMIT_MAX}");
                return Err(query_fault(wrong));
            }
            _ => return Err(query_fault(format!("{name:?} is unknown; known is limit"))),
        }
    }
    Ok(Json(kept(&shared)?.recent(limit)))
}

pub(crate) async fn aggregates(
    State(shared): State<Arc<Shared>>,
) -> Result<Json<Vec<Aggregate>>, Refusal> {
    Ok(Json(kept(&shared)?.aggregates()))
}

fn kept(shared: &Shared) -> Result<&dyn Recent, Refusal> {
    shared.recent.as_deref().ok_or_else(|| {
        let pipeline = &shared.pipeline;
        let detail = format!(
            "{pipeline} keeps neither recent metrics nor aggregates: its log is not in memory; \
             try a pipeline that ends in -memory"
        );
        Refusal(Problem::new(ProblemKind::NotFound, detail))
    })
}
