//! What was sent arrives, whole and in order; ends and resets arrive too; and who stands still
//! stops nobody but its own peer.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tailrace_link::relay::CONNECTIONS_MAX;

use crate::stage::{Linked, echo, noise, patient, ping, server};

const ROUND_TRIP: Duration = Duration::from_millis(10);

/// Sends in uneven pieces, half-closes, and expects everything back, then the end.
fn check_echo(socket: &TcpStream, len: usize, seed: u64) {
    let sent = noise(len, seed);
    let (mut writer, mut reader) = (socket.try_clone().unwrap(), socket.try_clone().unwrap());
    let mut received = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut rest = &sent[..];
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(rest.len().min(1 + usize::from(rest[0]) * 97));
                writer.write_all(piece).unwrap();
                rest = more;
            }
            writer.shutdown(Shutdown::Write).unwrap();
        });
        reader.read_to_end(&mut received).unwrap();
    });
    assert!(received == sent, "{len} bytes became {} others", received.len());
}

#[test]
fn bytes_come_out_as_they_went_in_on_many_connections() {
    for mbit_per_s in [None, Some(1_000.0)] {
        let link = Linked::start(server(echo), ROUND_TRIP, mbit_per_s);
        std::thread::scope(|scope| {
            for n in 0..32 {
                let socket = link.connect();
                scope.spawn(move || check_echo(&socket, 20_000 + 3_000 * n, n as u64));
            }
            // More than a buffer of the link.
            let socket = link.connect();
            scope.spawn(move || check_echo(&socket, 8 << 20, 99));
        });
    }
}

#[test]
fn an_end_arrives_late_and_leaves_the_way_back_open() {
    let (tell, told) = mpsc::channel();
    let to = server(move |mut socket| {
        let mut said = String::new();
        socket.read_to_string(&mut said).unwrap();
        tell.send((said, Instant::now())).unwrap();
        socket.write_all(b"and yet").unwrap();
    });
    let link = Linked::start(to, ROUND_TRIP, None);
    let mut socket = link.connect();
    socket.write_all(b"that is all").unwrap();
    let closed = Instant::now();
    socket.shutdown(Shutdown::Write).unwrap();
    let (said, seen) = told.recv().unwrap();
    assert_eq!(said, "that is all");
    assert!(seen - closed >= ROUND_TRIP / 2, "{:?}", seen - closed);
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "and yet");
}

/// Ends a connection without a farewell.
fn hang_up(socket: TcpStream) {
    SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
}

/// How a socket's reading ended.
fn end_of(socket: &mut TcpStream) -> ErrorKind {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return ErrorKind::UnexpectedEof,
            Ok(_) => {}
            Err(error) => return error.kind(),
        }
    }
}

#[test]
fn a_reset_arrives_as_a_reset_in_both_directions() {
    let (tell, told) = mpsc::channel();
    let to = server(move |mut socket| {
        ping_back(&mut socket);
        tell.send((end_of(&mut socket), Instant::now())).unwrap();
    });
    let link = Linked::start(to, ROUND_TRIP, None);
    let mut socket = link.connect();
    ping(&mut socket);
    let at = Instant::now();
    hang_up(socket);
    let (end, seen) = told.recv().unwrap();
    assert_eq!(end, ErrorKind::ConnectionReset);
    assert!(seen - at >= ROUND_TRIP / 2, "{:?}", seen - at);

    let link = Linked::start(
        server(|mut socket| {
            ping_back(&mut socket);
            hang_up(socket);
        }),
        ROUND_TRIP,
        None,
    );
    let mut socket = link.connect();
    ping(&mut socket);
    assert_eq!(end_of(&mut socket), ErrorKind::ConnectionReset);
}

fn ping_back(socket: &mut TcpStream) {
    let mut byte = [0];
    socket.read_exact(&mut byte).unwrap();
    socket.write_all(&byte).unwrap();
}

#[test]
fn nobody_at_the_far_end_is_a_reset() {
    // Bound and never listening: the kernel refuses, and nobody else can take the port.
    let refusing =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let free: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
    refusing.bind(&free.into()).unwrap();
    let to = refusing.local_addr().unwrap().as_socket().unwrap();
    let link = Linked::start(to, ROUND_TRIP, None);
    let began = Instant::now();
    assert_eq!(end_of(&mut link.connect()), ErrorKind::ConnectionReset);
    assert!(began.elapsed() >= ROUND_TRIP, "{:?}", began.elapsed());
}

/// Writes until nothing is taken any more for a while; returns what went.
fn fill(socket: &mut TcpStream, bytes: &[u8]) -> usize {
    socket.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut sent = 0;
    while sent < bytes.len() {
        match socket.write(&bytes[sent..]) {
            Ok(n) => sent += n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(e) => panic!("{e}"),
        }
    }
    sent
}

/// A server that does not read before it is told to; then it tells how its reading ended and
/// what it read.
struct Stalled {
    go_on: mpsc::Sender<()>,
    read: mpsc::Receiver<(Vec<u8>, Option<ErrorKind>)>,
    link: Linked,
}

impl Stalled {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let (go_on, wait) = mpsc::channel();
        let (tell, read) = mpsc::channel();
        std::thread::spawn(move || {
            let mut socket = patient(listener.accept().unwrap().0);
            wait.recv().unwrap();
            let mut all = Vec::new();
            let end = socket.read_to_end(&mut all).err().map(|e| e.kind());
            tell.send((all, end)).unwrap();
        });
        Self { go_on, read, link: Linked::start(to, ROUND_TRIP, None) }
    }
}

/// More than the link's buffer and all buffers of the kernel on the way take.
const FLOOD_BYTES: usize = 64 << 20;

#[test]
fn a_reader_that_stands_still_stops_its_sender_and_loses_nothing() {
    let stalled = Stalled::start();
    let bytes = noise(FLOOD_BYTES, 5);
    let mut socket = stalled.link.connect();
    let sent = fill(&mut socket, &bytes);
    assert!(sent < FLOOD_BYTES / 2, "{sent} bytes went to a reader that does not read");
    stalled.go_on.send(()).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let (read, end) = stalled.read.recv().unwrap();
    assert_eq!(end, None);
    assert!(read == bytes[..sent], "{} bytes came of {sent}", read.len());
}

#[test]
fn a_reset_is_not_held_up_by_a_reader_that_stands_still() {
    let stalled = Stalled::start();
    let mut socket = stalled.link.connect();
    let sent = fill(&mut socket, &noise(FLOOD_BYTES, 5));
    hang_up(socket);
    stalled.go_on.send(()).unwrap();
    let (read, end) = stalled.read.recv().unwrap();
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
    assert!(read.len() < sent, "what was not taken is lost with its connection");
}

#[test]
fn one_connection_too_many_is_refused() {
    // While handshakes are under way the far ends have no connections yet.
    let link = Linked::start(server(echo), Duration::from_secs(2), None);
    let mut kept: Vec<TcpStream> = (0..CONNECTIONS_MAX).map(|_| link.connect()).collect();
    assert_eq!(end_of(&mut link.connect()), ErrorKind::ConnectionReset);
    let last = kept.last_mut().unwrap();
    last.set_nonblocking(true).unwrap();
    assert_eq!(last.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
}
