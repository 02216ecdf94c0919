//! Accepting connections, counting them, and draining: the frame around a transport. It knows
//! no protocol. Read next: the `server.rs` of a transport, which says what happens on one
//! connection.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use tailrace_contract::{BoxFuture, Drained, Server};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::Acceptor;
use crate::stream::Stream;
use crate::tls::Security;

/// Serves every accepted connection with `connection` on the current runtime, at most
/// `connections_max` at a time; one more is closed at once. The token that `connection` gets
/// is cancelled when draining begins: it is to finish what is in flight and end. Dropping the
/// server cuts every connection.
///
/// # Errors
/// The listener cannot be registered with the runtime.
pub fn serve<F, C>(
    listener: StdListener,
    connections_max: usize,
    connection: F,
) -> io::Result<Box<dyn Server>>
where
    F: Fn(TcpStream, CancellationToken) -> C + Send + 'static,
    C: Future<Output = ()> + Send + 'static,
{
    let acceptor = Acceptor::new(listener)?;
    let address = acceptor.address()?;
    let stop = CancellationToken::new();
    let door = Door { connections: JoinSet::new(), connections_max, stop: stop.clone() };
    let accepting = tokio::spawn(door.accept_all(acceptor, connection));
    Ok(Box::new(Listening { address, stop, accepting }))
}

/// The same for connections that begin as `security` says, with at most `handshake_limit` for a
/// handshake. That happens in the connection's own task: nobody else waits for it, and draining
/// ends it at once, since nothing is in flight yet.
///
/// # Errors
/// The listener cannot be registered with the runtime.
pub fn serve_secured<F, C>(
    listener: StdListener,
    connections_max: usize,
    (security, handshake_limit): (Security, Duration),
    connection: F,
) -> io::Result<Box<dyn Server>>
where
    F: Fn(Stream, CancellationToken) -> C + Send + Sync + 'static,
    C: Future<Output = ()> + Send + 'static,
{
    let shared = Arc::new((security, connection));
    serve(listener, connections_max, move |stream, stop| {
        let shared = Arc::clone(&shared);
        async move {
            let (security, connection) = &*shared;
            let beginning = security.begin(stream, handshake_limit);
            let begun = stop.run_until_cancelled(beginning).await.flatten();
            if let Some(stream) = begun {
                connection(stream, stop).await;
            }
        }
    })
}

struct Door {
    /// Dropped with the task that accepts, and then every connection ends.
    connections: JoinSet<()>,
    connections_max: usize,
    /// Cancelled: accept no more, finish what is in flight.
    stop: CancellationToken,
}

impl Door {
    /// Accepts until stopped; returns the connections that are still open.
    async fn accept_all<F, C>(mut self, mut acceptor: Acceptor, connection: F) -> JoinSet<()>
    where
        F: Fn(TcpStream, CancellationToken) -> C,
        C: Future<Output = ()> + Send + 'static,
    {
        loop {
            let stream = tokio::select! {
                biased;
                () = self.stop.cancelled() => return self.connections,
                Some(_ended) = self.connections.join_next() => continue,
                stream = acceptor.next() => stream,
            };
            if self.connections.len() >= self.connections_max {
                acceptor.refuse(stream, self.connections_max);
            } else {
                self.connections.spawn(connection(stream, self.stop.clone()));
            }
        }
    }
}

struct Listening {
    address: SocketAddr,
    stop: CancellationToken,
    accepting: JoinHandle<JoinSet<()>>,
}

impl Server for Listening {
    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.address]
    }

    fn drain(mut self: Box<Self>, deadline: Duration) -> BoxFuture<'static, Drained> {
        Box::pin(async move {
            self.stop.cancel();
            // Once this task has ended the port is free and no connection is added.
            let mut connections = (&mut self.accepting).await.unwrap_or_default();
            let ended = async { while connections.join_next().await.is_some() {} };
            if tokio::time::timeout(deadline, ended).await.is_ok() {
                return Drained { cut: 0 };
            }
            let cut = connections.len();
            connections.shutdown().await;
            Drained { cut }
        })
    }
}

impl Drop for Listening {
    /// A server that is dropped undrained ends at once: nobody could reach it any more.
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
