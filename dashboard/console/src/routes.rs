//! The paths, all below the secret: the page and its parts, questions and what arms are built of, a
//! plan for an order, the run or scenario, its progress as server-sent events, and the results site.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, Job, Stand};
use crate::guard::{Guard, check};
use crate::order::{Order, Sheet};
use crate::{Console, Experiments, pages, site};

/// Between two signs of life on a stream that has nothing to say.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What routes share.
pub(crate) struct Shared {
    bench: Arc<Bench>,
    experiment: Experiments,
    pub(crate) results: std::path::PathBuf,
    pub(crate) chart_js: Vec<std::path::PathBuf>,
    ending: CancellationToken,
}

pub(crate) fn router(
    console: Console,
    address: SocketAddr,
    ending: CancellationToken,
) -> io::Result<(Router, Arc<Bench>)> {
    let bench = Bench::new(console.program, console.results.clone())?;
    let shared = Arc::new(Shared {
        bench: Arc::clone(&bench),
        experiment: console.experiment,
        results: console.results,
        chart_js: console.chart_js,
        ending,
    });
    let below = Router::new()
        .route("/", get(pages::index))
        .route("/assets/{name}", get(pages::asset))
        .route("/assets/chart.js", get(site::chart))
        .route("/api/questions", get(questions))
        .route("/api/plan", post(plan))
        .route("/api/run", post(start).delete(stop).get(stand))
        .route("/api/demos", get(demos))
        .route("/api/demo", post(play))
        .route("/api/progress", get(progress))
        .route("/site/{*path}", get(site::file))
        .with_state(shared);
    let guard = Arc::new(Guard { token: console.token.clone(), address });
    let router = Router::new()
        .nest(&format!("/{}/", console.token), below)
        .fallback(|| async { (StatusCode::NOT_FOUND, "nothing is served here\n") })
        .layer(from_fn_with_state(guard, check));
    Ok((router, bench))
}

/// A refusal in words.
fn refused(status: StatusCode, why: impl Into<String>) -> Response {
    (status, Json(json!({ "detail": why.into() }))).into_response()
}

/// Experiments, and what a reader may build arms of: the program knows both.
async fn questions(State(shared): State<Arc<Shared>>) -> Response {
    let results = shared.results.to_string_lossy();
    let known = ["list", "--json", "--results", &results];
    let experiments = shared.bench.ask(&["run", "--list", "--json"]);
    match tokio::join!(experiments, shared.bench.ask(&known)) {
        (Ok(experiments), Ok(known)) => Json(json!({
            "experiments": experiments,
            "pipelines": known["pipelines"],
            "choices": known["choices"],
        }))
        .into_response(),
        (Err(said), _) | (_, Err(said)) => refused(StatusCode::INTERNAL_SERVER_ERROR, said),
    }
}

/// The scenarios of the demo.
async fn demos(State(shared): State<Arc<Shared>>) -> Response {
    match shared.bench.ask(&["demo", "--list", "--json"]).await {
        Ok(scenarios) => Json(scenarios).into_response(),
        Err(said) => refused(StatusCode::INTERNAL_SERVER_ERROR, said),
    }
}

/// A scenario that is to be played.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Play {
    /// Its name.
    scenario: String,
    /// Length of its phases in seconds.
    phase_s: f64,
}

async fn play(
    State(shared): State<Arc<Shared>>,
    wanted: Result<Json<Play>, JsonRejection>,
) -> Response {
    let Play { scenario, phase_s } = match wanted {
        Ok(Json(play)) => play,
        Err(fault) => return refused(StatusCode::BAD_REQUEST, fault.body_text()),
    };
    // A float becomes the nearest whole number of its range; the program says what it takes.
    let phase_ms = (phase_s * 1e3).round() as u64;
    let phase = format!("{phase_ms}ms");
    // What cannot be played is refused before it counts as a run.
    let known = ["demo", "--list", "--json", "--phase", &phase, "--", &scenario];
    match shared.bench.ask(&known).await {
        Err(said) => return refused(StatusCode::BAD_REQUEST, said),
        Ok(known) => {
            if let Some(why) = known[0]["missing"].as_str() {
                return refused(StatusCode::BAD_REQUEST, why);
            }
        }
    }
    match shared.bench.start(Job::Demo { scenario: &scenario, phase_ms }) {
        Ok(number) => (StatusCode::ACCEPTED, Json(json!({ "number": number }))).into_response(),
        Err(why) => refused(StatusCode::CONFLICT, why),
    }
}

