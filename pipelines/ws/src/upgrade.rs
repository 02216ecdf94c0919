//! How a connection begins: an HTTP request that asks to become a WebSocket (RFC 6455,
//! section 4). tungstenite could do this, but it hangs up on anything else; a person who
//! tries `curl` deserves an answer that says how. Read next: `session.rs`.

use httparse::{EMPTY_HEADER, Request, Status};
use tailrace_contract::credential::KEY_HEADER;
use tailrace_contract::identity::RUN_HEADER;
use tailrace_contract::limits::{HEAD_BYTES_MAX, HEADERS_MAX};
use tailrace_contract::problem::PROBLEM_JSON;
use tailrace_contract::{Caller, Credential, Ingest, Problem, ProblemKind, origin};
use tailrace_socket::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The one path that is served.
const PATH: &str = "/v1/ingest";

/// A connection that became a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgraded {
    pub(crate) caller: Caller,
    /// What came behind the request: clients may send before they read our consent.
    pub(crate) rest: Vec<u8>,
}

/// One that did not.
#[derive(Debug)]
pub(crate) enum Fault {
    /// This answer is due.
    Refused(Vec<u8>),
    /// Nobody is there to read an answer.
    Gone,
}

struct Agreed {
    head_bytes: usize,
    caller: Caller,
    accept_key: String,
}

/// Reads the request and consents to it. Takes as long as the client does.
pub(crate) async fn accept<I: Ingest>(stream: &mut Stream, ingest: &I) -> Result<Upgraded, Fault> {
    let mut bytes = Vec::with_capacity(1 << 10);
    loop {
        if stream.read_buf(&mut bytes).await.map_err(|_| Fault::Gone)? == 0 {
            return Err(Fault::Gone);
        }
        let refused = |problem| Fault::Refused(refusal(&problem));
        if let Some(agreed) = judge(&bytes).map_err(refused)? {
            let caller = ingest.welcome(agreed.caller).await.map_err(refused)?;
            let consent = consent(&agreed.accept_key);
            stream.write_all(consent.as_bytes()).await.map_err(|_| Fault::Gone)?;
            stream.flush().await.map_err(|_| Fault::Gone)?;
            let rest = bytes.split_off(agreed.head_bytes);
            return Ok(Upgraded { caller, rest });
        }
    }
}

fn consent(accept_key: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept_key}\r\n\r\n"
    )
}

/// The bytes for a client whose request did not arrive in time.
pub(crate) fn too_slow() -> Vec<u8> {
    let detail = "the upgrade request did not arrive in time; send it in one piece";
    refusal(&Problem::new(ProblemKind::Timeout, detail))
}

fn refusal(problem: &Problem) -> Vec<u8> {
    let body = problem.to_json();
    let status = problem.status();
    let phrase = match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Bad Request",
    };
    let challenge = problem.challenge();
    let challenge = challenge.map_or(String::new(), |how| format!("www-authenticate: {how}\r\n"));
    let retry = problem.retry_after_s();
    let retry = retry.map_or(String::new(), |seconds| format!("retry-after: {seconds}\r\n"));
    let mut answer = format!(
        "HTTP/1.1 {status} {phrase}\r\nconnection: close, upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\n{challenge}{retry}content-type: {PROBLEM_JSON}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    answer
}

/// Nothing while the request is incomplete.
fn judge(bytes: &[u8]) -> Result<Option<Agreed>, Problem> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut request = Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(Status::Complete(head_bytes)) if head_bytes <= HEAD_BYTES_MAX => {
            agree(&request, head_bytes).map(Some)
        }
        Ok(Status::Partial) if bytes.len() <= HEAD_BYTES_MAX => Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => {
            let detail =
                format!("at most {HEADERS_MAX} headers in {HEAD_BYTES_MAX} bytes are allowed");
            Err(Problem::new(ProblemKind::HeadTooLarge, detail))
        }
        Err(fault) => Err(bad_request(format!("this is not an HTTP/1.1 request: {fault}"))),
    }
}

fn agree(request: &Request<'_, '_>, head_bytes: usize) -> Result<Agreed, Problem> {
    let target = request.path.unwrap_or_default();
    if target.split('?').next() != Some(PATH) {
        let detail = format!("{target} is not served here; connect to ws://…{PATH}");
        return Err(Problem::new(ProblemKind::NotFound, detail));
    }
    let asks = request.method == Some("GET")
        && request.version == Some(1)
        && has_token(request, "upgrade", "websocket")
        && has_token(request, "connection", "upgrade")
        && has_token(request, "sec-websocket-version", "13");
    if !asks {
        let detail = format!(
            "this listener speaks WebSocket (version 13) only: connect a WebSocket client to \
             ws://…{PATH} and send batches as messages; `curl` can post to an HTTP pipeline"
        );
        return Err(Problem::new(ProblemKind::UpgradeRequired, detail));
    }
    origin::same_site(header(request, "origin"), header(request, "host"))?;
    let key = header(request, "sec-websocket-key").filter(|key| is_key(key));
    let key = key.ok_or_else(|| bad_request("Sec-WebSocket-Key is not 16 bytes in base64"))?;
    let mut caller = Caller::from_run_header(header(request, RUN_HEADER))?;
    caller.credential = credential(request);
    Ok(Agreed { head_bytes, caller, accept_key: derive_accept_key(key) })
}

/// What the client showed: a key, or the cookie that a browser sends by itself. Pages of other
/// sites were refused by then.
fn credential(request: &Request<'_, '_>) -> Option<Credential> {
    let key = Credential::of_headers(header(request, "authorization"), header(request, KEY_HEADER));
    key.or_else(|| Credential::of_cookie(header(request, "cookie")?))
}

fn bad_request(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::BadRequest, detail)
}

fn header<'r>(request: &'r Request<'_, '_>, name: &str) -> Option<&'r [u8]> {
    let field = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    field.map(|field| field.value)
}

fn has_token(request: &Request<'_, '_>, name: &str, token: &str) -> bool {
    let fields = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    let mut tokens = fields.flat_map(|field| field.value.split(|&byte| byte == b','));
    tokens.any(|seen| seen.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// 16 bytes in base64 are 22 digits and two fillers.
fn is_key(key: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(digit)
}
