//! A link in a thread of the test, and a server behind it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Duration;

use tailrace_link::{Relay, Route, Shape};

/// Far longer than anything takes on a busy machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running link; it ends when it is dropped.
pub(crate) struct Linked {
    pub(crate) address: SocketAddr,
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Linked {
    pub(crate) fn start(to: SocketAddr, round_trip: Duration, mbit_per_s: Option<f64>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shape = Shape::new(round_trip, mbit_per_s).unwrap();
        let (stop, stopped) = UnixStream::pair().unwrap();
        let thread = std::thread::spawn(move || {
            let relay = Relay::new(shape, vec![Route { listener, to }]).unwrap();
            relay.run(&[&stopped]).unwrap();
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        patient(TcpStream::connect(self.address).unwrap())
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the link's thread");
        }
    }
}

/// A socket on which nothing waits for ever.
pub(crate) fn patient(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// A server that gives every connection to `serve`, in a thread of its own. Its threads end
/// with the test's process.
pub(crate) fn server(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (socket, serve) = (patient(socket.unwrap()), serve.clone());
            std::thread::spawn(move || serve(socket));
        }
    });
    address
}

/// Sends back what it reads, until the end, and then ends too.
pub(crate) fn echo(mut socket: TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n) = socket.read(&mut buffer) {
        if n == 0 || socket.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    socket.shutdown(Shutdown::Write).unwrap_or_default();
}

/// One byte there and back.
pub(crate) fn ping(socket: &mut TcpStream) {
    let mut answer = [0];
    socket.write_all(b"x").unwrap();
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"x");
}

/// So many bytes that look like nothing, the same for a seed.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(next).collect()
}
