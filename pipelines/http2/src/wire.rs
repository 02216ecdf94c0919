//! The client half: a lean HTTP/2 client without I/O. A request is a cached header block and a
//! DATA frame; of an answer it reads the status and counts the rest, or searches it where a text is
//! expected. It announces a header table of size 0, so that it needs no table to read answers, and no
//! push; it knows neither priorities nor `Upgrade`. Read next: `wire/frames.rs`, `wire/client.rs`.
//!
//! One request among many can fail while the connection goes on ([`WireEvent::Unanswered`]), or be
//! given back by a server that ends it ([`WireEvent::Untouched`]).

mod answers;
mod client;
mod control;
mod frames;
mod head;
mod hpack;
mod huffman;
mod streams;

use tailrace_contract::{Expected, Peer, Request, Wire, WireError, WireEvent};

use self::client::Client;
use self::frames::FrameReader;

/// One connection's client half. Requests may be encoded once the server's settings have come.
#[derive(Debug)]
pub struct Http2Wire {
    frames: FrameReader,
    client: Client,
}

impl Http2Wire {
    /// A wire to this peer, on which at most `peer.in_flight` requests wait for their answer.
    pub fn new(peer: &Peer<'_>) -> Self {
        Self { frames: FrameReader::default(), client: Client::new(peer) }
    }

    /// Looks for this in the body of every answer.
    #[must_use]
    pub fn expecting(mut self, expected: Expected) -> Self {
        self.client.expected = expected;
        self
    }
}

impl Wire for Http2Wire {
    fn open(&mut self, out: &mut Vec<u8>) {
        control::open(out);
    }

    fn room(&self) -> usize {
        self.client.room()
    }

    fn encode(&mut self, request: &Request<'_>, key: u64, out: &mut Vec<u8>) {
        debug_assert!(self.room() > 0, "encode without room");
        self.client.send(request, key, out);
    }

    fn decode(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        let Self { frames, client } = self;
        frames.read(input, |frame| client.take(&frame, out, events))?;
        client.note_last_stream(events);
        Ok(())
    }

    fn close(&mut self, _events: &mut Vec<WireEvent>) -> Result<(), WireError> {
        self.client.close(self.frames.is_between())
    }
}
