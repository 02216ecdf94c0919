//! The server half: what a connection may take, and its life from the preface to the last byte.
//! The settings that a client is told stand here, each with its reason. Read next:
//! `session.rs`, for what happens in between.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, Connection};
use tailrace_contract::transport::Flush;
use tailrace_contract::{Ingest, Options, Server, Transport, limits};
use tailrace_socket::{Security, linger, serve_secured};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::Http2;
use crate::greeting::{self, Fault};
use crate::session::Session;
use crate::socket::Socket;
use crate::watch::Watch;

/// Bytes that a client may send on one stream before it must wait: the largest body, so that no
/// body waits for a window halfway. A round trip saved for every large batch.
const STREAM_WINDOW_BYTES: u32 = limits::BODY_BYTES_MAX as u32;
/// Bytes that a client may send on all streams before it must wait. It bounds what lies unread
/// in h2's queues, and over a link with 50 ms of round trip it lets 80 MB/s through.
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// Bytes of answers that one stream may leave unwritten: the longest refusal is far below.
const SEND_BUFFER_BYTES: usize = 64 << 10;
/// Bytes of a client's dynamic header table, the protocol's default: a producer's headers fit,
/// so that from the second request on each is one byte. A bomb cannot grow what it unpacks to
/// beyond the header list's limit.
const HEADER_TABLE_BYTES: u32 = 4_096;
/// Streams that were reset before the session saw them, in the queue at once: h2's own default.
/// They are no longer counted as open, so that without this limit they pile up (rapid reset,
/// CVE-2023-44487).
const UNSEEN_RESETS_MAX: usize = 20;
/// Streams that this side had to reset because the client broke a rule, or that it refused
/// because too many were open, in a connection's whole life.
const FORCED_RESETS_MAX: usize = 1_024;
/// How long a stream that was answered before its body ended is remembered. What is still on
/// its way is ignored so long; after that it would be an error of the whole connection.
const REMEMBER_REFUSED: Duration = Duration::from_secs(5);

/// What a connection may take. The default is the contract's; tests use less.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open connections; one more is closed at once.
    pub connections_max: usize,
    /// Open streams of one connection; one more is refused (`REFUSED_STREAM`).
    pub streams_max: u32,
    /// Requests of one connection that wait for the log or the rest of their body; further ones
    /// are not looked at. More than streams, because a client may reset a stream whose batch
    /// still waits.
    pub in_flight_max: usize,
    /// Bytes of incomplete bodies that one connection may have here.
    pub incomplete_bytes_max: usize,
    /// For the preface and the first settings, for each frame, and for each header block.
    pub head_timeout: Duration,
    /// For a complete body, once its head was read.
    pub body_timeout: Duration,
    /// Without a frame and without an open stream.
    pub idle_timeout: Duration,
    /// For the client to take any byte of a waiting answer, or to open its windows for it.
    pub write_timeout: Duration,
    /// For a client that was told that the connection ends to stop sending, so that it can read
    /// why. When draining: for an idle client to confirm.
    pub linger: Duration,
    /// Frames that carry no data, beyond [`Limits::CONTROL_FRAMES_A_REQUEST`] for each request,
    /// in one [`Limits::BUDGET_PERIOD`].
    pub control_frames_max: u32,
    /// Streams that the client may reset in one [`Limits::BUDGET_PERIOD`].
    pub resets_max: u32,
}

impl Limits {
    /// Some clients send a window update for the stream and one for the connection after each
    /// answer, and a priority before it; this is twice as many.
    pub const CONTROL_FRAMES_A_REQUEST: u32 = 8;
    /// The budgets of frames are full again after this.
    pub const BUDGET_PERIOD: Duration = Duration::from_secs(10);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            // More than any fair comparison has in flight on one connection; with the answers
            // at their longest about a megabyte that a client can leave untaken.
            streams_max: 256,
            in_flight_max: limits::CONNECTION_IN_FLIGHT_MAX,
            // Sixteen of the largest bodies side by side.
            incomplete_bytes_max: 16 * limits::BODY_BYTES_MAX,
            head_timeout: limits::HEAD_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            idle_timeout: limits::IDLE_TIMEOUT,
            write_timeout: limits::WRITE_TIMEOUT,
            linger: Duration::from_secs(2),
            // A hundred a second, for clients that ping or speak without asking.
            control_frames_max: 1_000,
            // A client that loses patience with all that it has open may do so twice.
            resets_max: 512,
        }
    }
}

/// Serves `POST /v1/ingest` over HTTP/2, by prior knowledge in clear text and by ALPN over TLS,
/// on the current tokio runtime, single or multi threaded, until the returned server is drained
/// or dropped. A slow or stalled `ingest` delays only the stream that waits for it.
///
/// # Errors
/// The listener cannot be registered with the runtime, or the TLS identity is of no use.
pub fn serve<I: Ingest>(
    listener: TcpListener,
    ingest: I,
    limits: Limits,
    options: &Options,
) -> io::Result<Box<dyn Server>> {
    let security = Security::new(options.tls.as_ref(), Http2::ALPN)?;
    let beginning = (security, limits.head_timeout);
    let flush = options.flush;
    serve_secured(listener, limits.connections_max, beginning, move |stream, stop| {
        connection(stream, ingest.clone(), limits, flush, stop)
    })
}

/// One connection, from its first byte to its last, over TCP or TLS.
async fn connection<S, I>(
    stream: S,
    ingest: I,
    limits: Limits,
    flush: Flush,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    I: Ingest,
{
    // While the greeting is under way nothing is in flight: draining need not wait for it.
    let greeting = timeout(limits.head_timeout, greet(stream, &limits));
    let Some(Ok(Some((connection, watch)))) = stop.run_until_cancelled(greeting).await else {
        return;
    };
    Session::new(connection, watch, ingest, limits, flush).run(&stop).await;
}

/// Everything before the first request; none when the connection ended in between.
async fn greet<S>(
    mut stream: S,
    limits: &Limits,
) -> Option<(Connection<Socket<S>, Bytes>, Arc<Watch>)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let first = match greeting::read(&mut stream).await {
        Ok(first) => first,
        Err(Fault::Refused(answer)) => {
            stream.write_all(&answer).await.ok()?;
            linger(stream, limits.linger).await;
            return None;
        }
        Err(Fault::Gone) => return None,
    };
    let watch = Arc::new(Watch::default());
    let socket = Socket::new(stream, first, watch.clone(), *limits);
    match builder(limits).handshake(socket).await {
        Ok(connection) => Some((connection, watch)),
        Err(fault) => {
            // Clients that vanish are ordinary.
            tracing::debug!("no HTTP/2 connection: {fault}");
            None
        }
    }
}

fn builder(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(limits::HEAD_BYTES_MAX as u32)
        .header_table_size(HEADER_TABLE_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .max_pending_accept_reset_streams(UNSEEN_RESETS_MAX)
        .max_local_error_reset_streams(Some(FORCED_RESETS_MAX))
        // As many as can be refused at once: forgetting one too early costs the connection.
        .max_concurrent_reset_streams(limits.streams_max as usize)
        .reset_stream_duration(REMEMBER_REFUSED);
    builder
}
