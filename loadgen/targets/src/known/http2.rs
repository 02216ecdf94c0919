//! As much of HTTP/2 by prior knowledge as a load tool sends: frames. Header blocks are not
//! decoded, because nothing depends on what they say; every answer is the one header field that
//! the static table holds as 200, and the end of its stream.

use super::{Asked, HEAD_OF_BODY_BYTES, Order, Session, sequence};
use std::collections::HashMap;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD_BYTES: usize = 9;
/// Larger frames were not allowed.
const FRAME_BYTES_MAX: usize = 16_384;
const STREAM_MAX: u32 = 0x7fff_ffff;

/// The largest window there is.
const WINDOW_BYTES: u32 = 0x7fff_ffff;
/// The protocol's default, which the connection's window begins with.
const WINDOW_BYTES_AT_FIRST: u32 = 65_535;
/// The connection's window is given back when so much of it is used.
const GIVE_BACK_BYTES: u32 = 1 << 30;
/// Requests at once: more than any calibration has in flight on one connection.
const STREAMS_MAX: u32 = 1_024;
/// `:status: 200` in the static table.
const STATUS_200: u8 = 0x88;

mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PING: u8 = 6;
    pub(super) const GOAWAY: u8 = 7;
    pub(super) const WINDOW_UPDATE: u8 = 8;
}

mod flag {
    pub(super) const END_STREAM: u8 = 1;
    pub(super) const ACK: u8 = 1;
    pub(super) const END_HEADERS: u8 = 4;
    pub(super) const PADDED: u8 = 8;
}

mod setting {
    pub(super) const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
}

#[derive(Default)]
pub(super) struct Http2 {
    is_open: bool,
    /// The beginnings of the bodies that are not complete.
    bodies: HashMap<u32, Vec<u8>>,
    /// Bytes of bodies for which the connection's window was not given back.
    received: u32,
}

impl Session for Http2 {
    fn order(&self) -> Order {
        Order::Free
    }

    fn read(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        asked: &mut Vec<Asked>,
    ) -> Result<usize, &'static str> {
        let mut taken = 0;
        if !self.is_open {
            let Some(preface) = input.get(..PREFACE.len()) else { return Ok(0) };
            if preface != PREFACE {
                return Err("not HTTP/2 by prior knowledge");
            }
            greet(out);
            self.is_open = true;
            taken = PREFACE.len();
        }
        while let Some((head, rest)) = input[taken..].split_first_chunk::<HEAD_BYTES>() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            if length > FRAME_BYTES_MAX {
                return Err("a frame that is too large");
            }
            let Some(payload) = rest.get(..length) else { break };
            self.frame(head, payload, out, asked)?;
            taken += HEAD_BYTES + length;
        }
        Ok(taken)
    }

    fn answer(&mut self, asked: Asked, out: &mut Vec<u8>) {
        let flags = flag::END_HEADERS | flag::END_STREAM;
        write(kind::HEADERS, flags, asked.stream, &[STATUS_200], out);
    }
}

impl Http2 {
    fn frame(
        &mut self,
        head: &[u8; HEAD_BYTES],
        payload: &[u8],
        out: &mut Vec<u8>,
        asked: &mut Vec<Asked>,
    ) -> Result<(), &'static str> {
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & STREAM_MAX;
        let is_end = flags & flag::END_STREAM != 0;
        match kind {
            kind::HEADERS if flags & flag::END_HEADERS == 0 => return Err("a head in pieces"),
            kind::HEADERS if is_end => asked.push(Asked { sequence: None, stream }),
            kind::HEADERS => drop(self.bodies.insert(stream, Vec::new())),
            kind::DATA => {
                self.give_back(payload.len() as u32, out);
                let body = self.bodies.entry(stream).or_default();
                let from = usize::from(flags & flag::PADDED != 0).min(payload.len());
                let left = HEAD_OF_BODY_BYTES.saturating_sub(body.len());
                body.extend(payload[from..].iter().take(left));
                if is_end {
                    let sequence = sequence(body);
                    self.bodies.remove(&stream);
                    asked.push(Asked { sequence, stream });
                }
            }
            kind::RST_STREAM => drop(self.bodies.remove(&stream)),
            kind::SETTINGS if flags & flag::ACK == 0 => {
                write(kind::SETTINGS, flag::ACK, 0, &[], out);
            }
            kind::PING if flags & flag::ACK == 0 => write(kind::PING, flag::ACK, 0, payload, out),
            kind::GOAWAY => return Err("it goes away"),
            // Windows for answers that have no body, priorities.
            _ => {}
        }
        Ok(())
    }

    fn give_back(&mut self, bytes: u32, out: &mut Vec<u8>) {
        self.received += bytes;
        if self.received >= GIVE_BACK_BYTES {
            write(kind::WINDOW_UPDATE, 0, 0, &self.received.to_be_bytes(), out);
            self.received = 0;
        }
    }
}

/// The server's settings, and the largest windows: no request waits for one.
fn greet(out: &mut Vec<u8>) {
    let mut settings = Vec::new();
    for (id, value) in [
        (setting::MAX_CONCURRENT_STREAMS, STREAMS_MAX),
        (setting::INITIAL_WINDOW_SIZE, WINDOW_BYTES),
    ] {
        settings.extend_from_slice(&id.to_be_bytes());
        settings.extend_from_slice(&value.to_be_bytes());
    }
    write(kind::SETTINGS, 0, 0, &settings, out);
    let more = WINDOW_BYTES - WINDOW_BYTES_AT_FIRST;
    write(kind::WINDOW_UPDATE, 0, 0, &more.to_be_bytes(), out);
}

fn write(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    out.extend_from_slice(&[a, b, c, kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Vec<u8> {
        let mut bytes = PREFACE.to_vec();
        write(kind::SETTINGS, 0, 0, &[], &mut bytes);
        write(kind::HEADERS, flag::END_HEADERS, 1, b"head", &mut bytes);
        write(kind::DATA, 0, 1, b"{\"se", &mut bytes);
        write(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 3, b"head", &mut bytes);
        write(kind::DATA, flag::END_STREAM, 1, b"q\":42}", &mut bytes);
        bytes
    }

    #[test]
    fn requests_are_found_wherever_they_are_cut() {
        let bytes = frames();
        let expect = [Asked { sequence: None, stream: 3 }, Asked { sequence: Some(42), stream: 1 }];
        for cut in 0..bytes.len() {
            let (mut session, mut out, mut asked) = (Http2::default(), Vec::new(), Vec::new());
            let taken = session.read(&bytes[..cut], &mut out, &mut asked).unwrap();
            let rest = session.read(&bytes[taken..], &mut out, &mut asked).unwrap();
            assert_eq!((taken + rest, &asked[..]), (bytes.len(), &expect[..]), "{cut}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let read = |bytes: &[u8]| Http2::default().read(bytes, &mut Vec::new(), &mut Vec::new());
        assert!(read(b"GET / HTTP/1.1\r\nhost: example\r\n\r\n").is_err());
        let mut large = PREFACE.to_vec();
        large.extend_from_slice(&[0xff, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert!(read(&large).is_err());
    }
}
