//! One connection of the generator: a non-blocking socket, a wire, and what is on its way out,
//! in clear text or, in `connection/sealed.rs`, behind TLS.

mod sealed;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use tailrace_contract::{Request, Wire, WireEvent};
use tailrace_measure::clock::{Stamp, now};
use tailrace_producers::tls::{Session, Tls};

use super::inflight::InFlight;
use crate::congestion::socket_to;

/// Bytes that were written and are kept in front of those that were not: a few large batches.
const WRITTEN_BYTES_MAX: usize = 256 << 10;

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The kernel has not said yet whether it stands.
    Connecting,
    /// It stands; the TLS handshake is under way.
    Securing,
    /// It stands; the wire's handshake is under way.
    Opening,
    /// It takes requests.
    Open,
    /// The peer takes no further requests, but may still answer.
    Closing,
    /// Not wanted at present: the next request opens it. Only where connections are not kept.
    Idle,
    /// It is gone; another attempt is made at this time.
    Down { retry_at: Stamp },
}

#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Connection {
    pub stage: Stage,
    /// When it was started or began to close: neither may last for ever.
    pub since: Stamp,
    pub socket: TcpStream,
    pub wire: Box<dyn Wire>,
    tls: Option<Box<Session>>,
    /// The request that it is opened for, where connections are not kept.
    pub held: Option<u64>,
    /// It was of use: the next attempt need not wait.
    pub has_answered: bool,
    /// Requests that were handed to it and are not answered.
    pub unanswered: usize,
    /// Times of its opening, until somebody takes them.
    pub opening: Option<Opening>,
    /// In the driver's list of connections with room.
    pub listed: bool,
    /// In the driver's list of connections with bytes to flush.
    pub dirty: bool,
    /// Watched for room to write.
    pub watched_for_write: bool,
    pub bytes: Bytes,
    out: Vec<u8>,
    written: usize,
    /// Requests of which no byte was written: where they start in `out`, and their keys.
    unsent: VecDeque<(usize, u64)>,
}

/// How long it took to open a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    /// The kernel said that it stands.
    pub stood: Stamp,
    /// Until it stood.
    pub connect_ns: u64,
    /// From there to the end of the TLS handshake.
    pub tls_ns: Option<u64>,
}

/// Payload bytes that passed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bytes {
    /// To the server; behind TLS, those of its records.
    pub sent: u64,
    /// From the server.
    pub received: u64,
}

