//! The open streams and what may be sent on them. A body goes out as far as the windows allow
//! (RFC 9113, section 5.2); what is left waits here, in order, until the server opens them. How
//! much may wait is bounded by whoever asks for room. Read next: `wire.rs`, one folder up.

use std::collections::VecDeque;

use tailrace_contract::{Matched, WireError};

use super::frames::{self, flag, kind};

/// The last stream of a connection (RFC 9113, section 5.1.1).
const STREAM_MAX: u32 = (1 << 31) - 1;
/// The protocol's defaults, until the server says otherwise.
const WINDOW_BYTES: i64 = 65_535;
const FRAME_BYTES: usize = 16_384;
/// No window may grow beyond this.
const WINDOW_BYTES_MAX: i64 = (1 << 31) - 1;

/// A request without its whole answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    id: u32,
    pub(super) key: u64,
    /// Bytes that may be sent; below 0 after the server took some back.
    window: i64,
    /// 0 until the answer's head has come.
    pub(super) status: u16,
    /// Bytes of the answer for which the window was not given back.
    pub(super) received: usize,
    /// How much of what its body must hold has come.
    pub(super) matched: Matched,
}

/// The rest of a body.
#[derive(Debug)]
struct Blocked {
    id: u32,
    body: Vec<u8>,
    sent: usize,
}

#[derive(Debug)]
pub(super) struct Streams {
    /// In the order of their ids, which only grow.
    open: VecDeque<Stream>,
    next_id: u32,
    window: i64,
    window_of_new: i64,
    frame_bytes_max: usize,
    blocked: VecDeque<Blocked>,
    blocked_bytes: usize,
}

impl Streams {
    /// The first one is `first_id`, which is odd.
    pub(super) fn new(first_id: u32) -> Self {
        Self {
            open: VecDeque::new(),
            next_id: first_id,
            window: WINDOW_BYTES,
            window_of_new: WINDOW_BYTES,
            frame_bytes_max: FRAME_BYTES,
            blocked: VecDeque::new(),
            blocked_bytes: 0,
        }
    }

    /// Requests without their whole answer.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// Bytes that wait for a window.
    pub(super) fn blocked_bytes(&self) -> usize {
        self.blocked_bytes
    }

    /// Whether nothing at all may be sent before the server opens its window.
    pub(super) fn is_window_closed(&self) -> bool {
        self.window <= 0
    }

    /// No further stream can be opened on this connection.
    pub(super) fn is_exhausted(&self) -> bool {
        self.next_id > STREAM_MAX
    }

    /// Bytes of the longest frame that the server takes.
    pub(super) fn frame_bytes_max(&self) -> usize {
        self.frame_bytes_max
    }

    /// Whether the stream was opened at some time.
    pub(super) fn was_opened(&self, id: u32) -> bool {
        id % 2 == 1 && id < self.next_id
    }