/// What would run, and for how long.
async fn plan(
    State(shared): State<Arc<Shared>>,
    order: Result<Json<Order>, JsonRejection>,
) -> Response {
    let sheet = match shared.sheet(order) {
        Ok(sheet) => sheet,
        Err(refusal) => return *refusal,
    };
    match shared.bench.plan(&sheet).await {
        Ok(plan) => Json(plan).into_response(),
        Err(said) => refused(StatusCode::BAD_REQUEST, said),
    }
}

async fn start(
    State(shared): State<Arc<Shared>>,
    order: Result<Json<Order>, JsonRejection>,
) -> Response {
    let sheet = match shared.sheet(order) {
        Ok(sheet) => sheet,
        Err(refusal) => return *refusal,
    };
    // What cannot run is refused before it counts as a run.
    if let Err(said) = shared.bench.plan(&sheet).await {
        return refused(StatusCode::BAD_REQUEST, said);
    }
    match shared.bench.start(Job::Run(&sheet)) {
        Ok(number) => (StatusCode::ACCEPTED, Json(json!({ "number": number }))).into_response(),
        Err(why) => refused(StatusCode::CONFLICT, why),
    }
}

async fn stop(State(shared): State<Arc<Shared>>) -> Response {
    if shared.bench.stop() {
        StatusCode::ACCEPTED.into_response()
    } else {
        refused(StatusCode::CONFLICT, "no run is under way")
    }
}

async fn stand(State(shared): State<Arc<Shared>>) -> Json<Stand> {
    Json(shared.bench.look().0.stand)
}

impl Shared {
    fn sheet(&self, order: Result<Json<Order>, JsonRejection>) -> Result<Sheet, Box<Response>> {
        let bad = |why: String| Box::new(refused(StatusCode::BAD_REQUEST, why));
        let Json(order) = order.map_err(|fault| bad(fault.body_text()))?;
        order.sheet(&self.experiment).map_err(|fault| bad(fault.to_string()))
    }
}

/// Where a stream goes on.
#[derive(Debug, Deserialize)]
struct From {
    /// The run's number.
    #[serde(default)]
    number: u64,
    /// Lines of it that the page has.
    #[serde(default)]
    from: usize,
}

/// The stand, then lines as they come. Each event carries how many lines the page then has.
async fn progress(
    State(shared): State<Arc<Shared>>,
    Query(from): Query<From>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (board, changed) = shared.bench.look();
    drop(board);
    let begin = Follow { shared, changed, number: from.number, from: from.from, told: None };
    let events = futures_util::stream::unfold(begin, |mut follow| async move {
        let event = follow.next().await?;
        Some((Ok(event), follow))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT))
}

struct Follow {
    shared: Arc<Shared>,
    changed: tokio::sync::watch::Receiver<u64>,
    number: u64,
    from: usize,
    told: Option<Stand>,
}

impl Follow {
    /// None: the console ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            self.changed.mark_unchanged();
            let (stand, lines, until) = self.shared.bench.since(self.number, self.from);
            let number = number_of(&stand).unwrap_or(self.number);
            let news = self.told.as_ref() != Some(&stand) || !lines.is_empty();
            if news {
                let fresh = number != self.number;
                (self.number, self.from) = (number, until);
                let data = json!({ "stand": stand, "fresh": fresh, "lines": lines, "from": until });
                self.told = Some(stand);
                return Some(event(&data));
            }
            let ending = self.shared.ending.cancelled();
            tokio::select! {
                changed = self.changed.changed() => changed.ok()?,
                () = ending => return None,
            }
        }
    }
}

fn number_of(stand: &Stand) -> Option<u64> {
    match stand {
        Stand::Idle => None,
        Stand::Running { number, .. } | Stand::Ended { number, .. } => Some(*number),
    }
}

fn event(data: &Value) -> Event {
    Event::default().data(data.to_string())
}

/// The media type of a file by its ending.
pub(crate) fn typed(name: &str, body: Vec<u8>) -> Response {
    let known = [
        ("html", "text/html; charset=utf-8"),
        ("js", "text/javascript; charset=utf-8"),
        ("css", "text/css; charset=utf-8"),
        ("svg", "image/svg+xml"),
        ("png", "image/png"),
        ("json", "application/json"),
        ("csv", "text/csv; charset=utf-8"),
        ("md", "text/markdown; charset=utf-8"),
    ];
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let found = known.iter().find(|(end, _)| *end == ending);
    let media_type = found.map_or("application/octet-stream", |(_, media_type)| *media_type);
    ([(header::CONTENT_TYPE, media_type)], body).into_response()
}

/// A path that was not found.
pub(crate) fn missing(Path(path): Path<String>) -> Response {
    refused(StatusCode::NOT_FOUND, format!("{path:.100} is not here"))
}
