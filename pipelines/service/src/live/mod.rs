//! `GET /v1/metrics/live`: the live feed. `query.rs` reads what is wanted, `feed.rs` makes the
//! events, `event.rs` writes them, `sse.rs` and `websocket.rs` carry them.

mod batches;
mod event;
mod feed;
mod query;
mod sse;
mod websocket;

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use tailrace_contract::{Problem, ProblemKind};

use crate::Visitor;
use crate::observer::Shared;
use crate::refusal::Refusal;
use feed::Feed;
use query::Wanted;

type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

pub(crate) async fn live(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    pairs: Pairs,
    request: Request,
) -> Result<Response, Refusal> {
    let wanted = Wanted::read(&pairs?.0, request.headers())?;
    if websocket::is_asked(request.headers()) {
        let handshake = websocket::Handshake::check(request)?;
        return Ok(handshake.accept(subscribe(shared, visitor, wanted)?));
    }
    Ok(sse::response(subscribe(shared, visitor, wanted)?))
}

fn subscribe(shared: Arc<Shared>, visitor: Visitor, wanted: Wanted) -> Result<Feed, Refusal> {
    if shared.ending.is_cancelled() {
        let detail = "the feeds are being ended; subscribe elsewhere";
        return Err(Refusal(Problem::new(ProblemKind::Draining, detail)));
    }
    let seat = Arc::clone(&shared.seats).try_acquire_owned().map_err(|_| {
        let most = shared.limits.subscribers_max;
        let detail = format!("{most} subscribers are connected, which is the limit");
        Refusal(Problem::new(ProblemKind::TooManyClients, detail))
    })?;
    Ok(Feed::new(shared, visitor, wanted, seat))
}
