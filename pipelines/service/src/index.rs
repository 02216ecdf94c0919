//! `GET /`: the live page for browsers; for curl and its like, what is served here as text.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};

use crate::gate::Access;
use crate::observer::Shared;
use crate::page;
use crate::routes::{ROUTES, Route};

pub(crate) async fn index(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let vary = (header::VARY, "accept");
    if wants_html(&headers) {
        let guards = [
            vary,
            (header::CONTENT_SECURITY_POLICY, page::POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        return (guards, Html(page::HTML)).into_response();
    }
    ([vary], text(&shared, &headers)).into_response()
}

/// Whether the client names HTML among what it takes. Browsers do when they open a page;
/// `*/*`, which curl sends, names nothing.
fn wants_html(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).into_iter();
    let mut ranges =
        values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let html = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"));
        let refused = |part: &str| {
            part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0))
        };
        html && !parts.any(refused)
    })
}

fn text(shared: &Shared, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // The host comes from the client; as plain text it can do no harm, but it may be long.
    let host = host.filter(|host| host.len() <= 255).unwrap_or("HOST:PORT");
    let scheme = shared.scheme;
    let mut page = format!("Tailrace, observer of {}\n\n", shared.pipeline);
    // Writing to a string cannot fail.
    for Route { method, path, access, what } in ROUTES {
        let needs = match access {
            Access::Role(role) if shared.gate.is_some() => role.name(),
            _ => "",
        };
        let _ = writeln!(page, "{method:<4} {path:<22} {needs:<7}{what}");
    }
    let key = if shared.gate.is_some() { " -H \"X-API-Key: $KEY\"" } else { "" };
    let _ = writeln!(
        page,
        "\nA browser shows the live page here: {scheme}://{host}/\n\n\
         Try, in two terminals:\n\n  curl -N{key} {scheme}://{host}/v1/metrics/live\n  \
         curl{key} {scheme}://{host}/v1/ingest -d '{{\"name\":\"cpu\",\"value\":0.5}}'"
    );
    page
}
