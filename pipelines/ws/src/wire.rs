//! The client half: a lean WebSocket client without I/O. Each message that comes back answers
//! the oldest that went out. It keeps no answer, it only reads how it begins. It has no
//! extensions and sends no fragments. Read next: `frames.rs`, for the bytes.

use std::collections::VecDeque;

use httparse::{EMPTY_HEADER, Response, Status};
use tailrace_contract::{Expected, Request, RunId, Wire, WireError, WireEvent};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::frames::{self, FrameReader, Masks, Said};

/// Bytes of the answer to the upgrade request.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Headers of that answer.
const HEADERS_MAX: usize = 128;

/// One connection's client half.
#[derive(Debug)]
pub struct WsWire {
    authority: String,
    path: String,
    run: Option<RunId>,
    /// Further headers of the upgrade request.
    headers: Vec<(String, String)>,
    in_flight_max: usize,
    key: String,
    stage: Stage,
    /// The beginning of the answer to the upgrade.
    head: Vec<u8>,
    waiting: VecDeque<u64>,
    frames: FrameReader,
    masks: Masks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Upgrading,
    Open,
    Closed,
}

impl WsWire {
    /// A wire to `ws://{authority}{path}`, whose batches belong to `run`, on which at most
    /// `in_flight_max` messages (at least 1) wait for their answer.
    pub fn new(authority: &str, path: &str, run: Option<RunId>, in_flight_max: usize) -> Self {
        Self {
            authority: authority.to_owned(),
            path: path.to_owned(),
            run,
            headers: Vec::new(),
            in_flight_max: in_flight_max.max(1),
            key: generate_key(),
            stage: Stage::Upgrading,
            head: Vec::new(),
            waiting: VecDeque::with_capacity(in_flight_max.clamp(1, 1024)),
            frames: FrameReader::default(),
            masks: Masks::new(),
        }
    }

    /// Says these in the upgrade request too, such as `authorization`; without those that make
    /// it one.
    #[must_use]
    pub fn with_headers(mut self, headers: &[(String, String)]) -> Self {
        self.headers = headers.to_vec();
        self
    }

    /// Looks for this in every message that answers.
    #[must_use]
    pub fn expecting(mut self, expected: Expected) -> Self {
        self.frames.expected = expected;
        self
    }

    /// Reads the answer to the upgrade request; returns how much of `input` belonged to it.
    fn upgrade(&mut self, input: &[u8]) -> Result<usize, WireError> {
        let kept = self.head.len();
        self.head.extend_from_slice(input);
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut answer = Response::new(&mut headers);
        match answer.parse(&self.head) {
            Ok(Status::Complete(length)) => {
                check_upgrade(&answer, &self.head[length..], &self.key)?;
                self.head = Vec::new();
                self.stage = Stage::Open;
                Ok(length - kept)
            }
            Ok(Status::Partial) if self.head.len() <= HEAD_BYTES_MAX => Ok(input.len()),
            Ok(_) => Err(WireError::new("the answer to the upgrade request is too long")),
            Err(fault) => {
                let seen = beginning(&self.head);
                Err(WireError::new(format!("not an answer to an upgrade ({fault}): {seen}")))
            }
        }
    }
}

impl Wire for WsWire {
    fn open(&mut self, out: &mut Vec<u8>) {
        let mut more = self.run.map_or(String::new(), |run| format!("tailrace-run: {run}\r\n"));
        for (name, value) in &self.headers {
            more = more + name + ": " + value + "\r\n";
        }
        let request = format!(
            "GET {} HTTP/1.1\r\nhost: {}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: {}\r\n{more}\r\n",
            self.path, self.authority, self.key
        );
        out.extend_from_slice(request.as_bytes());
    }

    fn room(&self) -> usize {
        match self.stage {
            Stage::Open => self.in_flight_max.saturating_sub(self.waiting.len()),
            Stage::Upgrading | Stage::Closed => 0,
        }
    }

    fn encode(&mut self, request: &Request<'_>, key: u64, out: &mut Vec<u8>) {
        debug_assert!(self.room() > 0, "encode without room");
        // Text where it may be, since servers expect JSON as text.
        let is_text = std::str::from_utf8(request.body).is_ok();
        let opcode = if is_text { frames::TEXT } else { frames::BINARY };
        frames::write(opcode, request.body, &mut self.masks, out);
        self.waiting.push_back(key);
    }

    fn decode(
        &mut self,
        mut input: &[u8],
        out: &mut Vec<u8>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        if self.stage == Stage::Upgrading {
            let taken = self.upgrade(input)?;
            input = &input[taken..];
            if self.stage == Stage::Open {
                events.push(WireEvent::Ready);
            }
        }
        while !input.is_empty() && self.stage == Stage::Open {
            match self.frames.read(&mut input)? {
                Some(Said::Message(message, is_expected)) => {
                    let Some(key) = self.waiting.pop_front() else {
                        return Err(WireError::new("a message came without a request"));
                    };
                    events.push(WireEvent::answered(key, status(message), is_expected));
                }
                Some(Said::Ping(payload)) => {
                    frames::write(frames::PONG, payload, &mut self.masks, out);
                }
                Some(Said::Close(payload)) => {
                    frames::write(frames::CLOSE, payload, &mut self.masks, out);
                    self.stage = Stage::Closed;
                    events.push(WireEvent::Closing);
                }
                None => {}
            }
        }
        Ok(())
    }

    fn close(&mut self, _events: &mut Vec<WireEvent>) -> Result<(), WireError> {
        let stage = std::mem::replace(&mut self.stage, Stage::Closed);
        match stage {
            Stage::Upgrading => {
                let what = "the connection was closed before the upgrade was answered";
                Err(WireError::new(what))
            }
            Stage::Open if !self.frames.is_between() => {
                Err(WireError::new("the connection was closed in the middle of a message"))
            }
            Stage::Open | Stage::Closed => Ok(()),
        }
    }
}

/// How a message reads as a status: our own answers say it behind the sequence, anybody
/// else's message counts as 200.
fn status(message: &[u8]) -> u16 {
    let Some(rest) = message.strip_prefix(b"{\"seq\":") else { return 200 };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = &rest[digits..];
    if rest.starts_with(b",\"accepted\":") {
        return 202;
    }
    match rest.strip_prefix(b",\"status\":") {
        Some([a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..]) => {
            u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
        }
        _ => 200,
    }
}

fn check_upgrade(answer: &Response, rest: &[u8], key: &str) -> Result<(), WireError> {
    let status = answer.code.unwrap_or(0);
    if status != 101 {
        let seen = beginning(rest);
        let what = format!("the server answered the upgrade with status {status}: {seen}");
        return Err(WireError::new(what));
    }
    let mut fields = answer.headers.iter();
    let accept = fields.find(|field| field.name.eq_ignore_ascii_case("sec-websocket-accept"));
    if accept.is_none_or(|field| field.value != derive_accept_key(key.as_bytes()).as_bytes()) {
        let what = "Sec-WebSocket-Accept does not fit our key: not a WebSocket server";
        return Err(WireError::new(what));
    }
    Ok(())
}

fn beginning(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned()
}
