//! The client half, without I/O. Each answer belongs to the oldest frame that has none, and
//! must name its length. Read next: `server.rs`.

use std::collections::VecDeque;

use tailrace_contract::limits::BODY_BYTES_MAX;
use tailrace_contract::{Request, Wire, WireError, WireEvent};

/// The status of an answer: the floor promises nothing, so it does not say 202.
const STATUS: u16 = 200;
/// Bytes of an answer: the length that the server received.
const ANSWER_BYTES: usize = 4;

/// One connection's client half. There is no handshake: frames may be encoded at once.
#[derive(Debug)]
pub struct TcpWire {
    in_flight_max: usize,
    /// Key and length of the frames without an answer, oldest first.
    waiting: VecDeque<(u64, u32)>,
    /// The bytes of an answer that came in pieces.
    partial: Vec<u8>,
    is_closed: bool,
}

impl TcpWire {
    /// A wire on which at most `in_flight_max` frames (at least 1) wait for their answer.
    pub fn new(in_flight_max: usize) -> Self {
        let waiting = VecDeque::with_capacity(in_flight_max.clamp(1, 1024));
        let in_flight_max = in_flight_max.max(1);
        Self { in_flight_max, waiting, partial: Vec::new(), is_closed: false }
    }

    fn answered(&mut self, length: u32, events: &mut Vec<WireEvent>) -> Result<(), WireError> {
        match self.waiting.pop_front() {
            Some((key, sent)) if sent == length => {
                events.push(WireEvent::Answer { key, status: STATUS });
                Ok(())
            }
            Some((_, sent)) => Err(WireError::new(format!(
                "the server says it received {length} bytes where {sent} were sent"
            ))),
            None => Err(WireError::new("an answer came without a request")),
        }
    }
}

impl Wire for TcpWire {
    fn open(&mut self, _out: &mut Vec<u8>) {}

    fn room(&self) -> usize {
        if self.is_closed { 0 } else { self.in_flight_max.saturating_sub(self.waiting.len()) }
    }

    /// The server refuses bodies beyond the contract's limit by closing the connection.
    fn encode(&mut self, request: &Request<'_>, key: u64, out: &mut Vec<u8>) {
        debug_assert!(self.room() > 0, "encode without room");
        debug_assert!(request.body.len() <= BODY_BYTES_MAX, "the server would close");
        let length = request.body.len() as u32;
        out.reserve(request.body.len() + 4);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(request.body);
        self.waiting.push_back((key, length));
    }

    fn decode(
        &mut self,
        mut input: &[u8],
        _out: &mut Vec<u8>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        // All answers look alike, so they are read as pieces of eight bytes.
        const WHOLE: usize = 4 + ANSWER_BYTES;
        if !self.partial.is_empty() {
            let taken = input.len().min(WHOLE - self.partial.len());
            self.partial.extend_from_slice(&input[..taken]);
            input = &input[taken..];
        }
        if let Some(&whole) = self.partial.first_chunk::<WHOLE>() {
            self.partial.clear();
            self.answered(read_answer(whole)?, events)?;
        }
        while let Some((&whole, rest)) = input.split_first_chunk::<WHOLE>() {
            self.answered(read_answer(whole)?, events)?;
            input = rest;
        }
        self.partial.extend_from_slice(input);
        Ok(())
    }

    fn close(&mut self, _events: &mut Vec<WireEvent>) -> Result<(), WireError> {
        self.is_closed = true;
        if self.partial.is_empty() {
            Ok(())
        } else {
            Err(WireError::new("the connection was closed in the middle of an answer"))
        }
    }
}

/// The length that an answer names.
fn read_answer([a, b, c, d, length @ ..]: [u8; 8]) -> Result<u32, WireError> {
    let frame_bytes = u32::from_be_bytes([a, b, c, d]);
    if frame_bytes as usize == ANSWER_BYTES {
        Ok(u32::from_be_bytes(length))
    } else {
        Err(WireError::new(format!("an answer of {frame_bytes} bytes came, not {ANSWER_BYTES}")))
    }
}
