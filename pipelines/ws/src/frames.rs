//! The frames of RFC 6455 as a client sees them: writing masked ones, taking the server's
//! apart however the bytes are cut. Knows nothing of requests. Read next: `wire.rs`.

use std::hash::{BuildHasher, RandomState};

use tailrace_contract::{Expected, Matched, WireError};

/// Bytes of one message from the server. Answers are small; beyond this something is wrong.
pub(crate) const MESSAGE_BYTES_MAX: u64 = 16 << 20;
/// Bytes that are kept of a message: enough to read how it begins. Also the most that a
/// control frame can carry.
const KEPT_BYTES_MAX: usize = 125;

const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// Makes masks. They keep scripts in browsers from writing chosen bytes to the network; for
/// us they only have to differ.
#[derive(Debug)]
pub(crate) struct Masks(u64);

impl Masks {
    pub(crate) fn new() -> Self {
        Self(RandomState::new().hash_one("mask") | 1)
    }

    /// Marsaglia's xorshift with 64 bits of state.
    fn next(&mut self) -> [u8; 4] {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) as u32).to_ne_bytes()
    }
}

/// Appends one whole, masked frame.
pub(crate) fn write(opcode: u8, payload: &[u8], masks: &mut Masks, out: &mut Vec<u8>) {
    const FINAL: u8 = 0x80;
    const MASKED: u8 = 0x80;
    out.reserve(payload.len() + 14);
    out.push(FINAL | opcode);
    match payload.len() {
        length @ 0..=125 => out.push(MASKED | length as u8),
        length @ 126..=0xffff => {
            out.push(MASKED | 0x7e);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(MASKED | 0x7f);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let mask = masks.next();
    out.extend_from_slice(&mask);
    let begin = out.len();
    out.extend_from_slice(payload);
    apply(mask, &mut out[begin..]);
}

/// Eight bytes at a time; the compiler makes it sixteen or more.
fn apply(mask: [u8; 4], bytes: &mut [u8]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        if let Ok(word) = <&mut [u8; 8]>::try_from(word) {
            *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
        }
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// What the server said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    /// A complete message: its first bytes, and whether it holds what was expected.
    Message(&'a [u8], bool),
    /// A ping, with what the pong must repeat.
    Ping(&'a [u8]),
    /// A close, with its code and reason.
    Close(&'a [u8]),
}

/// Takes frames apart.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    /// An incomplete header.
    header: Vec<u8>,
    frame: Option<Frame>,
    /// The first bytes of the message; fragments add to it.
    message: Vec<u8>,
    message_bytes: u64,
    is_fragmented: bool,
    control: Vec<u8>,
    /// What messages must hold.
    pub(crate) expected: Expected,
    matched: Matched,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    opcode: u8,
    is_final: bool,
    left: u64,
}

impl FrameReader {
    /// Whether nothing is half read.
    pub(crate) fn is_between(&self) -> bool {
        self.header.is_empty() && self.frame.is_none() && !self.is_fragmented
    }

    /// Consumes a part of `input`; says something when it became complete.
    pub(crate) fn read<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Said<'s>>, WireError> {
        let Some(mut frame) = self.next_frame(input)? else { return Ok(None) };
        let taken = frame.left.min(input.len() as u64);
        let (payload, rest) = input.split_at(taken as usize);
        *input = rest;
        frame.left -= taken;
        let is_whole = self.frame.is_none() && frame.left == 0;
        self.frame = (frame.left > 0).then_some(frame);
        if is_whole && frame.is_final && matches!(frame.opcode, TEXT | BINARY) {
            // Nearly every answer: it is here in one piece, so nothing needs to be kept.
            self.expected.look(&mut self.matched, payload);
            return Ok(Some(Said::Message(payload, self.is_met())));
        }
        Ok(self.collect(frame, payload))
    }

    /// Keeps the beginning of what came in pieces.
    fn collect(&mut self, frame: Frame, payload: &[u8]) -> Option<Said<'_>> {
        let is_control = frame.opcode >= CLOSE;
        if !is_control {
            self.expected.look(&mut self.matched, payload);
        }
        let kept = if is_control { &mut self.control } else { &mut self.message };
        let room = KEPT_BYTES_MAX.saturating_sub(kept.len());
        kept.extend_from_slice(&payload[..payload.len().min(room)]);
        if frame.left > 0 {
            return None;
        }
        match frame.opcode {
            CLOSE => Some(Said::Close(&self.control)),
            PING => Some(Said::Ping(&self.control)),
            PONG => None,
            _ => {
                self.is_fragmented = !frame.is_final;
                frame.is_final.then(|| Said::Message(&self.message, self.is_met()))
            }
        }
    }

    fn is_met(&self) -> bool {
        self.expected.is_met(self.matched)
    }

    /// The frame that is being read, or the next one once its header is complete.
    fn next_frame(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, WireError> {
        if let Some(frame) = self.frame {
            return Ok(Some(frame));
        }
        let parsed = if self.header.is_empty() { parse_header(input)? } else { None };
        let frame = match parsed {
            Some((frame, length)) => {
                *input = &input[length..];
                frame
            }
            // The header comes in pieces: byte by byte until it is complete.
            None => loop {
                let Some((first, rest)) = input.split_first() else { return Ok(None) };
                self.header.push(*first);
                *input = rest;
                if let Some((frame, _)) = parse_header(&self.header)? {
                    self.header.clear();
                    break frame;
                }
            },
        };
        self.begin(frame)?;
        Ok(Some(frame))
    }

    /// Checks the order of fragments and makes room for what is kept.
    fn begin(&mut self, frame: Frame) -> Result<(), WireError> {
        match frame.opcode {
            CLOSE | PING | PONG => {
                self.control.clear();
                return if frame.is_final && frame.left <= KEPT_BYTES_MAX as u64 {
                    Ok(())
                } else {
                    Err(WireError::new("a control frame is fragmented or longer than 125 bytes"))
                };
            }
            TEXT | BINARY if !self.is_fragmented => {
                self.message.clear();
                self.matched = Matched::default();
                self.message_bytes = 0;
            }
            CONTINUATION if self.is_fragmented => {}
            other => {
                let what = format!("a frame with opcode {other} does not belong here");
                return Err(WireError::new(what));
            }
        }
        self.message_bytes = self.message_bytes.saturating_add(frame.left);
        if self.message_bytes > MESSAGE_BYTES_MAX {
            let what = format!("a message is longer than {MESSAGE_BYTES_MAX} bytes");
            return Err(WireError::new(what));
        }
        Ok(())
    }
}

/// A frame's header and its length, once it is complete.
fn parse_header(bytes: &[u8]) -> Result<Option<(Frame, usize)>, WireError> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(WireError::new("a reserved bit is set, but no extension was agreed"));
    }
    if second & 0x80 != 0 {
        return Err(WireError::new("a frame from the server is masked"));
    }
    let (left, length) = match second & 0x7f {
        126 => match rest.first_chunk::<2>() {
            Some(&bytes) => (u64::from(u16::from_be_bytes(bytes)), 4),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(&bytes) => (u64::from_be_bytes(bytes), 10),
            None => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    let frame = Frame { opcode: first & 0x0f, is_final: first & 0x80 != 0, left };
    Ok(Some((frame, length)))
}
