//! What a client knows of its connection, and what each frame changes in it. It owns no bytes
//! that come or go. Read next: `streams.rs`.

use tailrace_contract::{Expected, Peer, Request, WireError, WireEvent};

use super::frames::{self, Frame, flag, kind};
use super::head::CachedHead;
use super::streams::Streams;

/// Bytes of bodies that may wait for the server's windows before there is no more room.
const BLOCKED_BYTES_MAX: usize = 4 << 20;
/// Replies (to pings and settings) in a row without an answer between: more is a flood.
const REPLIES_MAX: u32 = 10_000;

#[derive(Debug)]
pub(super) struct Client {
    pub(super) in_flight_max: usize,
    pub(super) head: CachedHead,
    /// Where a header block is written before its length is known.
    pub(super) block_out: Vec<u8>,
    pub(super) streams: Streams,
    /// Unanswered requests that the server takes.
    pub(super) streams_max: usize,
    pub(super) is_ready: bool,
    /// Said to the caller: nothing further is taken.
    pub(super) is_closing: bool,
    /// Why the server ends the connection, if it gave a reason.
    pub(super) farewell: Option<String>,
    /// A header block that is not complete.
    pub(super) open_block: Option<OpenBlock>,
    pub(super) last_block: KnownBlock,
    /// What bodies must hold.
    pub(super) expected: Expected,
    /// Bytes of answers for which the connection's window was not given back.
    pub(super) received: usize,
    pub(super) replies: u32,
}

#[derive(Debug)]
pub(super) struct OpenBlock {
    pub(super) stream: u32,
    pub(super) is_end: bool,
    pub(super) bytes: Vec<u8>,
}

/// Blocks mean the same wherever they stand, and most answers are alike.
#[derive(Debug, Default)]
pub(super) struct KnownBlock {
    pub(super) bytes: Vec<u8>,
    pub(super) status: u16,
}

impl Client {
    pub(super) fn new(peer: &Peer<'_>) -> Self {
        Self {
            in_flight_max: peer.in_flight.max(1),
            head: CachedHead::new(peer),
            block_out: Vec::new(),
            streams: Streams::new(1),
            // Unlimited, unless the server's settings say otherwise.
            streams_max: usize::MAX,
            is_ready: false,
            is_closing: false,
            farewell: None,
            open_block: None,
            last_block: KnownBlock::default(),
            expected: Expected::default(),
            received: 0,
            replies: 0,
        }
    }

    pub(super) fn room(&self) -> usize {
        let streams = &self.streams;
        let is_blocked = streams.is_window_closed() || streams.blocked_bytes() >= BLOCKED_BYTES_MAX;
        if !self.is_ready || self.is_closing || streams.is_exhausted() || is_blocked {
            return 0;
        }
        self.in_flight_max.min(self.streams_max).saturating_sub(streams.count())
    }

    pub(super) fn send(&mut self, request: &Request<'_>, key: u64, out: &mut Vec<u8>) {
        let id = self.streams.open(key);
        let mut block = std::mem::take(&mut self.block_out);
        self.head.write(request, &mut block);
        let end = if request.body.is_empty() { flag::END_STREAM } else { 0 };
        out.reserve(block.len() + request.body.len() + 2 * frames::HEAD_BYTES);
        frames::write_block(end, id, &block, self.streams.frame_bytes_max(), out);
        self.streams.send(id, request.body, out);
        block.clear();
        self.block_out = block;
    }

    /// The last stream that this connection can have is open: the caller needs another one.
    pub(super) fn note_last_stream(&mut self, events: &mut Vec<WireEvent>) {
        if self.streams.is_exhausted() {
            self.take_no_more(events);
        }
    }

    /// The server closed its half.
    pub(super) fn close(&mut self, is_between_frames: bool) -> Result<(), WireError> {
        self.is_closing = true;
        if let Some(reason) = self.farewell.take() {
            return Err(WireError::new(format!("the server ended the connection: {reason}")));
        }
        if !self.is_ready {
            let what = "the connection was closed before the server's settings came: \
                        it may not speak HTTP/2 by prior knowledge";
            return Err(WireError::new(what));
        }
        if !is_between_frames || self.open_block.is_some() {
            return Err(WireError::new("the connection was closed in the middle of a frame"));
        }
        Ok(())
    }

    pub(super) fn take(
        &mut self,
        frame: &Frame<'_>,
        out: &mut Vec<u8>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        if !self.is_ready && (frame.kind != kind::SETTINGS || frame.has(flag::ACK)) {
            return Err(WireError::new("the server's first frame is not its settings"));
        }
        if self.open_block.is_some() && frame.kind != kind::CONTINUATION {
            return Err(WireError::new("a header block is interrupted by another frame"));
        }
        self.check_stream(frame)?;
        match frame.kind {
            kind::HEADERS => self.headers(frame, out, events),
            kind::DATA => self.data(frame, out, events),
            kind::CONTINUATION => self.continuation(frame, out, events),
            kind::WINDOW_UPDATE => self.window_update(frame, out),
            kind::SETTINGS => self.settings(frame, out, events),
            kind::PING => self.ping(frame, out),
            kind::RST_STREAM => self.reset(frame, events),
            kind::GOAWAY => self.go_away(frame, events),
            kind::PUSH_PROMISE => Err(WireError::new("the server pushes, which was not allowed")),
            // Priorities, and kinds that are not known here.
            _ => Ok(()),
        }
    }

    /// Whether the frame is about what it can be about.
    fn check_stream(&self, frame: &Frame<'_>) -> Result<(), WireError> {
        let (kind, stream) = (frame.kind, frame.stream);
        let is_fine = match kind {
            kind::SETTINGS | kind::PING | kind::GOAWAY => stream == 0,
            kind::DATA | kind::HEADERS | kind::CONTINUATION | kind::RST_STREAM => {
                self.streams.was_opened(stream)
            }
            kind::WINDOW_UPDATE => stream == 0 || self.streams.was_opened(stream),
            _ => true,
        };
        let fault = || WireError::new(format!("a frame of kind {kind} on stream {stream}"));
        is_fine.then_some(()).ok_or_else(fault)
    }

    /// Tells the caller once that nothing further is taken.
    pub(super) fn take_no_more(&mut self, events: &mut Vec<WireEvent>) {
        if !self.is_closing {
            self.is_closing = true;
            events.push(WireEvent::Closing);
        }
    }

    /// Counts what the server makes us do for nothing.
    pub(super) fn reply(&mut self) -> Result<(), WireError> {
        self.replies += 1;
        if self.replies > REPLIES_MAX {
            let what = "the server sends thousands of frames and no answer";
            return Err(WireError::new(what));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stream_of_a_connection_is_announced() {
        let (mut out, mut events) = (Vec::new(), Vec::new());
        let mut client = Client::new(&Peer::plain("t", None, 10));
        client.is_ready = true;
        client.streams = Streams::new((1 << 31) - 3);
        let request = Request { method: "POST", target: "/", headers: &[], body: b"" };
        for room in [10, 9] {
            client.note_last_stream(&mut events);
            assert_eq!((client.room(), events.len()), (room, 0));
            client.send(&request, 7, &mut out);
        }
        assert_eq!(client.room(), 0);
        client.note_last_stream(&mut events);
        client.note_last_stream(&mut events);
        assert_eq!(events, [WireEvent::Closing]);
    }
}
