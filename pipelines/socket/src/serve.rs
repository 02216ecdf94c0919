//! Accepting connections, counting them, and draining: the frame around a transport. It knows
//! no protocol. Read next: `server.rs`, which says what happens on one connection.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::{Duration, Instant};

use tailrace_contract::{BoxFuture, Drained, Server};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// Pause after an accept that failed for want of files or memory: trying again at once would
/// spin a core, and only closing connections helps.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// Warnings about refused connections are this far apart: a flood must not fill the disk.
const WARN_EVERY: Duration = Duration::from_secs(5);

/// Serves every accepted connection with `connection` on the current runtime. The token that
/// it gets is cancelled when draining begins.
pub(crate) fn spawn<F, C>(
    listener: StdListener,
    connections_max: usize,
    connection: F,
) -> io::Result<Box<dyn Server>>
where
    F: Fn(TcpStream, CancellationToken) -> C + Send + 'static,
    C: Future<Output = ()> + Send + 'static,
{
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let door = Door { connections: JoinSet::new(), connections_max, stop: stop.clone() };
    let accepting = tokio::spawn(door.accept_all(listener, connection));
    Ok(Box::new(Listening { address, stop, accepting }))
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
    async fn accept_all<F, C>(mut self, listener: TcpListener, connection: F) -> JoinSet<()>
    where
        F: Fn(TcpStream, CancellationToken) -> C,
        C: Future<Output = ()> + Send + 'static,
    {
        let mut warned = None;
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stop.cancelled() => return self.connections,
                Some(_ended) = self.connections.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok(_refused) if self.connections.len() >= self.connections_max => {
                    let limit = self.connections_max;
                    warn(
                        &mut warned,
                        &format!(
                            "one connection was closed at once: {limit} are open, which is the limit"
                        ),
                    );
                }
                Ok((stream, _)) => self.admit(stream, &connection),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    warn(
                        &mut warned,
                        &format!(
                            "cannot accept ({error}); raise `ulimit -n` if too many files are open"
                        ),
                    );
                    self.stop.run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE)).await;
                }
            }
        }
    }

    fn admit<F, C>(&mut self, stream: TcpStream, connection: &F)
    where
        F: Fn(TcpStream, CancellationToken) -> C,
        C: Future<Output = ()> + Send + 'static,
    {
        // Small answers must not wait for the acknowledgement of the one before (Nagle). It
        // fails only on a connection that is gone already, which its first read will tell.
        let _ = stream.set_nodelay(true);
        self.connections.spawn(connection(stream, self.stop.clone()));
    }
}

/// A client that went away between its handshake and our accept.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

fn warn(warned: &mut Option<Instant>, message: &str) {
    if warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
        *warned = Some(Instant::now());
        tracing::warn!("{message}");
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
