//! `GET /v1/metrics/recent` and `GET /v1/aggregates`: what a log keeps in memory for a glance.
//! History proper belongs to a store.

use std::sync::Arc;

use axum::Json;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use serde::Serialize;
use tailrace_contract::{Batch, Metric, Position, Problem, ProblemKind, Producer, RunId, Tenant};

use crate::Visitor;
use crate::observer::Shared;
use crate::refusal::{Refusal, query_fault};

/// What keeps recent batches. Both calls answer at once and copy what they return.
pub trait Recent: Send + Sync {
    /// What the metrics of each name of a tenant came to.
    fn aggregates(&self, tenant: &Tenant) -> Aggregates;

    /// A tenant's newest batches, oldest first, at most `limit`.
    fn recent(&self, tenant: &Tenant, limit: usize) -> Vec<(Position, Batch)>;
}

/// All aggregates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Aggregates {
    /// One entry a name, ordered by name.
    pub names: Vec<Aggregate>,
    /// Values of names beyond the keeper's limit: counted, not aggregated.
    pub overflow: u64,
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

/// One metric with its origin; its own members stand beside the others.
#[derive(Debug, Serialize)]
pub(crate) struct RecentMetric {
    position: String,
    run: RunId,
    producer: Producer,
    seq: u64,
    received: u64,
    #[serde(flatten)]
    metric: Metric,
}

/// Metrics answered when no limit is asked for: a screenful or two.
const LIMIT_DEFAULT: usize = 100;
/// Metrics answered at most: so many batches, which may be full ones, are copied for it.
const LIMIT_MAX: usize = 1_000;

type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

pub(crate) async fn recent(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
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
    Ok(Json(newest(kept(&shared)?.recent(visitor.tenant(), limit), limit)))
}

/// Metrics of batches, newest first. Every batch has at least one.
fn newest(batches: Vec<(Position, Batch)>, limit: usize) -> Vec<RecentMetric> {
    let metrics = batches.into_iter().rev().flat_map(|(position, batch)| {
        let Batch { id, received_ms: received, metrics } = batch;
        metrics.into_iter().rev().map(move |metric| {
            let (run, producer, seq) = (id.run, id.producer.clone(), id.seq);
            RecentMetric { position: position.to_string(), run, producer, seq, received, metric }
        })
    });
    metrics.take(limit).collect()
}

pub(crate) async fn aggregates(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
) -> Result<Json<Aggregates>, Refusal> {
    Ok(Json(kept(&shared)?.aggregates(visitor.tenant())))
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
