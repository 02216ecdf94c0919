//! One connection of a server of known behaviour: a socket that never blocks, what came in and
//! is not complete, what goes out and was not taken.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::journal::{ASK, Given};

use super::records::Records;
use super::{Asked, Order, Session};

/// A request that is not complete within so many bytes is none: a batch has its limit at half of
/// this.
const INPUT_BYTES_MAX: usize = 2 << 20;

/// When a request came, as far as the server knows: see [`Given`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Came {
    pub(super) looked: Stamp,
    pub(super) read: Stamp,
}

pub(super) struct Connection {
    pub(super) socket: TcpStream,
    pub(super) id: u64,
    /// When the last of its requests is answered.
    pub(super) last_answer: Stamp,
    pub(super) watched_for_write: bool,
    session: Box<dyn Session>,
    input: Vec<u8>,
    out: Vec<u8>,
    /// What is known of the answers in `out`.
    unsent: Vec<Given>,
    /// Whether somebody asked for the journal instead of sending requests.
    asks_for_journal: bool,
    is_new: bool,
}

impl Connection {
    pub(super) fn new(socket: TcpStream, id: u64, session: Box<dyn Session>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            id,
            last_answer: Stamp(0),
            watched_for_write: false,
            session,
            input: Vec::new(),
            out: Vec::new(),
            unsent: Vec::new(),
            asks_for_journal: false,
            is_new: true,
        })
    }

    pub(super) fn order(&self) -> Order {
        self.session.order()
    }

    pub(super) fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    pub(super) fn asks_for_journal(&self) -> bool {
        self.asks_for_journal
    }

    /// Writes an answer into what goes out; `due` is when it should have gone. True when nothing
    /// waited there.
    pub(super) fn answer(&mut self, asked: Asked, came: Came, due: Stamp) -> bool {
        let was_empty = self.out.is_empty();
        self.session.answer(asked, &mut self.out);
        let Came { looked, read } = came;
        let given = |sequence| Given { sequence, looked, read, due, at: due };
        self.unsent.extend(asked.sequence.map(given));
        was_empty
    }

    /// Reads once and appends the requests that are complete. False at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8], requests: &mut Vec<Asked>) -> bool {
        match self.socket.read(buffer) {
            Ok(0) => false,
            Ok(n) if std::mem::take(&mut self.is_new) && buffer[..n] == *ASK => {
                self.asks_for_journal = true;
                true
            }
            Ok(n) if self.input.is_empty() => {
                // Nearly always: nothing is copied.
                let taken = self.session.read(&buffer[..n], &mut self.out, requests);
                taken.map(|taken| self.input.extend_from_slice(&buffer[taken..n])).is_ok()
            }
            Ok(n) => {
                self.input.extend_from_slice(&buffer[..n]);
                let taken = self.session.read(&self.input, &mut self.out, requests);
                let taken = taken.map(|taken| drop(self.input.drain(..taken)));
                taken.is_ok() && self.input.len() <= INPUT_BYTES_MAX
            }
            Err(error) => {
                matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
            }
        }
    }

    /// Writes what there is, and writes down when it began to. True when nothing is left.
    pub(super) fn flush(&mut self, records: &mut Records) -> io::Result<bool> {
        if !self.unsent.is_empty() {
            let at = now();
            let given = self.unsent.drain(..).map(|given| Given { at, ..given });
            records.extend(given);
        }
        let mut written = 0;
        while written < self.out.len() {
            match self.socket.write(&self.out[written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.drain(..written);
        Ok(self.out.is_empty())
    }
}
