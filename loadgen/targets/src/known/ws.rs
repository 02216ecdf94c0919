//! As much of WebSocket as a generator sends: an upgrade, then masked messages of one frame
//! each. Answers come in the order of the messages.

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Asked, HEAD_OF_BODY_BYTES, Order, Session, sequence};

const HEAD_END: &[u8] = b"\r\n\r\n";
/// A text frame.
const ANSWER: &[u8] = b"\x81\x0e{\"accepted\":1}";
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

mod opcode {
    pub(super) const TEXT: u8 = 1;
    pub(super) const BINARY: u8 = 2;
    pub(super) const CLOSE: u8 = 8;
    pub(super) const PING: u8 = 9;
    pub(super) const PONG: u8 = 10;
}

/// Bytes of a ping that come back: more is not allowed.
const CONTROL_BYTES_MAX: usize = 125;

#[derive(Default)]
pub(super) struct Ws {
    is_open: bool,
}

/// A frame and its place.
struct Frame<'a> {
    first: u8,
    mask: [u8; 4],
    payload: &'a [u8],
    bytes: usize,
}

impl Session for Ws {
    fn order(&self) -> Order {
        Order::Queued
    }

    fn read(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        asked: &mut Vec<Asked>,
    ) -> Result<usize, &'static str> {
        let mut taken = 0;
        if !self.is_open {
            taken = upgrade(input, out)?;
            self.is_open = taken > 0;
        }
        while self.is_open
            && let Some(frame) = frame(&input[taken..])?
        {
            taken += frame.bytes;
            match frame.first {
                first if first == FIN | opcode::TEXT || first == FIN | opcode::BINARY => {
                    let head = unmasked(&frame, HEAD_OF_BODY_BYTES);
                    asked.push(Asked { sequence: sequence(&head), stream: 0 });
                }
                first if first == FIN | opcode::PING => {
                    let payload = unmasked(&frame, CONTROL_BYTES_MAX);
                    out.extend_from_slice(&[FIN | opcode::PONG, payload.len() as u8]);
                    out.extend_from_slice(&payload);
                }
                first if first == FIN | opcode::PONG => {}
                first if first == FIN | opcode::CLOSE => return Err("it goes away"),
                _ => return Err("a message in pieces"),
            }
        }
        Ok(taken)
    }

    fn answer(&mut self, _asked: Asked, out: &mut Vec<u8>) {
        out.extend_from_slice(ANSWER);
    }
}

/// Answers the upgrade request; returns its length, or 0 while it is not complete.
fn upgrade(input: &[u8], out: &mut Vec<u8>) -> Result<usize, &'static str> {
    let found = input.windows(HEAD_END.len()).position(|window| window == HEAD_END);
    let Some(head) = found else { return Ok(0) };
    let key = input[..head].split(|&byte| byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let is_key = line[..colon].eq_ignore_ascii_case(b"sec-websocket-key");
        is_key.then(|| line[colon + 1..].trim_ascii())
    });
    let accept = derive_accept_key(key.ok_or("no upgrade to WebSocket")?);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    );
    out.extend_from_slice(answer.as_bytes());
    Ok(head + HEAD_END.len())
}

/// The first frame; none while it is not complete.
fn frame(input: &[u8]) -> Result<Option<Frame<'_>>, &'static str> {
    let Some((&[first, second], rest)) = input.split_first_chunk::<2>() else { return Ok(None) };
    if second & MASKED == 0 {
        return Err("a frame of a client without a mask");
    }
    let (length, rest) = match second & !MASKED {
        126 => match rest.split_first_chunk::<2>() {
            Some((length, rest)) => (usize::from(u16::from_be_bytes(*length)), rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk::<8>() {
            Some((length, rest)) => (u64::from_be_bytes(*length) as usize, rest),
            None => return Ok(None),
        },
        length => (usize::from(length), rest),
    };
    let Some((&mask, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    let bytes = input.len() - rest.len() + length;
    Ok(Some(Frame { first, mask, payload, bytes }))
}

/// The first bytes of what a frame carries.
fn unmasked(frame: &Frame<'_>, bytes_max: usize) -> Vec<u8> {
    let masked = frame.payload.iter().take(bytes_max);
    masked.zip(frame.mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut bytes = vec![FIN | first];
        if payload.len() < 126 {
            bytes.push(MASKED | payload.len() as u8);
        } else {
            bytes.push(MASKED | 0x7e);
            bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    #[test]
    fn messages_are_found_wherever_they_are_cut() {
        let upgrade = b"GET /v1/ws HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let mut bytes = upgrade.to_vec();
        bytes.extend(masked(opcode::TEXT, br#"{"producer":"g0","seq":5,"metrics":[]}"#));
        bytes.extend(masked(opcode::PING, b"still there?"));
        bytes.extend(masked(opcode::BINARY, &[b' '; 300]));
        for cut in 0..bytes.len() {
            let (mut session, mut out, mut asked) = (Ws::default(), Vec::new(), Vec::new());
            let taken = session.read(&bytes[..cut], &mut out, &mut asked).unwrap();
            let rest = session.read(&bytes[taken..], &mut out, &mut asked).unwrap();
            let sequences: Vec<_> = asked.iter().map(|asked| asked.sequence).collect();
            assert_eq!((taken + rest, &sequences[..]), (bytes.len(), &[Some(5), None][..]));
            // The example of RFC 6455.
            let said = String::from_utf8_lossy(&out);
            assert!(said.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{said}");
            assert!(said.ends_with("still there?"), "{said}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let read =
            |open, bytes: &[u8]| Ws { is_open: open }.read(bytes, &mut Vec::new(), &mut Vec::new());
        assert!(read(false, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").is_err());
        assert!(read(true, &[FIN | opcode::TEXT, 0]).is_err());
        assert!(read(true, &[opcode::TEXT, MASKED, 1, 2, 3, 4]).is_err());
    }
}
