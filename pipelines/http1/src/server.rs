//! The server half: from a request to its answer, on hyper. Routing is two comparisons;
//! whatever is refused is refused with problem+json. Read next: `socket.rs`.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tailrace_contract::credential::KEY_HEADER;
use tailrace_contract::identity::RUN_HEADER;
use tailrace_contract::transport::Flush;
use tailrace_contract::{
    Answer, Caller, Credential, Ingest, Options, Problem, ProblemKind, Server, Transport, limits,
    origin,
};
use tailrace_socket::{Security, Stream, serve_secured};
use tokio_util::sync::CancellationToken;

use crate::Http1;
use crate::answers::{self, Whole};
use crate::body;
use crate::session::{Phase, Session};
use crate::socket::Socket;

/// The one path that is served.
const PATH: &str = "/v1/ingest";
/// Bytes that one read may take. A body up to this size arrives in one piece; larger ones
/// are joined. It is also the most that one idle connection can hold.
const READ_BYTES_MAX: usize = 64 << 10;

/// What a connection may take. The default is the contract's; tests use less.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open connections; one more is closed at once.
    pub connections_max: usize,
    /// For a complete head, from its first byte or from the connection's opening; and for a TLS
    /// handshake before that.
    pub head_timeout: Duration,
    /// For a complete body, once its head was read.
    pub body_timeout: Duration,
    /// Between an answer and the next request's first byte.
    pub idle_timeout: Duration,
    /// For the client to take any byte of a waiting answer; behind TLS, for the records of one
    /// write.
    pub write_timeout: Duration,
    /// For a client that was refused early to stop sending, so that it can read why.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            head_timeout: limits::HEAD_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            idle_timeout: limits::IDLE_TIMEOUT,
            write_timeout: limits::WRITE_TIMEOUT,
            linger: Duration::from_secs(2),
        }
    }
}

/// Serves `POST /v1/ingest` on the current tokio runtime, single or multi threaded, until
/// the returned server is drained or dropped. A slow or stalled `ingest` delays only the
/// connection that waits for it.
///
/// # Errors
/// The listener cannot be registered with the runtime, or the TLS identity is of no use.
pub fn serve<I: Ingest>(
    listener: TcpListener,
    ingest: I,
    limits: Limits,
    options: &Options,
) -> io::Result<Box<dyn Server>> {
    let security = Security::new(options.tls.as_ref(), Http1::ALPN)?;
    let beginning = (security, limits.head_timeout);
    let flush = options.flush;
    serve_secured(listener, limits.connections_max, beginning, move |stream, stop| {
        connection(stream, ingest.clone(), (limits, flush), stop)
    })
}

/// One connection, from its first byte to its last.
async fn connection<I: Ingest>(
    stream: Stream,
    ingest: I,
    (limits, flush): (Limits, Flush),
    stop: CancellationToken,
) {
    let session = Arc::new(Session::default());
    let socket = Socket::new(stream, session.clone(), (limits, flush));
    let service = service_fn(move |request| {
        session.enter(Phase::Body);
        answer(ingest.clone(), session.clone(), limits.body_timeout, request)
    });
    let mut serving = pin!(builder().serve_connection(TokioIo::new(socket), service));
    let ended = tokio::select! {
        biased;
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(fault) = ended {
        // Clients that vanish or break the protocol are ordinary; their own log will say it.
        tracing::debug!("connection ended: {fault}");
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    // Half-closed clients (`nc -N`, scripts) still get their answer.
    builder
        .half_close(true)
        .max_headers(limits::HEADERS_MAX)
        .max_header_size(limits::HEAD_BYTES_MAX)
        .max_buf_size(READ_BYTES_MAX);
    builder
}

async fn answer<I: Ingest>(
    ingest: I,
    session: Arc<Session>,
    body_timeout: Duration,
    request: Request<Incoming>,
) -> Result<Whole, Infallible> {
    let answer = match admit(&ingest, &session, body_timeout, request).await {
        Ok(answer) => answers::from_ingest(&answer),
        Err(problem) => {
            session.leave_unread();
            answers::refusal(&problem)
        }
    };
    session.enter(Phase::Head);
    Ok(answer)
}

/// The answer of ingest.
///
/// # Errors
/// A request that did not get that far; its body may be unread.
async fn admit<I: Ingest>(
    ingest: &I,
    session: &Session,
    body_timeout: Duration,
    request: Request<Incoming>,
) -> Result<Answer, Problem> {
    route(&request)?;
    same_site(request.headers())?;
    let run = request.headers().get(RUN_HEADER).map(HeaderValue::as_bytes);
    let mut caller = Caller::from_run_header(run)?;
    if ingest.asks() {
        caller.credential = credential(request.headers());
        ingest.recognise(&mut caller)?;
    }
    let body = body::read(request.into_body(), body_timeout).await?;
    session.enter(Phase::Log);
    Ok(ingest.admit(&caller, body).await)
}

/// What the client showed.
fn credential(headers: &HeaderMap) -> Option<Credential> {
    let authorization = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let api_key = headers.get(KEY_HEADER).map(HeaderValue::as_bytes);
    Credential::of_headers(authorization, api_key)
}

/// Refuses pages of other sites; programs send no origin.
fn same_site(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    origin::same_site(Some(origin.as_bytes()), host)
}

fn route<B>(request: &Request<B>) -> Result<(), Problem> {
    let path = request.uri().path();
    if path != PATH {
        let detail = format!("{path} is not served here; post batches to {PATH}");
        Err(Problem::new(ProblemKind::NotFound, detail))
    } else if request.method() != Method::POST {
        let detail = format!("{} is not served here; use POST", request.method());
        Err(Problem::new(ProblemKind::MethodNotAllowed, detail))
    } else {
        Ok(())
    }
}
