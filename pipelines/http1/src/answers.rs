//! The answers: an acknowledgement, a refusal, and the one that is written when no request
//! could be read. Read next: `server.rs`.

use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use tailrace_contract::ingest::Accepted;
use tailrace_contract::problem::PROBLEM_JSON;
use tailrace_contract::{Answer, Problem, ProblemKind};

/// An answer whose body is whole.
pub(crate) type Whole = Response<Full<Bytes>>;

/// By far the most frequent answer, so it is not built again and again.
const ONE_ACCEPTED: &[u8] = b"{\"accepted\":1}";
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM: HeaderValue = HeaderValue::from_static(PROBLEM_JSON);

/// The answer that ingest gave.
pub(crate) fn from_ingest(answer: &Answer) -> Whole {
    match &answer.outcome {
        Ok(Accepted { metrics: 1, assigned: None }) => {
            whole(StatusCode::ACCEPTED, JSON, Bytes::from_static(ONE_ACCEPTED))
        }
        Ok(_) => {
            let mut body = Vec::with_capacity(128);
            answer.write_http(&mut body);
            whole(StatusCode::ACCEPTED, JSON, body.into())
        }
        Err(problem) => refusal(problem),
    }
}

/// A refusal as problem+json.
pub(crate) fn refusal(problem: &Problem) -> Whole {
    let status = StatusCode::from_u16(problem.status()).unwrap_or_default();
    let mut answer = whole(status, PROBLEM, problem.to_json().into());
    if let Some(seconds) = problem.retry_after_s() {
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    if let Some(challenge) = problem.challenge() {
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if problem.kind == ProblemKind::MethodNotAllowed {
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    answer
}

fn whole(status: StatusCode, kind: HeaderValue, body: Bytes) -> Whole {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// The bytes for a client whose head did not arrive in time: hyper has no request to answer
/// then, so the socket writes them itself.
pub(crate) fn head_timeout() -> &'static [u8] {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let detail = "the request's head did not arrive in time; send it in one piece";
        let body = Problem::new(ProblemKind::Timeout, detail).to_json();
        let head = format!(
            "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: {PROBLEM_JSON}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    });
    &BYTES
}
