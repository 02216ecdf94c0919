//! Accepts one connection after the other, whatever the system says to it: a client that went
//! away is passed over, and want of files or memory is waited out. It counts nothing and ends
//! nothing. Read next: `serve.rs`.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

/// Pause after an accept that failed for want of files or memory: trying again at once would
/// spin a core, and only closing connections helps.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// Warnings about refused connections are this far apart: a flood must not fill the disk.
const WARN_EVERY: Duration = Duration::from_secs(5);

/// A listener on the current tokio runtime.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    /// Kept here and not in a future, so that a cancelled wait does not forget its pause.
    paused_until: Option<Instant>,
    warned_at: Option<Instant>,
}

impl Acceptor {
    /// Takes a listener over into the current runtime.
    ///
    /// # Errors
    /// The listener cannot be registered with the runtime.
    pub fn new(listener: StdListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        Ok(Self { listener, paused_until: None, warned_at: None })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not know (it always does while the listener is open).
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next connection, set to send small answers at once. Errors are warned about and
    /// waited out. May be cancelled at any time: no connection is lost.
    pub async fn next(&mut self) -> TcpStream {
        loop {
            if let Some(until) = self.paused_until {
                sleep_until(until).await;
                self.paused_until = None;
            }
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    // Small answers must not wait for the acknowledgement of the one before
                    // (Nagle). It fails only on a connection that is gone already, which its
                    // first read will tell.
                    let _ = stream.set_nodelay(true);
                    return stream;
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    self.paused_until = Some(Instant::now() + ACCEPT_PAUSE);
                    self.warn(&format!(
                        "cannot accept ({error}); raise `ulimit -n` if too many files are open"
                    ));
                }
            }
        }
    }

    /// Closes a connection for which there is no place.
    pub fn refuse(&mut self, stream: TcpStream, connections_max: usize) {
        drop(stream);
        self.warn(&format!(
            "one connection was closed at once: {connections_max} are open, which is the limit"
        ));
    }

    fn warn(&mut self, message: &str) {
        if self.warned_at.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            self.warned_at = Some(Instant::now());
            tracing::warn!("{message}");
        }
    }
}

/// A client that went away between its handshake and our accept.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
