//! One connection through the link: a socket at each end and a pipe each way. It reads and
//! writes when it is told to; when that is, the event loop in `relay.rs` decides.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tailrace_sys::poller::Interest;

use crate::lane::Lane;
use crate::pipe::{End, Pipe};

/// A direction, named after the end that sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// From whoever connected to the link.
    Near,
    /// From whom the link leads to.
    Far,
}

impl Way {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Near => Self::Far,
            Self::Far => Self::Near,
        }
    }
}

/// What an end of the connection is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The handshake of a real link would still be under way.
    Waiting,
    /// The kernel has not said yet whether it stands.
    Connecting,
    Standing,
}

/// What can still come from an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    On,
    /// The kernel says that it hung up, but may hold bytes that there was no room for.
    HungUp,
    Over,
}

/// What can still go to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    On,
    Over,
    /// A write failed: what reads as an orderly end from here on is none.
    Broken,
}

/// One end.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) socket: Option<TcpStream>,
    stage: Stage,
    reading: Reading,
    writing: Writing,
    /// What it is watched for; none: not watched.
    pub(crate) watched: Option<Interest>,
}

impl Side {
    fn new(socket: Option<TcpStream>) -> Self {
        let (reading, writing) = (Reading::On, Writing::On);
        Self { socket, stage: Stage::Waiting, reading, writing, watched: None }
    }

    fn stands(&self) -> bool {
        self.stage == Stage::Standing
    }

    fn said_all(&self) -> bool {
        self.reading == Reading::Over
    }

    fn takes(&self) -> bool {
        self.writing == Writing::On
    }

    fn has_failed(&self) -> bool {
        let error = self.socket.as_ref().map(TcpStream::take_error);
        self.writing == Writing::Broken || !matches!(error, Some(Ok(None)))
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) route: usize,
    near: Side,
    far: Side,
    /// From near to far.
    up: Pipe,
    /// From far to near.
    down: Pipe,
}

/// What is left of a connection after something was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Alive,
    /// Both directions are over.
    Nothing,
}

impl Pair {
    /// A connection that was just accepted.
    pub(crate) fn new(route: usize, near: TcpStream, buffer_bytes: usize) -> io::Result<Self> {
        near.set_nonblocking(true)?;
        near.set_nodelay(true)?;
        Ok(Self {
            route,
            near: Side::new(Some(near)),
            far: Side::new(None),
            up: Pipe::new(buffer_bytes),
            down: Pipe::new(buffer_bytes),
        })
    }

    pub(crate) fn side(&mut self, of: Way) -> &mut Side {
        match of {
            Way::Near => &mut self.near,
            Way::Far => &mut self.far,
        }
    }

    /// The pipe that this end fills.
    pub(crate) fn pipe(&mut self, from: Way) -> &mut Pipe {
        match from {
            Way::Near => &mut self.up,
            Way::Far => &mut self.down,
        }
    }

    /// From now on the near end is heard.
    pub(crate) fn open(&mut self) {
        self.near.stage = Stage::Standing;
    }

