//! The event loop of the link: one thread, sockets that never block, and a heap of times. It
//! accepts, reads what came, and hands over what is due; between two events it looks whether
//! something else is due, so that a busy connection does not make the others late.
//!
//! Waits end on the nanosecond (`tailrace_sys::poller`): a runtime's timer would be a
//! millisecond or two late, more than some of the delays that are asked for.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;
use tailrace_sys::poller::{Interest, Poller};

use crate::lane::Lane;
use crate::pair::{Left, Pair, Way};
use crate::shape::Shape;
use crate::timers::{Task, Timers};

/// Connections at once. Sixteen times what the races open, and with full buffers both ways
/// about 2 GiB, which only a thousand readers that stand still can bring about.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Connections accepted in one turn of the loop: a crowd of them must not delay what is due.
const ACCEPTS_MAX: usize = 16;
/// Bytes of one read.
const READ_BYTES: usize = 64 << 10;
/// Longest sleep; nothing is missed by a longer one, but the clock wants a limit.
const SLEEP_NS_MAX: u64 = 1_000_000_000;
/// When accepting failed for want of descriptors or memory, it is tried again so much later.
const ACCEPT_RETRY_NS: u64 = 100_000_000;

/// Where a link begins and where it leads.
#[derive(Debug)]
pub struct Route {
    /// Bound; connections to it go through the link.
    pub listener: TcpListener,
    /// The other end.
    pub to: SocketAddr,
}

/// A link: all routes share its bandwidth, each way for itself.
pub struct Relay {
    shape: Shape,
    routes: Vec<Route>,
    poller: Poller,
    timers: Timers,
    pairs: HashMap<u64, Pair>,
    next_id: u64,
    /// From near to far, and back.
    lanes: (Lane, Lane),
    buffer: Vec<u8>,
    began: Instant,
    stopped: bool,
}

/// What a descriptor in the poller's set stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    End(u64, Way),
    Listener(usize),
    Stop,
}

impl Token {
    fn number(self) -> u64 {
        match self {
            Self::End(id, Way::Near) => id << 2,
            Self::End(id, Way::Far) => id << 2 | 1,
            Self::Listener(route) => (route as u64) << 2 | 2,
            Self::Stop => 3,
        }
    }

    fn of(number: u64) -> Self {
        match number & 3 {
            0 => Self::End(number >> 2, Way::Near),
            1 => Self::End(number >> 2, Way::Far),
            2 => Self::Listener((number >> 2) as usize),
            _ => Self::Stop,
        }
    }
}

impl Relay {
    /// A link over bound listeners.
    ///
    /// # Errors
    /// The process is out of descriptors.
    pub fn new(shape: Shape, routes: Vec<Route>) -> io::Result<Self> {
        let poller = Poller::new()?;
        for (index, route) in routes.iter().enumerate() {
            route.listener.set_nonblocking(true)?;
            poller.add(&route.listener, Token::Listener(index).number(), Interest::Read)?;
        }
        Ok(Self {
            shape,
            routes,
            poller,
            timers: Timers::default(),
            pairs: HashMap::new(),
            next_id: 0,
            lanes: (Lane::new(&shape), Lane::new(&shape)),
            buffer: vec![0; READ_BYTES],
            began: Instant::now(),
            stopped: false,
        })
    }

    /// Carries bytes until one of `stop` can be read or is closed. What is under way then is
    /// dropped and every connection is reset.
    ///
    /// # Errors
    /// The kernel's event queue failed, or a descriptor of `stop` cannot be watched (a file).
    pub fn run(mut self, stop: &[&dyn AsFd]) -> io::Result<()> {
        for fd in stop {
            self.poller.add(fd, Token::Stop.number(), Interest::Read)?;
        }
        tailrace_sys::set_timer_slack_min()?;
        allow_descriptors();
        while !self.stopped {
            self.poller.wait(self.sleep_ns())?;
            for n in 0..self.poller.ready_count() {
                let ready = self.poller.ready(n);
                self.handle(Token::of(ready.token), ready.readable, ready.writable);
                self.run_due();
            }
            self.run_due();
        }
        Ok(())
    }

    fn now_ns(&self) -> u64 {
        nanos(self.began)
    }

    fn sleep_ns(&self) -> u64 {
        let next =
            self.timers.next_ns().map_or(SLEEP_NS_MAX, |due| due.saturating_sub(self.now_ns()));
        next.min(SLEEP_NS_MAX)
    }

    fn handle(&mut self, token: Token, readable: bool, writable: bool) {
        match token {
            Token::Stop => self.stopped = true,
            Token::Listener(route) => self.accept(route),
            Token::End(id, way) => {
                if self.pairs.get(&id).is_some_and(|pair| way == Way::Far && pair.is_connecting()) {
                    return self.connected(id);
                }
                if readable {
                    self.receive(id, way);
                }
                if writable {
                    self.deliver(id, way.other());
                }
            }
        }
    }

    fn run_due(&mut self) {
        while let Some(task) = self.timers.take_due(self.now_ns()) {
            match task {
                Task::Open(id) => self.open(id),
                Task::Connect(id) => self.connect(id),
                Task::Listen(route) => self.listen(route),
                Task::Deliver(id, from) => {
                    if let Some(pair) = self.pairs.get_mut(&id) {
                        pair.pipe(from).timed = false;
                        self.deliver(id, from);
                    }
                }
            }
        }
    }

    fn accept(&mut self, route: usize) {
        for _ in 0..ACCEPTS_MAX {
            match self.routes[route].listener.accept() {
                Ok((socket, _)) => self.admit(route, socket),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(e) => return self.pause(route, &e),
            }
        }
    }

