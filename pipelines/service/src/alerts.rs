//! `GET /v1/alerts`: the last alerts of whoever asks, newest first. `GET /v1/alerts/live`: the
//! same as they come, as `text/event-stream` with events called `alert`. They are news: what a
//! subscriber was too slow for, it finds in the list.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tailrace_contract::{Alert, AlertStream, Alerts, Problem, ProblemKind};
use tokio::sync::OwnedSemaphorePermit;

use crate::Visitor;
use crate::observer::Shared;
use crate::refusal::{Refusal, query_fault};

/// Alerts answered where the query does not say: what a page shows.
const LIMIT: usize = 50;
/// Alerts answered at most; no more are kept either.
const LIMIT_MAX: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Recent {
    alerts: Vec<Alert>,
}

pub(crate) async fn recent(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Recent>, Refusal> {
    let limit = asked?.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(query_fault(format!("limit is from 1 to {LIMIT_MAX}, not {limit}")));
    }
    let alerts = source(&shared)?.recent(Some(visitor.tenant()), limit);
    Ok(Json(Recent { alerts }))
}

fn source(shared: &Shared) -> Result<&Arc<dyn Alerts>, Refusal> {
    shared.alerts.as_ref().ok_or_else(|| {
        let detail = "nobody looks for spikes here; serve a pipeline that has a log with --store, or \
                      run tailrace worker --detector beside it";
        Refusal(Problem::new(ProblemKind::NotFound, detail))
    })
}

pub(crate) async fn live(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let alerts = source(&shared)?.subscribe();
    let seat = Arc::clone(&shared.seats).try_acquire_owned().map_err(|_| {
        let most = shared.limits.subscribers_max;
        let detail = format!("{most} subscribers are connected, which is the limit");
        Refusal(Problem::new(ProblemKind::TooManyClients, detail))
    })?;
    Ok(event_stream(Listening { shared, visitor, alerts, _seat: seat }))
}

/// One subscriber. Dropping it gives its seat back.
struct Listening {
    shared: Arc<Shared>,
    visitor: Visitor,
    alerts: AlertStream,
    _seat: OwnedSemaphorePermit,
}

/// Shows that the subscription stands, and asks to come back after a second.
const HELLO: &str = "retry: 1000\n\n";
/// A sign of life.
const QUIET: &str = ": quiet\n\n";

fn event_stream(listening: Listening) -> Response {
    let ending = listening.shared.ending.clone();
    let (visit, gate) = (listening.visitor.clone(), listening.shared.gate.clone());
    let over = Box::pin(async move {
        tokio::select! {
            () = ending.cancelled() => {}
            () = visit.over(gate.as_ref()) => {}
        }
    });
    let hello = stream::iter([Bytes::from_static(HELLO.as_bytes())]);
    let told = stream::unfold(listening, |mut listening| async move {
        let text = listening.next().await?;
        Some((text, listening))
    });
    let body = Body::from_stream(hello.chain(told.take_until(over)).map(Ok::<_, Infallible>));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

impl Listening {
    /// The next alert of this tenant, or a sign of life.
    async fn next(&mut self) -> Option<Bytes> {
        let (tenant, heartbeat) = (self.visitor.tenant(), self.shared.limits.heartbeat);
        let own = async {
            loop {
                match self.alerts.next().await {
                    Some(alert) if alert.tenant == *tenant => return Some(alert),
                    Some(_) => {}
                    None => return None,
                }
            }
        };
        match tokio::time::timeout(heartbeat, own).await {
            Ok(alert) => alert.map(|alert| event(&alert)),
            Err(_) => Some(Bytes::from_static(QUIET.as_bytes())),
        }
    }
}

fn event(alert: &Alert) -> Bytes {
    // Strings and finite numbers always serialize, and never with a line break.
    let json = serde_json::to_string(alert).unwrap_or_default();
    format!("event: alert\ndata: {json}\n\n").into()
}
