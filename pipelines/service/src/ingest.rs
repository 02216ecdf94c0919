//! `POST /v1/ingest`: the transport's door once more, for browsers and for curl. It is not
//! measured and not tuned.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tailrace_contract::identity::RUN_HEADER;
use tailrace_contract::{Caller, Ingest, Problem, ProblemKind};

use crate::origin::same_site;
use crate::refusal::Refusal;
use crate::{Limits, Visitor};

/// What the route needs of its listener.
#[derive(Clone)]
pub(crate) struct Door<I> {
    pub(crate) ingest: I,
    pub(crate) limits: Limits,
}

pub(crate) async fn ingest<I: Ingest>(
    State(door): State<Door<I>>,
    visitor: Visitor,
    request: Request,
) -> Result<Response, Refusal> {
    same_site(request.headers())?;
    let run = request.headers().get(RUN_HEADER).map(HeaderValue::as_bytes);
    let mut caller = Caller::from_run_header(run).map_err(Refusal)?;
    caller.pass = Some(visitor.pass());
    let body = read_body(request.into_body(), &door.limits).await.map_err(Refusal)?;
    let answer = door.ingest.admit(&caller, body).await;
    if let Err(problem) = answer.outcome {
        return Err(Refusal(problem));
    }
    let mut text = Vec::with_capacity(32);
    answer.write_http(&mut text);
    Ok((StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], text).into_response())
}

async fn read_body(body: Body, limits: &Limits) -> Result<Bytes, Problem> {
    let whole = Limited::new(body, limits.body_bytes_max).collect();
    let too_slow = |_| {
        let seconds = limits.body_timeout.as_secs_f32();
        Problem::new(ProblemKind::Timeout, format!("the body did not arrive within {seconds} s"))
    };
    let read = tokio::time::timeout(limits.body_timeout, whole).await.map_err(too_slow)?;
    read.map(http_body_util::Collected::to_bytes).map_err(|fault| {
        if fault.is::<LengthLimitError>() {
            let detail = format!(
                "the body is larger than {} bytes; send the batch in parts",
                limits.body_bytes_max
            );
            return Problem::new(ProblemKind::TooLarge, detail);
        }
        Problem::new(ProblemKind::BadRequest, format!("the body could not be read: {fault}"))
    })
}
