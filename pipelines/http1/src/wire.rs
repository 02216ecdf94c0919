//! The client half: a lean HTTP/1.1 client without I/O. Writing a request is mostly copying,
//! because the head of the last request is kept; reading an answer looks at its head and
//! counts its body down without keeping it. It has no redirects, no cookies, no compression.
//! Read next: `reader.rs`, which takes answers apart.

use std::collections::VecDeque;
use std::fmt;

use tailrace_contract::{Expected, Request, Wire, WireError, WireEvent};

use crate::reader::{AnswerReader, Piece, Whole};

/// One connection's client half. There is no handshake: requests may be encoded at once.
#[derive(Debug)]
pub struct Http1Wire {
    authority: String,
    depth: usize,
    /// Requests without an answer, oldest first: answers come in this order.
    waiting: VecDeque<Waiting>,
    head: CachedHead,
    reader: AnswerReader,
    is_closing: bool,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    key: u64,
    /// Answers to HEAD have no body whatever their head says.
    is_head: bool,
}

impl Http1Wire {
    /// A wire for `authority` (`host` or `host:port`, as the `host` header says it) on which
    /// at most `pipeline_depth` requests (at least 1) wait for their answer.
    pub fn new(authority: &str, pipeline_depth: usize) -> Self {
        Self {
            authority: authority.to_owned(),
            depth: pipeline_depth.max(1),
            waiting: VecDeque::with_capacity(pipeline_depth.clamp(1, 1024)),
            head: CachedHead::default(),
            reader: AnswerReader::default(),
            is_closing: false,
        }
    }

    /// Shows this in every request: the value of an `authorization` header.
    #[must_use]
    pub fn with_authorization(mut self, value: Option<String>) -> Self {
        self.head.authorization = value;
        self
    }

    /// Looks for this in the body of every answer.
    #[must_use]
    pub fn expecting(mut self, expected: Expected) -> Self {
        self.reader.expected = expected;
        self
    }

    fn answered(&mut self, answer: Whole, events: &mut Vec<WireEvent>) -> Result<(), WireError> {
        let Whole { status, is_expected } = answer;
        let Some(Waiting { key, .. }) = self.waiting.pop_front() else {
            return Err(WireError::new(format!(
                "an answer with status {status} came without a request"
            )));
        };
        events.push(WireEvent::answered(key, status, is_expected));
        Ok(())
    }
}

impl Wire for Http1Wire {
    fn open(&mut self, _out: &mut Vec<u8>) {}

    fn room(&self) -> usize {
        if self.is_closing { 0 } else { self.depth.saturating_sub(self.waiting.len()) }
    }

    fn encode(&mut self, request: &Request<'_>, key: u64, out: &mut Vec<u8>) {
        debug_assert!(self.room() > 0, "encode without room");
        self.head.prepare(request, &self.authority);
        out.reserve(self.head.bytes.len() + request.body.len() + 32);
        out.extend_from_slice(&self.head.bytes);
        if self.head.has_body || !request.body.is_empty() {
            out.extend_from_slice(b"content-length: ");
            out.extend_from_slice(itoa::Buffer::new().format(request.body.len()).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(request.body);
        self.waiting.push_back(Waiting { key, is_head: self.head.method == "HEAD" });
    }

    fn decode(
        &mut self,
        mut input: &[u8],
        _out: &mut Vec<u8>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        while !input.is_empty() {
            let is_head = self.waiting.front().is_some_and(|request| request.is_head);
            match self.reader.read(&mut input, is_head)? {
                Piece::Incomplete => {}
                Piece::LastAnswer => {
                    self.is_closing = true;
                    events.push(WireEvent::Closing);
                    // Without a body it ends here, and no byte may follow to say so.
                    if let Piece::End(answer) = self.reader.end() {
                        self.answered(answer, events)?;
                    }
                }
                Piece::End(answer) => self.answered(answer, events)?,
            }
        }
        Ok(())
    }

    fn close(&mut self, events: &mut Vec<WireEvent>) -> Result<(), WireError> {
        self.is_closing = true;
        match self.reader.close()? {
            Some(answer) => self.answered(answer, events),
            None => Ok(()),
        }
    }
}

/// The head of the last request up to its length, for the next one that looks alike.
#[derive(Default)]
struct CachedHead {
    bytes: Vec<u8>,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    /// Said with every request.
    authorization: Option<String>,
    /// A length of 0 is said for methods that usually have a body.
    has_body: bool,
}

impl CachedHead {
    fn prepare(&mut self, request: &Request<'_>, authority: &str) {
        if !self.fits(request) {
            self.build(request, authority);
        }
    }

    fn fits(&self, request: &Request<'_>) -> bool {
        !self.bytes.is_empty()
            && self.method == request.method
            && self.target == request.target
            && self.headers == request.headers
    }

    fn build(&mut self, request: &Request<'_>, authority: &str) {
        request.method.clone_into(&mut self.method);
        request.target.clone_into(&mut self.target);
        request.headers.clone_into(&mut self.headers);
        self.has_body = !matches!(request.method, "GET" | "HEAD" | "DELETE" | "OPTIONS" | "TRACE");
        self.bytes.clear();
        let (method, target) = (request.method, request.target);
        let line = format!("{method} {target} HTTP/1.1\r\nhost: {authority}\r\n");
        self.bytes.extend_from_slice(line.as_bytes());
        for (name, value) in request.headers {
            self.bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if let Some(value) = &self.authorization {
            self.bytes.extend_from_slice(format!("authorization: {value}\r\n").as_bytes());
        }
    }
}

/// Never shows headers: a key may be among them.
impl fmt::Debug for CachedHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, target, .. } = self;
        f.debug_struct("CachedHead")
            .field("method", method)
            .field("target", target)
            .finish_non_exhaustive()
    }
}
