//! Figures for Prometheus from a program that is no server: text over HTTP/1.0, one request a
//! connection, on a thread of its own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

/// Whoever asks has so long: one slow reader must not keep the next one waiting.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of a request; scrapers send a few hundred.
const REQUEST_BYTES_MAX: usize = 8 << 10;

/// Serves until it is dropped.
pub(crate) struct Exporter {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Listens, and answers what `text` says then.
    ///
    /// # Errors
    /// The address is taken, or not this machine's.
    pub(crate) fn start(
        address: SocketAddr,
        text: impl Fn() -> String + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&over);
        let thread = std::thread::Builder::new().name("prometheus".into()).spawn(move || {
            for stream in listener.incoming() {
                if end.load(Relaxed) {
                    return;
                }
                // Whoever asks and goes away has no answer, and nobody else cares.
                let _ = stream.and_then(|stream| answer(stream, &text));
            }
        })?;
        Ok(Self { address, over, thread: Some(thread) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        // Wakes the thread; if it cannot be reached, it has ended already.
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            thread.join().unwrap_or_default();
        }
    }
}

fn answer(mut stream: TcpStream, text: &impl Fn() -> String) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut buffer = [0; 1 << 10];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        let n = stream.read(&mut buffer)?;
        if n == 0 || request.len() > REQUEST_BYTES_MAX {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..n]);
    }
    let is_known = [&b"GET /metrics "[..], b"GET / "].iter().any(|line| request.starts_with(line));
    let (status, body) =
        if is_known { ("200 OK", text()) } else { ("404 Not Found", String::new()) };
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