    /// A handshake over the real distance would take a round trip until the near end may send,
    /// and half of one more until the far end knows.
    fn admit(&mut self, route: usize, socket: std::net::TcpStream) {
        if self.pairs.len() >= CONNECTIONS_MAX {
            tracing::warn!("refused a connection: {CONNECTIONS_MAX} go through this link already");
            // Dropped without the option it would look like an orderly end.
            SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap_or_default();
            return;
        }
        let Ok(pair) = Pair::new(route, socket, self.shape.buffer_bytes()) else { return };
        let (id, opened_ns) = (self.next_id, self.now_ns() + self.shape.round_trip_ns());
        self.next_id += 1;
        self.pairs.insert(id, pair);
        self.timers.at(opened_ns, Task::Open(id));
        self.timers.at(opened_ns + self.shape.half_ns(), Task::Connect(id));
    }

    /// A listener that cannot accept stays ready: it would keep the loop busy for nothing.
    fn pause(&mut self, route: usize, error: &io::Error) {
        tracing::warn!(%error, "could not accept a connection; trying again soon");
        self.poller.remove(&self.routes[route].listener).unwrap_or_default();
        self.timers.at(self.now_ns() + ACCEPT_RETRY_NS, Task::Listen(route));
    }

    fn listen(&mut self, route: usize) {
        let listener = &self.routes[route].listener;
        if let Err(error) =
            self.poller.add(listener, Token::Listener(route).number(), Interest::Read)
        {
            self.pause(route, &error);
        }
    }

    fn open(&mut self, id: u64) {
        if let Some(pair) = self.pairs.get_mut(&id) {
            pair.open();
            self.watch(id);
        }
    }

    fn connect(&mut self, id: u64) {
        let Some(pair) = self.pairs.get_mut(&id) else { return };
        let to = self.routes[pair.route].to;
        match pair.connect(to) {
            Ok(()) => self.watch(id),
            Err(error) => self.unreachable(id, &error),
        }
    }

    fn connected(&mut self, id: u64) {
        let Some(pair) = self.pairs.get_mut(&id) else { return };
        match pair.connected() {
            Ok(()) => self.deliver(id, Way::Near),
            Err(error) => self.unreachable(id, &error),
        }
    }

    fn unreachable(&mut self, id: u64, error: &io::Error) {
        let Some(pair) = self.pairs.get_mut(&id) else { return };
        let to = self.routes[pair.route].to;
        tracing::warn!(%to, %error, "the far end cannot be reached; the near end is told by a reset");
        pair.lost(Way::Far, self.lanes.1.end(nanos(self.began)));
        self.arm(id, Way::Far);
        self.watch(id);
    }

    fn receive(&mut self, id: u64, from: Way) {
        let Some(pair) = self.pairs.get_mut(&id) else { return };
        let lane = match from {
            Way::Near => &mut self.lanes.0,
            Way::Far => &mut self.lanes.1,
        };
        let began = self.began;
        pair.receive(from, lane, &mut self.buffer, || nanos(began));
        self.arm(id, from);
        self.watch(id);
    }

    fn deliver(&mut self, id: u64, from: Way) {
        let Some(pair) = self.pairs.get_mut(&id) else { return };
        let back = match from {
            Way::Near => &self.lanes.1,
            Way::Far => &self.lanes.0,
        };
        if pair.deliver(from, nanos(self.began), back) == Left::Nothing {
            // Closing the sockets takes them out of the poller's set.
            self.pairs.remove(&id);
            return;
        }
        self.arm(id, from);
        self.arm(id, from.other());
        self.watch(id);
    }

    /// One timer a direction, for what is due next.
    fn arm(&mut self, id: u64, from: Way) {
        let Some(pair) = self.pairs.get_mut(&id) else { return };
        let pipe = pair.pipe(from);
        if let Some(due_ns) = pipe.next_due_ns().filter(|_| !pipe.timed) {
            pipe.timed = true;
            self.timers.at(due_ns, Task::Deliver(id, from));
        }
    }

    /// Watches both ends for what matters now.
    fn watch(&mut self, id: u64) {
        let Some(pair) = self.pairs.get_mut(&id) else { return };
        let mut failed = None;
        for way in [Way::Near, Way::Far] {
            let wanted = pair.wanted(way);
            let side = pair.side(way);
            let Some(socket) = side.socket.as_ref().filter(|_| side.watched != wanted) else {
                continue;
            };
            let token = Token::End(id, way).number();
            let done = match (side.watched, wanted) {
                (None, Some(interest)) => self.poller.add(socket, token, interest),
                (Some(_), Some(interest)) => self.poller.modify(socket, token, interest),
                (_, None) => self.poller.remove(socket),
            };
            match done {
                Ok(()) => side.watched = wanted,
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            // Out of memory for one more descriptor in the set: this connection cannot go on.
            tracing::warn!(%error, "a connection could not be watched and is cut");
            self.pairs.remove(&id);
        }
    }
}

fn nanos(began: Instant) -> u64 {
    began.elapsed().as_nanos() as u64
}

/// Two descriptors a connection are more than the usual soft limit allows.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, ..limit };
    // Without it fewer connections find a place; accepting says so.
    setrlimit(Resource::Nofile, wanted).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_as_they_went() {
        for token in [
            Token::End(0, Way::Near),
            Token::End(u64::MAX >> 2, Way::Far),
            Token::Listener(1),
            Token::Stop,
        ] {
            assert_eq!(Token::of(token.number()), token);
        }
    }
}
