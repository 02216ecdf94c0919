//! The server half: a connection's life from the upgrade to the farewell. Read next:
//! `session.rs`, for what happens between the two.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use tailrace_contract::transport::Flush;
use tailrace_contract::{Ingest, Options, Server, Transport, limits};
use tailrace_socket::{Security, Stream, linger, serve_secured};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::Ws;
use crate::session::Session;
use crate::upgrade;

/// What a connection may take. The default is the contract's; tests use less.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open connections; one more is closed at once.
    pub connections_max: usize,
    /// For the complete upgrade request, from the connection's opening; and for a TLS handshake
    /// before that.
    pub head_timeout: Duration,
    /// Without a complete message. After half of it the client is pinged; a pong is life.
    pub idle_timeout: Duration,
    /// For the client to take any of the waiting answers.
    pub write_timeout: Duration,
    /// Messages of one connection that wait for the log; further ones are not read.
    pub in_flight_max: usize,
    /// For a client to stop sending once it was told that the connection ends.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            head_timeout: limits::HEAD_TIMEOUT,
            idle_timeout: limits::IDLE_TIMEOUT,
            write_timeout: limits::WRITE_TIMEOUT,
            in_flight_max: limits::CONNECTION_IN_FLIGHT_MAX,
            linger: Duration::from_secs(2),
        }
    }
}

/// Serves WebSocket connections to `/v1/ingest` on the current tokio runtime, single or
/// multi threaded, until the returned server is drained or dropped. A slow or stalled
/// `ingest` delays only the connection that waits for it.
///
/// # Errors
/// The listener cannot be registered with the runtime, or the TLS identity is of no use.
pub fn serve<I: Ingest>(
    listener: TcpListener,
    ingest: I,
    limits: Limits,
    options: &Options,
) -> io::Result<Box<dyn Server>> {
    let security = Security::new(options.tls.as_ref(), Ws::ALPN)?;
    let beginning = (security, limits.head_timeout);
    let flush = options.flush;
    serve_secured(listener, limits.connections_max, beginning, move |stream, stop| {
        connection(stream, ingest.clone(), (limits, flush), stop)
    })
}

async fn connection<I: Ingest>(
    mut stream: Stream,
    ingest: I,
    (limits, flush): (Limits, Flush),
    stop: CancellationToken,
) {
    let upgrading = timeout(limits.head_timeout, upgrade::accept(&mut stream, &ingest));
    let Some(upgraded) = stop.run_until_cancelled(upgrading).await else { return };
    let refusal = match upgraded {
        Ok(Ok(upgraded)) => {
            let session = Session::new(stream, upgraded, ingest, (limits, flush)).await;
            if let Some(stream) = session.run(&stop).await {
                linger(stream, limits.linger).await;
            }
            return;
        }
        Ok(Err(upgrade::Fault::Refused(refusal))) => refusal,
        Ok(Err(upgrade::Fault::Gone)) => return,
        Err(_elapsed) => upgrade::too_slow(),
    };
    if let Ok(Ok(())) = timeout(limits.write_timeout, stream.write_all(&refusal)).await {
        linger(stream, limits.linger).await;
    }
}
