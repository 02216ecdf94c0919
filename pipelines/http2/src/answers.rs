//! The answers: an acknowledgement or a refusal, each a head and a body. There is no status
//! text and no length: HTTP/2 has frames for that. Read next: `session.rs`.

use bytes::Bytes;
use h2::server::SendResponse;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use tailrace_contract::ingest::Accepted;
use tailrace_contract::problem::PROBLEM_JSON;
use tailrace_contract::{Answer, Problem, ProblemKind};

/// Whoever waits for an answer.
pub(crate) type Responder = SendResponse<Bytes>;
/// An answer whose body is whole.
pub(crate) type Whole = Response<Bytes>;

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
            let mut body = Vec::with_capacity(32);
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
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// Queues an answer. It fails where the client has reset the stream: then nobody waits for it.
pub(crate) fn send(mut responder: Responder, answer: Whole) {
    let (head, body) = answer.into_parts();
    if let Ok(mut stream) = responder.send_response(Response::from_parts(head, ()), false) {
        let _ = stream.send_data(body, true);
    }
}

/// Tells a client that waits for it to send its body.
pub(crate) fn consent(responder: &mut Responder) {
    let mut interim = Response::new(());
    *interim.status_mut() = StatusCode::CONTINUE;
    let _ = responder.send_informational(interim);
}
