//! Servers that misbehave on purpose, in threads, speaking frames of a length and bytes: what a
//! connection does is a closure of the test. Well-behaved servers are the real ones.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::JoinHandle;

use tailrace_targets::Bare;

/// A listener with a thread for each connection. Dropping it closes it and cuts nothing.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    closed: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves each connection, numbered from 0, with `connection`.
    pub(crate) fn new(connection: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), connection)
    }

    pub(crate) fn on(
        listener: TcpListener,
        connection: impl Fn(usize, TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let (closed, connections) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (is_closed, count, connection) =
            (Arc::clone(&closed), Arc::clone(&connections), Arc::new(connection));
        let accepting = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if is_closed.load(SeqCst) {
                    return;
                }
                let (number, connection) = (count.fetch_add(1, SeqCst), Arc::clone(&connection));
                stream.set_nodelay(true).unwrap();
                std::thread::spawn(move || connection(number, stream));
            }
        });
        Self { address, closed, connections, accepting: Some(accepting) }
    }

    /// Connections that were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closed.store(true, SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        self.accepting.take().unwrap().join().unwrap();
    }
}

/// One frame's body; none at the end or when the connection broke.
pub(crate) fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

/// The answer to a frame. A client that is gone is the client's business.
pub(crate) fn answer(stream: &mut TcpStream, body: &[u8]) {
    let [a, b, c, d] = (body.len() as u32).to_be_bytes();
    let _ = stream.write_all(&[0, 0, 0, 4, a, b, c, d]);
}

/// Takes no further frame, but lets the client read what was answered.
pub(crate) fn hang_up(mut stream: TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    while stream.read(&mut [0; 1 << 12]).is_ok_and(|n| n > 0) {}
}

/// Answers every frame at once, on every connection.
pub(crate) fn echo() -> Server {
    Server::new(|_, mut stream| {
        while let Some(body) = read_frame(&mut stream) {
            answer(&mut stream, &body);
        }
    })
}

/// The sequence that a body names.
pub(crate) fn sequence(body: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    struct Head {
        seq: u64,
    }
    serde_json::from_slice::<Head>(body).unwrap().seq
}

/// A real server on a runtime of its own; dropping it ends its thread.
pub(crate) struct Real {
    pub(crate) address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Real {
    /// `floor`, or the name of a bare server.
    pub(crate) fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                if let Some(bare) = Bare::find(name) {
                    tokio::select! {
                        ended = bare.serve(listener) => ended.unwrap(),
                        _ = stopped => {}
                    }
                } else {
                    let limits = tailrace_tcp::Limits::default();
                    let _server = tailrace_tcp::serve(listener, limits).unwrap();
                    let _ = stopped.await;
                }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}
