//! Accepts connections, limits them, and drains them. hyper is driven directly: axum's own
//! `serve` sets neither timeouts nor limits. What is served stands in `routes.rs`.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tailrace_contract::limits::{HEAD_BYTES_MAX, HEADERS_MAX};
use tailrace_contract::{BoxFuture, Drained, Ingest, Server, TlsIdentity};
use tailrace_socket::{Acceptor, Security};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::DropGuard;

use crate::guarded::Guarded;
use crate::observer::Shared;
use crate::{Limits, Observer, routes};

/// Bytes that the kernel holds for one connection's reader. Left alone it would grow to
/// megabytes for each subscriber that stopped reading; the bus's buffer is the one to use.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// What is agreed on in a TLS handshake.
const ALPN: &str = "http/1.1";

/// Serves the observer on `listener`, inside the current tokio runtime, behind TLS where there is
/// an identity to show. Dropping the server cuts every connection; draining it lets answers finish
/// and ends the feeds.
///
/// # Errors
/// When the listener cannot be used by the runtime, or the identity is of no use.
#[allow(clippy::unused_async, reason = "a future cannot be polled outside a runtime")]
pub async fn serve<I: Ingest>(
    listener: std::net::TcpListener,
    parts: Observer<I>,
    limits: Limits,
    tls: Option<&TlsIdentity>,
) -> io::Result<Box<dyn Server>> {
    let security = Security::new(tls, ALPN)?;
    let acceptor = Acceptor::new(listener)?;
    let address = acceptor.address()?;
    let (shared, ingest) = Shared::new(parts, limits, tls.is_some());
    let router = routes::router(Arc::clone(&shared), ingest);
    shared.connections.spawn(accept(acceptor, security, router, Arc::clone(&shared)));
    let guard = shared.cut.clone().drop_guard();
    Ok(Box::new(Running { address, shared, guard }))
}

struct Running {
    address: SocketAddr,
    shared: Arc<Shared>,
    guard: DropGuard,
}

impl Server for Running {
    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.address]
    }

    fn drain(self: Box<Self>, deadline: Duration) -> BoxFuture<'static, Drained> {
        Box::pin(async move {
            let Self { shared, guard, .. } = *self;
            shared.ending.cancel();
            shared.connections.close();
            let ended = tokio::time::timeout(deadline, shared.connections.wait()).await;
            let cut = if ended.is_ok() { 0 } else { shared.connections.len() };
            drop(guard);
            shared.connections.wait().await;
            Drained { cut }
        })
    }
}

async fn accept(mut acceptor: Acceptor, security: Security, router: Router, shared: Arc<Shared>) {
    let seats = Arc::new(Semaphore::new(shared.limits.connections_max));
    loop {
        let stream = tokio::select! {
            biased;
            () = shared.ending.cancelled() => return,
            () = shared.cut.cancelled() => return,
            stream = acceptor.next() => stream,
        };
        let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else {
            acceptor.refuse(stream, shared.limits.connections_max);
            continue;
        };
        let (security, router) = (security.clone(), router.clone());
        let connection = connection(stream, security, router, Arc::clone(&shared), seat);
        shared.connections.spawn(connection);
    }
}

/// One connection from its first byte to its last. An upgraded one goes on elsewhere.
async fn connection(
    stream: TcpStream,
    security: Security,
    router: Router,
    shared: Arc<Shared>,
    _seat: OwnedSemaphorePermit,
) {
    let send_buffer = socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES);
    if let Err(fault) = send_buffer {
        tracing::debug!(%fault, "observer: the connection broke at once");
        return;
    }
    let beginning = security.begin(stream, shared.limits.head_timeout);
    let beginning = shared.cut.run_until_cancelled(shared.ending.run_until_cancelled(beginning));
    let Some(stream) = beginning.await.flatten().flatten() else { return };
    let io = TokioIo::new(Guarded::new(stream, shared.limits.write_timeout));
    let served =
        http(&shared.limits).serve_connection(io, TowerToHyperService::new(router)).with_upgrades();
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = shared.cut.cancelled() => return,
        () = shared.ending.cancelled() => {
            served.as_mut().graceful_shutdown();
            tokio::select! {
                ended = served.as_mut() => ended,
                () = shared.cut.cancelled() => return,
            }
        }
    };
    if let Err(fault) = ended {
        tracing::debug!(%fault, "observer: a connection broke");
    }
}

fn http(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    http
}
