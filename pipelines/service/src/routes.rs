//! The map of paths. One file a family of routes.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use tailrace_contract::{Ingest, Problem, ProblemKind};

use crate::gate::{self, Access, Role};
use crate::ingest::Door;
use crate::observer::Shared;
use crate::refusal::Refusal;
use crate::{alerts, audit, chart, health, index, ingest, live, page, prometheus, query, recent};

/// One route.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// As axum writes it.
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    /// For people.
    pub(crate) what: &'static str,
}

const INGEST: Access = Access::Role(Role::Ingest);
const READ: Access = Access::Role(Role::Read);
const ADMIN: Access = Access::Role(Role::Admin);
const PUBLIC: Access = Access::Public;

const fn route(
    method: &'static str,
    path: &'static str,
    access: Access,
    what: &'static str,
) -> Route {
    Route { method, path, access, what }
}

/// What the gate asks for on a route. What is not in the table needs the most.
pub(crate) fn access(method: &Method, path: &str) -> Access {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let known = ROUTES.iter().find(|route| route.path == path && method == route.method);
    known.map_or(ADMIN, |route| route.access)
}

/// Every route with what it needs and one line for people. A line without a method belongs to the
/// one above.
pub(crate) const ROUTES: &[Route] = &[
    route(
        "GET",
        "/",
        PUBLIC,
        "the live page for browsers, this list for others; /assets/… are its parts",
    ),
    route(
        "POST",
        "/v1/ingest",
        INGEST,
        "a metric, an array or a batch, JSON or MessagePack; header Tailrace-Run",
    ),
    route("GET", "/v1/metrics/live", READ, "the live feed: SSE, or WebSocket after an upgrade"),
    route("", "", PUBLIC, "  ?view=ids|full &run=ID &sample=K&producers=K&seed=S &after=POSITION"),
    route("GET", "/v1/metrics/recent", READ, "the newest metrics; ?limit=N (memory logs)"),
    route("GET", "/v1/aggregates", READ, "count, sum, min, max and last by name (memory logs)"),
    route(
        "GET",
        "/v1/audit/{run}",
        READ,
        "what the log holds of a run; ?of=store: what the store holds",
    ),
    route("GET", "/v1/metrics", READ, "stored metrics, newest first, page by page; JSON or CSV"),
    route(
        "",
        "",
        PUBLIC,
        "  ?from=-1h&to=now&name=cpu.user|event.*&attr.KEY=VALUE&limit=N&cursor=C&format=csv",
    ),
    route(
        "GET",
        "/v1/metrics/aggregate",
        READ,
        "avg, min, max, sum, count, percentiles of stored metrics",
    ),
    route("", "", PUBLIC, "  as above, and ?values=avg,p95&bucket=1m&group_by=ATTRIBUTE"),
    route("GET", "/v1/events", READ, "stored metrics called event.…; ?type=click and as above"),
    route(
        "GET",
        "/v1/summary",
        READ,
        "what every name came to, and the share of each type of event",
    ),
    route(
        "GET",
        "/v1/summary/live",
        READ,
        "the same of the last ?window=1h, told anew after commits: SSE",
    ),
    route("GET", "/v1/cache", READ, "where answers about history came from, and what is kept"),
    route("DELETE", "/v1/cache", ADMIN, "forgets the tenant's answers"),
    route("GET", "/v1/alerts", READ, "spikes that were found, newest first; ?limit=N"),
    route("GET", "/v1/alerts/live", READ, "the same as they are found: SSE"),
    route("GET", "/health", PUBLIC, "asks log and store; 503 when the log does not answer"),
    route("GET", "/ready", PUBLIC, "503 while draining"),
    route("GET", "/metrics", ADMIN, "for Prometheus"),
    route("GET", "/openapi.yaml", PUBLIC, "all of this for programs: OpenAPI 3.1"),
    route("GET", "/assets/chart.js", PUBLIC, "Chart.js, for the page"),
    route("GET", "/assets/{name}", PUBLIC, "parts of the page"),
    route("GET", "/assets/{folder}/{name}", PUBLIC, "parts of its larger views"),
    route("POST", "/v1/auth/session", PUBLIC, "log in: {\"key\":…} becomes a cookie"),
    route("GET", "/v1/auth/session", PUBLIC, "who am I: tenant, roles, end of the session"),
    route("DELETE", "/v1/auth/session", PUBLIC, "log out"),
];

pub(crate) fn router<I: Ingest>(shared: Arc<Shared>, ingest: I) -> Router {
    let door = Door { ingest, limits: shared.limits.clone() };
    let write = Router::new().route("/v1/ingest", post(ingest::ingest::<I>)).with_state(door);
    Router::new()
        .route("/", get(index::index))
        .route("/assets/chart.js", get(chart::chart))
        .route("/assets/{name}", get(page::asset))
        .route("/assets/{folder}/{name}", get(page::part))
        .route("/v1/metrics/live", get(live::live))
        .route("/v1/metrics/recent", get(recent::recent))
        .route("/v1/aggregates", get(recent::aggregates))
        .route("/v1/audit/{run}", get(audit::audit))
        .route("/v1/metrics", get(query::metrics))
        .route("/v1/metrics/aggregate", get(query::aggregate))
        .route("/v1/events", get(query::events))
        .route("/v1/summary", get(query::summary))
        .route("/v1/summary/live", get(query::live))
        .route("/v1/cache", get(query::statistics).delete(query::clear))
        .route("/openapi.yaml", get(query::specification))
        .route("/v1/alerts", get(alerts::recent))
        .route("/v1/alerts/live", get(alerts::live))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(prometheus::metrics))
        .route("/v1/auth/session", post(gate::log_in).get(gate::who_am_i).delete(gate::log_out))
        .with_state(Arc::clone(&shared))
        .merge(write)
        .route_layer(from_fn_with_state(shared, gate::enter))
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
