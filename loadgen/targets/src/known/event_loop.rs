//! The event loop of a server of known behaviour. Writing and reading take turns, an answer and a
//! request: reading makes no answer late, and where many answers are due at one moment, as at the
//! end of a freeze, who asks again meanwhile is not taken to have come after the last of them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::known::Kind;
use tailrace_sys::poller::{Interest, Poller};

use super::connection::{Came, Connection};
use super::records::Records;
use super::{Asked, Known, Order};

/// The listener's token; connections use their place.
const LISTENER: u64 = u64::MAX;
/// Longest sleep; nothing is missed by a longer one, but the clock wants a limit.
const SLEEP_NS_MAX: u64 = 1_000_000_000;
/// Bytes of one read: whatever a generator has in flight on one connection, nearly always.
const READ_BYTES: usize = 64 << 10;

/// An answer that is not given yet: when, which of those due then, to whom, to what that came when.
type Later = Reverse<(Stamp, u64, usize, u64, Asked, Came)>;

pub(super) struct EventLoop {
    known: Known,
    listener: TcpListener,
    poller: Poller,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Connections so far; tells one from an earlier one in the same place.
    opened: u64,
    /// Requests so far: their place in the sequence, where they do not tell.
    asked: u64,
    later: BinaryHeap<Later>,
    /// Connections with answers to flush, in the order in which they were due.
    dirty: VecDeque<usize>,
    /// When connections are accepted one at a time: the last time, and the next.
    accepted: Option<Stamp>,
    accept_at: Option<Stamp>,
    buffer: Vec<u8>,
    requests: Vec<Asked>,
    records: Records,
    /// When it looked for requests, the last time but one; where it slept in between, the last time.
    looked: Stamp,
}

impl EventLoop {
    pub(super) fn new(known: Known, listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let poller = Poller::new()?;
        let is_slow = known.behaviour.kind == Kind::SlowAccept;
        if !is_slow {
            poller.add(&listener, LISTENER, Interest::Read)?;
        }
        Ok(Self {
            accept_at: is_slow.then(|| known.behaviour.accepted(now(), None)),
            known,
            listener,
            poller,
            connections: Vec::new(),
            free: Vec::new(),
            opened: 0,
            asked: 0,
            later: BinaryHeap::new(),
            dirty: VecDeque::new(),
            accepted: None,
            buffer: vec![0; READ_BYTES],
            requests: Vec::new(),
            records: Records::default(),
            looked: Stamp(0),
        })
    }

    pub(super) fn run(mut self) -> io::Result<Infallible> {
        tailrace_sys::set_timer_slack_min()?;
        let mut looked = now();
        loop {
            let at = now();
            self.give_what_is_due(at);
            self.accept_if_due(at);
            let sleep_ns = self.sleep_ns(now());
            self.poller.wait(sleep_ns)?;
            let before = std::mem::replace(&mut looked, now());
            self.looked = if sleep_ns == 0 { before } else { looked };
            for index in 0..self.poller.ready_count() {
                let ready = self.poller.ready(index);
                match ready.token {
                    LISTENER => while self.accept() {},
                    place => self.handle(place as usize, ready.readable, ready.writable),
                }
                self.give_what_is_due(now());
            }
        }
    }

    fn next_due(&self) -> Option<Stamp> {
        self.later.peek().map(|Reverse((due, ..))| *due)
    }

    fn sleep_ns(&self, at: Stamp) -> u64 {
        let somebody_is_connected = self.free.len() < self.connections.len();
        if !self.dirty.is_empty() || (self.known.awake && somebody_is_connected) {
            return 0;
        }
        let next = self.next_due().into_iter().chain(self.accept_at).min();
        next.map_or(SLEEP_NS_MAX, |next| next.since(at).min(SLEEP_NS_MAX))
    }

    /// Writes the answers of one connection; those of the others wait for their turn.
    fn give_what_is_due(&mut self, at: Stamp) {
        while let Some(&Reverse((due, _, place, id, asked, came))) = self.later.peek()
            && due <= at
        {
            self.later.pop();
            // Whoever hung up gets no answer.
            let found = self.connections[place].as_mut().filter(|found| found.id == id);
            let Some(connection) = found else { continue };
            if connection.answer(asked, came, due) {
                self.dirty.push_back(place);
            }
        }
        if let Some(place) = self.dirty.pop_front() {
            self.flush(place);
        }
    }

    fn accept_if_due(&mut self, at: Stamp) {
        let Some(due) = self.accept_at.filter(|due| *due <= at) else { return };
        if self.accept() {
            self.accepted = Some(due);
        }
        self.accept_at = Some(self.known.behaviour.accepted(at.plus(1), self.accepted));
    }

    /// False when nobody waits.
    fn accept(&mut self) -> bool {
        // Out of descriptors is nothing that a calibration comes near to.
        let Ok((socket, _)) = self.listener.accept() else { return false };
        let place = self.free.pop().unwrap_or(self.connections.len());
        if place == self.connections.len() {
            self.connections.push(None);
        }
        self.opened += 1;
        let connection = Connection::new(socket, self.opened, self.known.session());
        let watched = connection.and_then(|connection| {
            self.poller.add(&connection.socket, place as u64, Interest::Read)?;
            Ok(connection)
        });
        match watched {
            Ok(connection) => self.connections[place] = Some(connection),
            Err(_) => self.free.push(place),
        }
        true
    }

    fn handle(&mut self, place: usize, readable: bool, writable: bool) {
        if writable {
            self.flush(place);
        }
        if readable {
            self.read(place);
        }
    }

    fn read(&mut self, place: usize) {
        let Some(connection) = &mut self.connections[place] else { return };
        let read = connection.read(&mut self.buffer, &mut self.requests);
        let arrived = now();
        let came = Came { looked: self.looked, read: arrived };
        let id = connection.id;
        for asked in self.requests.drain(..) {
            let sequence = asked.sequence.unwrap_or(self.asked);
            let from = match connection.order() {
                Order::OneByOne => arrived.max(connection.last_answer),
                Order::Queued | Order::Free => arrived,
            };
            let mut due = self.known.behaviour.answered(from, sequence);
            if connection.order() == Order::Queued {
                due = due.max(connection.last_answer);
            }
            connection.last_answer = due;
            self.later.push(Reverse((due, self.asked, place, id, asked, came)));
            self.asked += 1;
        }
        if connection.asks_for_journal() {
            self.tell(place);
        } else if !read {
            self.hang_up(place);
        } else if connection.has_output() {
            self.flush(place);
        }
    }

    fn flush(&mut self, place: usize) {
        let Some(connection) = &mut self.connections[place] else { return };
        let watched = connection.watched_for_write;
        match connection.flush(&mut self.records) {
            Ok(complete) if complete == watched => {
                let interest = if complete { Interest::Read } else { Interest::ReadWrite };
                connection.watched_for_write = !complete;
                if self.poller.modify(&connection.socket, place as u64, interest).is_err() {
                    self.hang_up(place);
                }
            }
            Ok(_) => {}
            Err(_) => self.hang_up(place),
        }
    }

    /// Whoever is gone meanwhile needs nothing.
    fn tell(&mut self, place: usize) {
        if let Some(connection) = self.connections[place].take() {
            self.free.push(place);
            self.records.tell(connection.socket).unwrap_or_default();
        }
    }

    /// Closing the socket takes it out of the poller's set as well.
    fn hang_up(&mut self, place: usize) {
        if self.connections[place].take().is_some() {
            self.free.push(place);
        }
    }
}
