//! The live page: its files are part of the program, so that any running pipeline can show it.
//! `index.rs` hands out the page itself, this file what the page loads. The sources are in
//! `dashboard/live/`; Chart.js is not among them, see `chart.rs`.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tailrace_contract::{Problem, ProblemKind};

use crate::refusal::Refusal;

/// The page without its parts.
pub(crate) const HTML: &str = include_str!("../../../dashboard/live/index.html");

/// What the page may do: load from here, talk to here, and nothing else. A metric's name that
/// became markup by mistake could still not run.
pub(crate) const POLICY: &str = "default-src 'self'; connect-src 'self'; img-src 'self' data:; \
     object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const CSS: &str = "text/css; charset=utf-8";
pub(crate) const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, media type and text of every file under `/assets/` that is part of the program.
const FILES: &[(&str, &str, &str)] = &[
    ("theme.css", CSS, include_str!("../../../dashboard/css/theme.css")),
    ("live.css", CSS, include_str!("../../../dashboard/live/live.css")),
    ("icon.svg", "image/svg+xml", include_str!("../../../dashboard/live/icon.svg")),
    ("theme.js", SCRIPT, include_str!("../../../dashboard/js/theme.js")),
    ("main.js", SCRIPT, include_str!("../../../dashboard/live/main.js")),
    ("views.js", SCRIPT, include_str!("../../../dashboard/live/views.js")),
    ("ask.js", SCRIPT, include_str!("../../../dashboard/live/ask.js")),
    ("dom.js", SCRIPT, include_str!("../../../dashboard/live/dom.js")),
    ("feed.js", SCRIPT, include_str!("../../../dashboard/live/feed.js")),
    ("thinning.js", SCRIPT, include_str!("../../../dashboard/live/thinning.js")),
    ("fleet.js", SCRIPT, include_str!("../../../dashboard/live/fleet.js")),
    ("intake.js", SCRIPT, include_str!("../../../dashboard/live/intake.js")),
    ("flow.js", SCRIPT, include_str!("../../../dashboard/live/flow.js")),
    ("hosts.js", SCRIPT, include_str!("../../../dashboard/live/hosts.js")),
    ("series.js", SCRIPT, include_str!("../../../dashboard/live/series.js")),
    ("detector.js", SCRIPT, include_str!("../../../dashboard/live/detector.js")),
    ("status.js", SCRIPT, include_str!("../../../dashboard/live/status.js")),
    ("table.js", SCRIPT, include_str!("../../../dashboard/live/table.js")),
    ("alert-rows.js", SCRIPT, include_str!("../../../dashboard/live/alert-rows.js")),
    ("top.js", SCRIPT, include_str!("../../../dashboard/live/top.js")),
    ("fleet-view.js", SCRIPT, include_str!("../../../dashboard/live/fleet-view.js")),
    ("host-view.js", SCRIPT, include_str!("../../../dashboard/live/host-view.js")),
    ("host-list.js", SCRIPT, include_str!("../../../dashboard/live/host-list.js")),
    ("alerts-view.js", SCRIPT, include_str!("../../../dashboard/live/alerts-view.js")),
    ("spikes.js", SCRIPT, include_str!("../../../dashboard/live/spikes.js")),
    ("alerts.js", SCRIPT, include_str!("../../../dashboard/live/alerts.js")),
    ("charts.js", SCRIPT, include_str!("../../../dashboard/live/charts.js")),
    ("lines.js", SCRIPT, include_str!("../../../dashboard/live/lines.js")),
    ("panels.js", SCRIPT, include_str!("../../../dashboard/live/panels.js")),
    ("server.js", SCRIPT, include_str!("../../../dashboard/live/server.js")),
    ("session.js", SCRIPT, include_str!("../../../dashboard/live/session.js")),
    ("send.js", SCRIPT, include_str!("../../../dashboard/live/send.js")),
    ("format.js", SCRIPT, include_str!("../../../dashboard/live/format.js")),
    ("history/history.css", CSS, include_str!("../../../dashboard/live/history/history.css")),
    ("history/events.js", SCRIPT, include_str!("../../../dashboard/live/history/events.js")),
    ("history/history.js", SCRIPT, include_str!("../../../dashboard/live/history/history.js")),
    ("history/link.js", SCRIPT, include_str!("../../../dashboard/live/history/link.js")),
    ("history/client.js", SCRIPT, include_str!("../../../dashboard/live/history/client.js")),
    ("history/range.js", SCRIPT, include_str!("../../../dashboard/live/history/range.js")),
    (
        "history/range-control.js",
        SCRIPT,
        include_str!("../../../dashboard/live/history/range-control.js"),
    ),
    ("history/filters.js", SCRIPT, include_str!("../../../dashboard/live/history/filters.js")),
    ("history/series.js", SCRIPT, include_str!("../../../dashboard/live/history/series.js")),
    ("history/chart.js", SCRIPT, include_str!("../../../dashboard/live/history/chart.js")),
    ("history/plain.js", SCRIPT, include_str!("../../../dashboard/live/history/plain.js")),
    ("history/ticks.js", SCRIPT, include_str!("../../../dashboard/live/history/ticks.js")),
    ("history/answer.js", SCRIPT, include_str!("../../../dashboard/live/history/answer.js")),
    ("history/bars.js", SCRIPT, include_str!("../../../dashboard/live/history/bars.js")),
    ("history/elsewhere.js", SCRIPT, include_str!("../../../dashboard/live/history/elsewhere.js")),
    ("history/told.js", SCRIPT, include_str!("../../../dashboard/live/history/told.js")),
    ("history/log.js", SCRIPT, include_str!("../../../dashboard/live/history/log.js")),
    ("history/shares.js", SCRIPT, include_str!("../../../dashboard/live/history/shares.js")),
    ("history/export.js", SCRIPT, include_str!("../../../dashboard/live/history/export.js")),
    (
        "history/export-control.js",
        SCRIPT,
        include_str!("../../../dashboard/live/history/export-control.js"),
    ),
    (
        "history/keeping-up.js",
        SCRIPT,
        include_str!("../../../dashboard/live/history/keeping-up.js"),
    ),
    ("history/generator.js", SCRIPT, include_str!("../../../dashboard/live/history/generator.js")),
];

pub(crate) async fn asset(
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    file(&name, &headers)
}

/// A part of a view that has a folder of its own.
pub(crate) async fn part(
    Path((folder, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    file(&format!("{folder}/{name}"), &headers)
}

fn file(name: &str, headers: &HeaderMap) -> Result<Response, Refusal> {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    let &(_, media_type, text) = found.ok_or_else(|| {
        let detail = format!("/assets/{name:.60} is no part of the live page; GET / shows it");
        Refusal(Problem::new(ProblemKind::NotFound, detail))
    })?;
    Ok(answer(headers, media_type, Bytes::from_static(text.as_bytes())))
}

/// A file that browsers may keep but must ask about: after an upgrade of the program, old parts
/// must not meet new ones.
pub(crate) fn answer(headers: &HeaderMap, media_type: &'static str, body: Bytes) -> Response {
    let tag = tag(&body);
    let fresh = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::ETAG, HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))),
    ];
    if has_tag(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, fresh).into_response();
    }
    (fresh, [(header::CONTENT_TYPE, media_type)], body).into_response()
}

/// An entity tag: the same bytes have the same one.
fn tag(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

/// Whether the client holds what has this tag. Source: RFC 9110, section 13.1.2.
fn has_tag(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).into_iter();
    let tags = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tags.map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}