    /// Opens the next stream.
    pub(super) fn open(&mut self, key: u64) -> u32 {
        let id = self.next_id;
        self.next_id += 2;
        let window = self.window_of_new;
        let matched = Matched::default();
        self.open.push_back(Stream { id, key, window, status: 0, received: 0, matched });
        id
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Stream> {
        let at = self.find(id)?;
        self.open.get_mut(at)
    }

    /// Closes a stream; true beside it if a part of its body was never sent.
    pub(super) fn close(&mut self, id: u32) -> Option<(Stream, bool)> {
        let at = self.find(id)?;
        let stream = self.open.remove(at)?;
        let unsent = self.blocked.iter().position(|blocked| blocked.id == id);
        let blocked = unsent.and_then(|at| self.blocked.remove(at));
        if let Some(blocked) = &blocked {
            self.blocked_bytes -= blocked.body.len() - blocked.sent;
        }
        Some((stream, blocked.is_some()))
    }

    /// Closes the last stream if its id is above this one.
    pub(super) fn close_above(&mut self, id: u32) -> Option<Stream> {
        let last = self.open.back()?.id;
        if last > id { self.close(last).map(|(stream, _)| stream) } else { None }
    }

    fn find(&self, id: u32) -> Option<usize> {
        // Answers mostly come in order.
        if self.open.front().is_some_and(|first| first.id == id) {
            return Some(0);
        }
        self.open.binary_search_by_key(&id, |stream| stream.id).ok()
    }

    /// Sends the body of the newest stream, or as much of it as the windows allow.
    pub(super) fn send(&mut self, id: u32, body: &[u8], out: &mut Vec<u8>) {
        let sent = self.send_from(id, body, 0, out);
        if sent < body.len() {
            self.blocked_bytes += body.len() - sent;
            self.blocked.push_back(Blocked { id, body: body[sent..].to_vec(), sent: 0 });
        }
    }

    /// Sends from `sent` on; returns how far it came.
    fn send_from(&mut self, id: u32, body: &[u8], mut sent: usize, out: &mut Vec<u8>) -> usize {
        let Some(at) = self.find(id) else { return body.len() };
        while sent < body.len() {
            let window = self.window.min(self.open[at].window).max(0) as usize;
            let length = (body.len() - sent).min(self.frame_bytes_max).min(window) as u32;
            if length == 0 {
                break;
            }
            let piece = &body[sent..sent + length as usize];
            sent += piece.len();
            self.window -= i64::from(length);
            self.open[at].window -= i64::from(length);
            let flags = if sent == body.len() { flag::END_STREAM } else { 0 };
            frames::write(kind::DATA, flags, id, piece, out);
        }
        sent
    }

    /// Goes on with what waits, oldest first.
    fn go_on(&mut self, out: &mut Vec<u8>) {
        let mut at = 0;
        while at < self.blocked.len() && self.window > 0 {
            let Some(mut blocked) = self.blocked.remove(at) else { return };
            let sent = self.send_from(blocked.id, &blocked.body, blocked.sent, out);
            self.blocked_bytes -= sent - blocked.sent;
            if sent < blocked.body.len() {
                blocked.sent = sent;
                self.blocked.insert(at, blocked);
                at += 1;
            }
        }
    }

    /// The server opened the connection's window.
    pub(super) fn open_window(&mut self, bytes: u32, out: &mut Vec<u8>) -> Result<(), WireError> {
        self.window = grown(self.window, i64::from(bytes))?;
        self.go_on(out);
        Ok(())
    }

    /// The server opened a stream's window. Streams that are over need it no more.
    pub(super) fn open_stream_window(
        &mut self,
        id: u32,
        bytes: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        if let Some(stream) = self.get_mut(id) {
            stream.window = grown(stream.window, i64::from(bytes))?;
            self.go_on(out);
        }
        Ok(())
    }

    /// The server changed the window of all streams, open and to come. It may take back what it
    /// gave: then windows are below 0 for a while.
    pub(super) fn set_window(&mut self, bytes: u32, out: &mut Vec<u8>) -> Result<(), WireError> {
        let window = i64::from(bytes);
        if window > WINDOW_BYTES_MAX {
            return Err(too_wide());
        }
        let more = window - self.window_of_new;
        self.window_of_new = window;
        for stream in &mut self.open {
            stream.window = grown(stream.window, more)?;
        }
        self.go_on(out);
        Ok(())
    }

    /// The server changed how long a frame may be.
    pub(super) fn set_frame_bytes(&mut self, bytes: u32) -> Result<(), WireError> {
        if !(FRAME_BYTES as u32..1 << 24).contains(&bytes) {
            return Err(WireError::new(format!("frames of {bytes} bytes are announced")));
        }
        self.frame_bytes_max = bytes as usize;
        Ok(())
    }
}

fn grown(window: i64, bytes: i64) -> Result<i64, WireError> {
    let window = window + bytes;
    if window > WINDOW_BYTES_MAX { Err(too_wide()) } else { Ok(window) }
}

fn too_wide() -> WireError {
    WireError::new(format!("a window is opened beyond {WINDOW_BYTES_MAX} bytes"))
}
