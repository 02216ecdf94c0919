//! The map of paths. One file a family of routes.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};
use tailrace_contract::{Ingest, Problem, ProblemKind};

use crate::ingest::Door;
use crate::observer::Shared;
use crate::refusal::Refusal;
use crate::{audit, chart, health, index, ingest, live, page, prometheus, recent};

/// Every route with one line for people.
pub(crate) const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/", "the live page for browsers, this list for others; /assets/… are its parts"),
    (
        "POST",
        "/v1/ingest",
        "a metric, an array or a batch, JSON or MessagePack; header Tailrace-Run",
    ),
    ("GET", "/v1/metrics/live", "the live feed: SSE, or WebSocket after an upgrade"),
    ("", "", "  ?view=ids|full &run=ID &sample=K&producers=K&seed=S &after=POSITION"),
    ("GET", "/v1/metrics/recent", "the newest metrics; ?limit=N (memory logs)"),
    ("GET", "/v1/aggregates", "count, sum, min, max and last by name (memory logs)"),
    ("GET", "/v1/audit/{run}", "what the log holds of a run; ?of=store: what the store holds"),
    ("GET", "/health", "asks the log; 503 when it does not answer"),
    ("GET", "/ready", "503 while draining"),
    ("GET", "/metrics", "for Prometheus"),
];

pub(crate) fn router<I: Ingest>(shared: Arc<Shared>, ingest: I) -> Router {
    let door = Door { ingest, limits: shared.limits.clone() };
    let write = Router::new().route("/v1/ingest", post(ingest::ingest::<I>)).with_state(door);
    Router::new()
        .route("/", get(index::index))
        .route("/assets/chart.js", get(chart::chart))
        .route("/assets/{name}", get(page::asset))
        .route("/v1/metrics/live", get(live::live))
        .route("/v1/metrics/recent", get(recent::recent))
        .route("/v1/aggregates", get(recent::aggregates))
        .route("/v1/audit/{run}", get(audit::audit))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(prometheus::metrics))
        .with_state(shared)
        .merge(write)
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(map_response(secured))
}

async fn not_found(uri: Uri) -> Refusal {
    let detail = format!("{:.100} is not served here; GET / lists what is", uri.path());
    Refusal(Problem::new(ProblemKind::NotFound, detail))
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    let detail = format!("{:.100} does not take {method:.20}; GET / lists what does", uri.path());
    Refusal(Problem::new(ProblemKind::MethodNotAllowed, detail))
}

/// No guessing of types, no stale answers (a file says itself how long it is good for), and
/// (by saying nothing) no use by other sites.
async fn secured(mut response: Response) -> Response {
    const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
    const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    response
}