impl Connection {
    /// Starts to connect, without waiting.
    pub(super) fn start(
        address: SocketAddr,
        wire: Box<dyn Wire>,
        tls: Option<&Tls>,
    ) -> io::Result<Self> {
        let session = tls.map(Tls::session).transpose().map_err(io::Error::other)?;
        let socket = socket_to(address)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(e) if e.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(e) => return Err(e),
        }
        Ok(Self {
            stage: Stage::Connecting,
            since: now(),
            socket: socket.into(),
            wire,
            tls: session.map(Box::new),
            held: None,
            has_answered: false,
            unanswered: 0,
            opening: None,
            listed: false,
            dirty: false,
            watched_for_write: true,
            bytes: Bytes::default(),
            out: Vec::with_capacity(16 << 10),
            written: 0,
            unsent: VecDeque::new(),
        })
    }

    /// The socket became writable for the first time: it stands, or it failed.
    pub(super) fn established(&mut self) -> io::Result<()> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        let at = now();
        self.opening = Some(Opening { stood: at, connect_ns: at.since(self.since), tls_ns: None });
        if self.tls.is_some() {
            self.stage = Stage::Securing;
        } else {
            self.open();
        }
        Ok(())
    }

    /// Bytes of the wire may pass.
    fn open(&mut self) {
        self.stage = Stage::Opening;
        self.wire.open(&mut self.out);
        if self.wire.room() > 0 {
            self.stage = Stage::Open;
        }
    }

    pub(super) fn has_room(&self) -> bool {
        match self.stage {
            Stage::Open => self.wire.room() > 0,
            Stage::Idle => true,
            _ => false,
        }
    }

    /// One of its requests was answered.
    pub(super) fn answered(&mut self) {
        self.has_answered = true;
        self.unanswered -= 1;
    }

    /// The requests of which no byte was written, oldest first.
    pub(super) fn unsent_keys(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.unsent.iter().map(|&(_, key)| key)
    }

    /// Hands a request to the wire; it leaves with the next flush.
    pub(super) fn encode(&mut self, request: &Request<'_>, key: u64) {
        self.unanswered += 1;
        self.unsent.push_back((self.out.len(), key));
        self.wire.encode(request, key, &mut self.out);
    }

    /// Writes what is there and stamps the requests whose first byte left. True when nothing
    /// is left over.
    pub(super) fn flush(&mut self, in_flight: &mut InFlight) -> io::Result<bool> {
        if self.tls.is_some() {
            return self.flush_sealed(in_flight);
        }
        while self.written < self.out.len() {
            let stamp = now();
            match self.socket.write(&self.out[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.bytes.sent += n as u64;
                    self.written += n;
                    self.mark_sent(stamp, in_flight);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.forget_written();
                    return Ok(false);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(true)
    }

    /// A peer that is always a little behind would else make `out` grow for the whole trial.
    /// Only when less remains than goes, so that each byte is moved about once.
    fn forget_written(&mut self) {
        // What is sealed and not yet on its way is still to be stamped.
        let unstamped = self.unsent.front().is_some_and(|&(start, _)| start < self.written);
        if unstamped || self.written < WRITTEN_BYTES_MAX || self.written < self.out.len() / 2 {
            return;
        }
        self.out.drain(..self.written);
        for (start, _) in &mut self.unsent {
            *start -= self.written;
        }
        self.written = 0;
    }

    /// Stamps the requests that begin in what was written.
    fn mark_sent(&mut self, stamp: Stamp, in_flight: &mut InFlight) {
        while let Some(&(start, key)) = self.unsent.front() {
            if start >= self.written {
                break;
            }
            self.unsent.pop_front();
            if let Some(pending) = in_flight.get_mut(key) {
                pending.sent = stamp;
            }
        }
    }

    /// Reads once and appends what it means to `events`; how many bytes, 0 when there was nothing.
    pub(super) fn receive(
        &mut self,
        buffer: &mut [u8],
        events: &mut Vec<WireEvent>,
    ) -> Result<usize, String> {
        match retried(|| self.socket.read(buffer)) {
            Ok(0) => {
                self.wire.close(events).map_err(|e| e.to_string())?;
                Err("the server closed the connection".into())
            }
            Ok(n) => {
                self.bytes.received += n as u64;
                if self.tls.is_some() {
                    self.unseal(&buffer[..n], events)?;
                } else {
                    let decoded = self.wire.decode(&buffer[..n], &mut self.out, events);
                    decoded.map_err(|e| e.to_string())?;
                }
                Ok(n)
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(e) => Err(e.to_string()),
        }
    }

    /// Whether bytes wait to be written (a pong, for instance).
    pub(super) fn has_output(&self) -> bool {
        self.written < self.out.len() || self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }
}

/// Asks again after an interruption.
fn retried(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tailrace_tcp::TcpWire;

    use super::super::inflight::Pending;
    use super::*;
    use crate::congestion;

    const BODY_BYTES: usize = 100_000;

    fn encode(connection: &mut Connection, in_flight: &mut InFlight, byte: u8) {
        let body = &vec![byte; BODY_BYTES];
        let unsent = Stamp(0);
        let key = in_flight.insert(Pending {
            seq: 0,
            intended: unsent,
            released: unsent,
            sent: unsent,
            connection: 0,
        });
        let request = Request { method: "POST", target: "/", headers: &[], body };
        connection.encode(&request, key);
    }

    /// What the driver connects with is what the manifest says.
    #[test]
    fn a_connection_over_loopback_is_not_paced() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connection = Connection::start(address, Box::new(TcpWire::new(1)), None).unwrap();
        let _peer = listener.accept().unwrap();
        let control = socket2::SockRef::from(&connection.socket).tcp_congestion().unwrap();
        let control = String::from_utf8_lossy(&control);
        assert_eq!(control.trim_end_matches('\0'), congestion::UNPACED);
    }

    /// Encrypting runs ahead of the socket by one step.
    #[test]
    fn what_is_sealed_and_not_on_its_way_is_still_stamped() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let wire = Box::new(TcpWire::new(10));
        let mut connection = Connection::start(address, wire, None).unwrap();
        let mut in_flight = InFlight::default();
        for byte in 0..4 {
            encode(&mut connection, &mut in_flight, byte);
        }
        connection.written = connection.out.len();
        connection.forget_written();
        connection.mark_sent(Stamp(7), &mut in_flight);
        assert!((0..4).all(|key| in_flight.get_mut(key).unwrap().sent == Stamp(7)));
        connection.forget_written();
        assert!(connection.out.is_empty());
    }

    /// A peer that takes a little at a time, while there is always more to come.
    #[test]
    fn what_was_written_is_forgotten_and_nothing_else() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut connection =
            Connection::start(address, Box::new(TcpWire::new(1_000)), None).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        connection.established().unwrap();
        let (mut in_flight, mut batches, mut received) = (InFlight::default(), 0, Vec::new());
        let mut buffer = vec![0; BODY_BYTES];
        let mut most_held = 0;
        while batches < 200 {
            // Until the peer is behind, and from then on one for one.
            while connection.flush(&mut in_flight).unwrap() {
                encode(&mut connection, &mut in_flight, batches as u8);
                batches += 1;
            }
            peer.read_exact(&mut buffer).unwrap();
            received.extend_from_slice(&buffer);
            encode(&mut connection, &mut in_flight, batches as u8);
            batches += 1;
            most_held = most_held.max(connection.out.len());
        }
        while !connection.flush(&mut in_flight).unwrap() {
            let n = peer.read(&mut buffer).unwrap();
            received.extend_from_slice(&buffer[..n]);
        }
        drop(connection);
        peer.read_to_end(&mut received).unwrap();
        assert!(most_held < 10 * BODY_BYTES, "{most_held} bytes were kept");
        for (n, frame) in received.chunks(BODY_BYTES + 4).enumerate() {
            assert!(frame.len() == BODY_BYTES + 4 && frame[4..].iter().all(|&b| b == n as u8));
        }
        let sent = (0..batches).map(|key| in_flight.get_mut(key).unwrap().sent);
        assert!(sent.is_sorted() && in_flight.get_mut(0).unwrap().sent > Stamp(0));
    }
}
