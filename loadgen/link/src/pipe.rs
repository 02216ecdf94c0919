//! Bytes under way in one direction of one connection, each due at its time, and the end that
//! follows them. It knows no clock and no socket but the one it is told to write to.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};

/// Packets under way at once, beside the limit of bytes: a sender of single bytes would else
/// make us keep a due time for each of them. Their due times take a mebibyte.
const PACKETS_MAX: usize = 64 << 10;
/// An empty pipe gives back memory beyond this: a few packets are always under way again soon.
const KEPT_BYTES: usize = 64 << 10;

/// How a direction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// All was said (FIN).
    Closed,
    /// The connection is gone (RST): what was not taken yet is lost.
    Reset,
}

/// One direction of a connection.
#[derive(Debug)]
pub(crate) struct Pipe {
    bytes: VecDeque<u8>,
    /// Lengths and due times of what is not due yet, in order.
    packets: VecDeque<(usize, u64)>,
    /// Bytes at the front that are due.
    due_bytes: usize,
    end: Option<(End, u64)>,
    end_is_due: bool,
    bytes_max: usize,
    /// A timer waits for what is due next.
    pub(crate) timed: bool,
}

impl Pipe {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            packets: VecDeque::new(),
            due_bytes: 0,
            end: None,
            end_is_due: false,
            bytes_max,
            timed: false,
        }
    }

    /// How many bytes may be taken in; 0: stop reading, and TCP tells the sender.
    pub(crate) fn room(&self) -> usize {
        let full = self.packets.len() >= PACKETS_MAX || self.end.is_some();
        if full { 0 } else { self.bytes_max.saturating_sub(self.bytes.len()) }
    }

    /// Takes in bytes; a [`Pipe::packet`] for each piece follows.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    pub(crate) fn packet(&mut self, len: usize, due_ns: u64) {
        self.packets.push_back((len, due_ns));
    }

    /// Nothing follows. A reset replaces an orderly end, never the other way round.
    pub(crate) fn end(&mut self, end: End, due_ns: u64) {
        if matches!(self.end, Some((End::Reset, _))) {
            return;
        }
        self.end = Some((end, due_ns));
        self.end_is_due = false;
    }

    /// What is under way will find nobody.
    pub(crate) fn discard(&mut self) {
        self.bytes = VecDeque::new();
        self.packets = VecDeque::new();
        self.due_bytes = 0;
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, now_ns: u64) {
        while let Some(&(len, due_ns)) = self.packets.front()
            && due_ns <= now_ns
        {
            self.packets.pop_front();
            self.due_bytes += len;
        }
        let due = |(_, due_ns): (End, u64)| due_ns <= now_ns;
        self.end_is_due = self.packets.is_empty() && self.end.is_some_and(due);
    }

    /// When something more is due.
    pub(crate) fn next_due_ns(&self) -> Option<u64> {
        match self.packets.front() {
            Some((_, due_ns)) => Some(*due_ns),
            None => self.end.filter(|_| !self.end_is_due).map(|(_, due_ns)| due_ns),
        }
    }

    /// Whether bytes are due that were not written.
    pub(crate) fn is_owing(&self) -> bool {
        self.due_bytes > 0
    }

    /// The end, once it is there: a reset at its time, an orderly one behind the last byte.
    pub(crate) fn ended(&self) -> Option<End> {
        let (end, _) = self.end.filter(|_| self.end_is_due)?;
        (end == End::Reset || self.bytes.is_empty()).then_some(end)
    }

    /// Writes what is due, in one call; what the socket does not take stays.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) fn write_to(&mut self, mut socket: impl Write) -> io::Result<()> {
        if self.due_bytes == 0 {
            return Ok(());
        }
        let (first, second) = self.bytes.as_slices();
        let first = &first[..first.len().min(self.due_bytes)];
        let second = &second[..second.len().min(self.due_bytes - first.len())];
        match socket.write_vectored(&[IoSlice::new(first), IoSlice::new(second)]) {
            Ok(n) => self.written(n),
            Err(e)
                if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    fn written(&mut self, n: usize) {
        self.bytes.drain(..n);
        self.due_bytes -= n;
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT_BYTES {
            self.bytes = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pipe: &mut Pipe, now_ns: u64) -> String {
        let mut out = Vec::new();
        pipe.advance(now_ns);
        pipe.write_to(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_byte_leaves_at_its_time_and_the_end_last() {
        let mut pipe = Pipe::new(10);
        pipe.take(b"abcde");
        pipe.packet(2, 100);
        pipe.packet(3, 200);
        pipe.end(End::Closed, 200);
        assert_eq!((pipe.next_due_ns(), written(&mut pipe, 99)), (Some(100), String::new()));
        assert_eq!((written(&mut pipe, 100), pipe.ended()), ("ab".into(), None));
        pipe.advance(200);
        assert_eq!((pipe.ended(), pipe.next_due_ns()), (None, None), "bytes are still owed");
        assert_eq!((written(&mut pipe, 200), pipe.ended()), ("cde".into(), Some(End::Closed)));
    }

    #[test]
    fn a_reset_does_not_wait_for_a_reader() {
        let mut pipe = Pipe::new(10);
        pipe.take(b"ab");
        pipe.packet(2, 100);
        pipe.end(End::Closed, 100);
        pipe.end(End::Reset, 150);
        pipe.end(End::Closed, 120);
        pipe.advance(149);
        assert_eq!((pipe.ended(), pipe.next_due_ns()), (None, Some(150)));
        pipe.advance(150);
        assert_eq!((pipe.is_owing(), pipe.ended()), (true, Some(End::Reset)));
    }

    #[test]
    fn bytes_and_packets_have_a_limit() {
        let mut pipe = Pipe::new(3);
        pipe.take(b"ab");
        pipe.packet(2, 100);
        assert_eq!(pipe.room(), 1);
        pipe.take(b"c");
        pipe.packet(1, 100);
        assert_eq!((pipe.room(), written(&mut pipe, 100), pipe.room()), (0, "abc".into(), 3));
        let mut pipe = Pipe::new(1 << 20);
        for _ in 0..PACKETS_MAX {
            assert!(pipe.room() > 0);
            pipe.take(b"x");
            pipe.packet(1, 100);
        }
        assert_eq!(pipe.room(), 0);
    }
}