    /// Starts to connect to the far end, without waiting.
    pub(crate) fn connect(&mut self, to: SocketAddr) -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&to.into()) {
            Ok(()) => {}
            Err(e) if e.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
            Err(e) => return Err(e),
        }
        self.far.socket = Some(socket.into());
        self.far.stage = Stage::Connecting;
        Ok(())
    }

    /// Whether the kernel's word on a connection that is being made is still awaited.
    pub(crate) fn is_connecting(&self) -> bool {
        self.far.stage == Stage::Connecting
    }

    /// The kernel has decided about the far end.
    ///
    /// # Errors
    /// It cannot be reached.
    pub(crate) fn connected(&mut self) -> io::Result<()> {
        let error = self.far.socket.as_ref().map(TcpStream::take_error).transpose()?.flatten();
        self.far.stage = Stage::Standing;
        error.map_or(Ok(()), Err)
    }

    /// Reads once what an end sent; each piece is due when the lane says.
    pub(crate) fn receive(
        &mut self,
        from: Way,
        lane: &mut Lane,
        buffer: &mut [u8],
        now_ns: impl Fn() -> u64,
    ) {
        let room = self.pipe(from).room();
        if !self.side(from).stands() {
            return;
        }
        if room == 0 || self.side(from).said_all() {
            return self.look_at_the_silent(from, lane.end(now_ns()));
        }
        let len = room.min(buffer.len());
        let Some(socket) = &mut self.side(from).socket else { return };
        let read = socket.read(&mut buffer[..len]);
        // After the read: the delay counts from when the bytes were there.
        let now_ns = now_ns();
        match read {
            Ok(0) => self.closed(from, lane.end(now_ns)),
            Ok(n) => {
                let pipe = self.pipe(from);
                pipe.take(&buffer[..n]);
                lane.enter(now_ns, n, |len, due_ns| pipe.packet(len, due_ns));
            }
            Err(e)
                if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => self.lost(from, lane.end(now_ns)),
        }
    }

    /// Something happened at an end that is not read from: for want of room, or because it has
    /// said all.
    fn look_at_the_silent(&mut self, from: Way, due_ns: u64) {
        let side = self.side(from);
        // Who has said all and hangs up takes nothing either.
        if side.said_all() || side.has_failed() {
            self.lost(from, due_ns);
        } else {
            side.reading = Reading::HungUp;
        }
    }

    fn closed(&mut self, from: Way, due_ns: u64) {
        if self.side(from).writing == Writing::Broken {
            return self.lost(from, due_ns);
        }
        self.side(from).reading = Reading::Over;
        self.pipe(from).end(End::Closed, due_ns);
    }

    /// An end is gone: the other one hears of it in due time, and what is on its way to it will
    /// find nobody.
    pub(crate) fn lost(&mut self, from: Way, due_ns: u64) {
        let side = self.side(from);
        (side.reading, side.writing) = (Reading::Over, Writing::Over);
        self.pipe(from).end(End::Reset, due_ns);
        self.pipe(from.other()).discard();
    }

    /// Hands what is due to the other end.
    pub(crate) fn deliver(&mut self, from: Way, now_ns: u64, back: &Lane) -> Left {
        let to = from.other();
        self.pipe(from).advance(now_ns);
        if self.side(to).stands() && self.side(to).takes() {
            self.write(from, to, back.end(now_ns));
        }
        // Only now: what came before a reset and finds room at its receiver gets there.
        if self.pipe(from).ended() == Some(End::Reset) {
            self.reset(to);
            return Left::Nothing;
        }
        self.left()
    }

    fn write(&mut self, from: Way, to: Way, due_back_ns: u64) {
        let (pipe, side) = match from {
            Way::Near => (&mut self.up, &mut self.far),
            Way::Far => (&mut self.down, &mut self.near),
        };
        let Some(socket) = &side.socket else { return };
        if pipe.write_to(socket).is_err() {
            pipe.discard();
            side.writing = Writing::Broken;
            if side.said_all() {
                // Its end was under way already; now it turns out to be no orderly one.
                self.lost(to, due_back_ns);
            }
        } else if pipe.ended() == Some(End::Closed) {
            side.writing = Writing::Over;
            // It may be gone already, which is as good.
            socket.shutdown(std::net::Shutdown::Write).unwrap_or_default();
        }
    }

    /// Closes an end so that it hears of a reset, not of an orderly end.
    fn reset(&mut self, of: Way) {
        if let Some(socket) = self.side(of).socket.take() {
            // Without it the end would look orderly; nothing better can be done.
            SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap_or_default();
        }
    }

    fn left(&self) -> Left {
        // A reset that is under way has not arrived yet.
        let over = |to: &Side, pipe: &Pipe| !to.takes() && pipe.ended().is_some();
        let both = over(&self.far, &self.up) && over(&self.near, &self.down);
        if both { Left::Nothing } else { Left::Alive }
    }

    /// What an end must be watched for now; none: nothing that it does matters.
    pub(crate) fn wanted(&mut self, of: Way) -> Option<Interest> {
        let has_room = self.pipe(of).room() > 0;
        let owed = self.pipe(of.other()).is_owing();
        let side = self.side(of);
        match side.stage {
            Stage::Waiting => return None,
            Stage::Connecting => return Some(Interest::Write),
            Stage::Standing => {}
        }
        let (reads, writes) = (!side.said_all() && has_room, side.takes() && owed);
        match (reads, writes) {
            (true, true) => Some(Interest::ReadWrite),
            (true, false) => Some(Interest::Read),
            (false, true) => Some(Interest::Write),
            (false, false) if side.reading == Reading::HungUp => None,
            (false, false) if side.said_all() && !side.takes() => None,
            (false, false) => Some(Interest::Nothing),
        }
    }
}
