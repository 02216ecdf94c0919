//! The server half: a connection's life from the upgrade to the farewell. Read next:
//! `session.rs`, for what happens between the two.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use tailrace_contract::{Ingest, Server, limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::session::Session;
use crate::upgrade;

/// Bytes that are read and thrown away after a farewell, so that a client that is still
/// sending can read it. Closing with unread bytes would reset the connection.
const LINGER_BYTES_MAX: usize = 16 << 20;

/// What a connection may take. The default is the contract's; tests use less.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open connections; one more is closed at once.
    pub connections_max: usize,
    /// For the complete upgrade request, from the connection's opening.
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
/// The listener cannot be registered with the runtime.
pub fn serve<I: Ingest>(
    listener: TcpListener,
    ingest: I,
    limits: Limits,
) -> io::Result<Box<dyn Server>> {
    tailrace_socket::serve(listener, limits.connections_max, move |stream, stop| {
        connection(stream, ingest.clone(), limits, stop)
    })
}

async fn connection<I: Ingest>(
    mut stream: TcpStream,
    ingest: I,
    limits: Limits,
    stop: CancellationToken,
) {
    let upgrading = timeout(limits.head_timeout, upgrade::accept(&mut stream));
    let Some(upgraded) = stop.run_until_cancelled(upgrading).await else { return };
    let refusal = match upgraded {
        Ok(Ok(upgraded)) => {
            let session = Session::new(stream, upgraded, ingest, limits).await;
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

/// Says that nothing more will come, and throws away what the client is still sending.
async fn linger(mut stream: TcpStream, limit: Duration) {
    let reading = async {
        stream.shutdown().await?;
        let (mut waste, mut lingered) = ([0; 4 << 10], 0);
        while lingered < LINGER_BYTES_MAX {
            match stream.read(&mut waste).await? {
                0 => break,
                n => lingered += n,
            }
        }
        io::Result::Ok(())
    };
    // A client that is gone or does not stop has had its chance to read.
    let _ = timeout(limit, reading).await;
}
