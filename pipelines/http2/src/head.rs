//! A request's head: who calls, or why it is refused before a byte of its body is looked at.
//! Read next: `body.rs`.

use http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use tailrace_contract::credential::KEY_HEADER;
use tailrace_contract::identity::RUN_HEADER;
use tailrace_contract::limits::{BODY_BYTES_MAX, HEADERS_MAX};
use tailrace_contract::{Caller, Credential, Ingest, Problem, ProblemKind, origin};

/// The one path that is served.
const PATH: &str = "/v1/ingest";

/// Who calls.
///
/// # Errors
/// A request that cannot be answered with 202 whatever its body is.
pub(crate) fn judge<I: Ingest>(head: &Parts, ingest: &I) -> Result<Caller, Problem> {
    route(head)?;
    if head.headers.len() > HEADERS_MAX {
        let detail = format!("at most {HEADERS_MAX} headers are allowed");
        return Err(Problem::new(ProblemKind::HeadTooLarge, detail));
    }
    same_site(head)?;
    let run = head.headers.get(RUN_HEADER).map(HeaderValue::as_bytes);
    let mut caller = Caller::from_run_header(run)?;
    if ingest.asks() {
        caller.credential = credential(&head.headers);
        ingest.recognise(&mut caller)?;
    }
    Ok(caller)
}

/// What the client showed.
fn credential(headers: &HeaderMap) -> Option<Credential> {
    let authorization = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let api_key = headers.get(KEY_HEADER).map(HeaderValue::as_bytes);
    Credential::of_headers(authorization, api_key)
}

/// Whether a body that has not come whole will be too large. h2 holds a client to what it
/// declares.
pub(crate) fn declares_too_much(head: &Parts) -> bool {
    let declared = head.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let bytes: Option<u64> = declared.and_then(|text| text.parse().ok());
    bytes.is_some_and(|bytes| bytes > BODY_BYTES_MAX as u64)
}

/// Whether the client waits to be told before it sends its body.
pub(crate) fn expects_consent(head: &Parts) -> bool {
    let expect = head.headers.get(header::EXPECT);
    expect.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// A body beyond the limit.
pub(crate) fn too_large() -> Problem {
    let detail = format!("at most {BODY_BYTES_MAX} bytes are allowed; split the batch");
    Problem::new(ProblemKind::TooLarge, detail)
}

fn route(head: &Parts) -> Result<(), Problem> {
    let path = head.uri.path();
    if path != PATH {
        let detail = format!("{path} is not served here; post batches to {PATH}");
        Err(Problem::new(ProblemKind::NotFound, detail))
    } else if head.method != Method::POST {
        let detail = format!("{} is not served here; use POST", head.method);
        Err(Problem::new(ProblemKind::MethodNotAllowed, detail))
    } else {
        Ok(())
    }
}

/// Refuses pages of other sites; programs send no origin. The host is in `:authority`, unless
/// the request came through something that speaks HTTP/1.1 on its other side.
fn same_site(head: &Parts) -> Result<(), Problem> {
    let Some(origin) = head.headers.get(header::ORIGIN) else { return Ok(()) };
    let authority = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = || head.headers.get(header::HOST).map(HeaderValue::as_bytes);
    origin::same_site(Some(origin.as_bytes()), authority.or_else(host))
}
