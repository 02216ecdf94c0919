//! `GET /`: what is served here, for whoever opens the address in a browser or with curl.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};

use crate::observer::Shared;
use crate::routes::ROUTES;

pub(crate) async fn index(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // The host comes from the client; as plain text it can do no harm, but it may be long.
    let host = host.filter(|host| host.len() <= 255).unwrap_or("HOST:PORT");
    let mut page = format!("Tailrace, observer of {}\n\n", shared.pipeline);
    // Writing to a string cannot fail.
    for (method, path, what) in ROUTES {
        let _ = writeln!(page, "{method:<5}{path:<22} {what}");
    }
    let _ = writeln!(
        page,
        "\nTry, in two terminals:\n\n  curl -N http://{host}/v1/metrics/live\n  \
         curl http://{host}/v1/ingest -d '{{\"name\":\"cpu\",\"value\":0.5}}'"
    );
    page
}
