//! Taking answers apart, however the bytes are cut: heads are kept until complete, bodies are only
//! counted, and searched where a text is expected. Knows nothing of requests but whether the answer is
//! one to HEAD. Read next: `server.rs` for the other half.

use std::mem::MaybeUninit;

use httparse::{ParserConfig, Response, Status};
use tailrace_contract::{Expected, Matched, WireError};

/// Bytes of one answer's head, and of one line within a chunked body. Servers in the wild
/// stay far below; beyond it something else is talking.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Behind the data of a chunk.
const LINE_END_BYTES: u64 = 2;
/// Headers of one answer.
const HEADERS_MAX: usize = 128;

/// What a call to [`AnswerReader::read`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Nothing to tell yet.
    Incomplete,
    /// This answer is the last one of the connection; its end follows.
    LastAnswer,
    /// An answer is complete.
    End(Whole),
}

/// A complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) status: u16,
    /// Whether its body holds what was expected.
    pub(crate) is_expected: bool,
}

/// Where the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    Counted {
        left: u64,
    },
    ChunkSize,
    /// Data with the line end behind it.
    Chunk {
        left: u64,
    },
    Trailer,
    UntilClose,
    /// The head was all. A place of its own so that `LastAnswer` can be told before.
    Complete,
}

#[derive(Debug)]
pub(crate) struct AnswerReader {
    place: Place,
    status: u16,
    /// The last whole head and what it said: servers repeat themselves, and comparing bytes costs
    /// a tenth of parsing them.
    last: Option<(Vec<u8>, Head)>,
    /// The beginning of a head or line that is not complete yet.
    partial: Vec<u8>,
    /// What bodies must hold.
    pub(crate) expected: Expected,
    matched: Matched,
}

impl Default for AnswerReader {
    fn default() -> Self {
        Self {
            place: Place::Head,
            status: 0,
            last: None,
            partial: Vec::new(),
            expected: Expected::default(),
            matched: Matched::default(),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Head {
    bytes: usize,
    status: u16,
    place: Place,
    is_last: bool,
}

impl AnswerReader {
    /// Consumes a part of `input` (which must not be empty) and says what it came to.
    pub(crate) fn read(&mut self, input: &mut &[u8], to_head: bool) -> Result<Piece, WireError> {
        match self.place {
            Place::Head => return self.read_head(input, to_head),
            Place::Counted { left } => {
                let taken = take(input, left);
                self.expected.look(&mut self.matched, taken);
                let left = left - taken.len() as u64;
                self.place = if left == 0 { Place::Complete } else { Place::Counted { left } };
            }
            Place::Chunk { left } => {
                let taken = take(input, left);
                let data = left.saturating_sub(LINE_END_BYTES).min(taken.len() as u64);
                self.expected.look(&mut self.matched, &taken[..data as usize]);
                let left = left - taken.len() as u64;
                self.place = if left == 0 { Place::ChunkSize } else { Place::Chunk { left } };
            }
            Place::ChunkSize => {
                if let Some(line) = self.line(input)? {
                    self.place = after_chunk_size(&line)?;
                }
            }
            Place::Trailer => {
                if self.line(input)?.is_some_and(|line| line.is_empty()) {
                    self.place = Place::Complete;
                }
            }
            Place::UntilClose => self.expected.look(&mut self.matched, std::mem::take(input)),
            Place::Complete => {}
        }
        Ok(self.end())
    }

    /// The answer, if it is complete.
    pub(crate) fn end(&mut self) -> Piece {
        if self.place != Place::Complete {
            return Piece::Incomplete;
        }
        self.place = Place::Head;
        Piece::End(self.whole())
    }

    fn whole(&self) -> Whole {
        Whole { status: self.status, is_expected: self.expected.is_met(self.matched) }
    }

    /// The peer closed: an answer that ends with the connection.
    pub(crate) fn close(&mut self) -> Result<Option<Whole>, WireError> {
        match self.place {
            Place::UntilClose => {
                self.place = Place::Head;
                Ok(Some(self.whole()))
            }
            Place::Head if self.partial.is_empty() => Ok(None),
            place => {
                let at = match place {
                    Place::Head => "in its head".into(),
                    Place::Counted { left } => format!("{left} bytes of its body were to come"),
                    _ => "its last chunk was to come".into(),
                };
                let what = "the connection was closed in the middle of an answer";
                Err(WireError::new(format!("{what}: {at}")))
            }
        }
    }

    fn read_head(&mut self, input: &mut &[u8], to_head: bool) -> Result<Piece, WireError> {
        let kept = self.partial.len();
        let head = if kept == 0 {
            self.known_head(input, to_head)?
        } else {
            self.partial.extend_from_slice(&input[..input.len().min(HEAD_BYTES_MAX)]);
            // A head ends with a line end: without one there is nothing new to parse. This
            // keeps a head that comes byte by byte from being parsed at every byte.
            let has_line_end = self.partial[kept..].contains(&b'\n');
            if has_line_end { parse_head(&self.partial, to_head)? } else { None }
        };
        let Some(head) = head else { return self.keep(input, kept) };
        *input = &input[head.bytes - kept..];
        self.partial.clear();
        if head.status < 200 {
            // An interim answer; the real one follows.
            return Ok(Piece::Incomplete);
        }
        (self.status, self.place) = (head.status, head.place);
        self.matched = Matched::default();
        Ok(if head.is_last { Piece::LastAnswer } else { self.end() })
    }

    /// The head at the beginning of `input`, not parsed again if it is the one before, byte for
    /// byte: a head says itself where it ends.
    fn known_head(&mut self, input: &[u8], to_head: bool) -> Result<Option<Head>, WireError> {
        // What answers to HEAD announce does not follow, so their heads mean something else.
        if !to_head
            && let Some((bytes, head)) = &self.last
            && input.starts_with(bytes)
        {
            return Ok(Some(*head));
        }
        let head = parse_head(input, to_head)?;
        if let Some(head) = head.filter(|_| !to_head) {
            let (bytes, known) = self.last.get_or_insert_with(|| (Vec::new(), head));
            bytes.clear();
            bytes.extend_from_slice(&input[..head.bytes]);
            *known = head;
        }
        Ok(head)
    }

    /// Keeps an incomplete head. `kept` bytes had been kept before `input` was appended.
    fn keep(&mut self, input: &mut &[u8], kept: usize) -> Result<Piece, WireError> {
        if kept == 0 {
            self.partial.extend_from_slice(input);
        }
        *input = &[];
        if self.partial.len() > HEAD_BYTES_MAX {
            return Err(WireError::new(format!(
                "the head of an answer is longer than {HEAD_BYTES_MAX} bytes"
            )));
        }
        Ok(Piece::Incomplete)
    }

    /// One line without its end, once it is complete.
    fn line(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let end = input.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(input.len(), |at| at + 1);
        self.partial.extend_from_slice(&input[..taken]);
        *input = &input[taken..];
        if self.partial.len() > HEAD_BYTES_MAX {
            let what = "a line of a chunked body is too long";
            return Err(WireError::new(what));
        }
        if end.is_none() {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.partial);
        line.pop();
        line.pop_if(|byte| *byte == b'\r');
        Ok(Some(line))
    }
}

/// Takes up to `left` bytes from the input.
fn take<'i>(input: &mut &'i [u8], left: u64) -> &'i [u8] {
    let (taken, rest) = input.split_at(left.min(input.len() as u64) as usize);
    *input = rest;
    taken
}

fn after_chunk_size(line: &[u8]) -> Result<Place, WireError> {
    let digits = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    let size = std::str::from_utf8(digits)
        .ok()
        .filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|text| u64::from_str_radix(text, 16).ok())
        .and_then(|size| if size == 0 { Some(0) } else { size.checked_add(LINE_END_BYTES) })
        .ok_or_else(|| broken("a chunk's size", line))?;
    Ok(if size == 0 { Place::Trailer } else { Place::Chunk { left: size } })
}

fn broken(what: &str, seen: &[u8]) -> WireError {
    let seen = String::from_utf8_lossy(&seen[..seen.len().min(40)]);
    WireError::new(format!("{what} is broken: {seen:?}"))
}

/// The head at the beginning of `bytes`, if it is complete.
fn parse_head(bytes: &[u8], to_head: bool) -> Result<Option<Head>, WireError> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut answer = Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(
        &mut answer,
        bytes,
        &mut headers,
    );
    match parsed {
        Ok(Status::Complete(length)) => read_fields(&answer, length, to_head).map(Some),
        Ok(Status::Partial) => Ok(None),
        Err(fault) => Err(broken(&format!("the head of an answer ({fault})"), bytes)),
    }
}

fn read_fields(answer: &Response, bytes: usize, to_head: bool) -> Result<Head, WireError> {
    let status = answer.code.unwrap_or(0);
    if status == 101 {
        return Err(WireError::new("the server switched protocols (101) without being asked"));
    }
    let mut length = None;
    let (mut is_chunked, mut has_coding) = (false, false);
    let mut is_last = answer.version == Some(0);
    for field in &*answer.headers {
        if field.name.eq_ignore_ascii_case("content-length") {
            let stated = content_length(field.value)?;
            if length.is_some_and(|earlier| earlier != stated) {
                return Err(broken("a second, other content-length", field.value));
            }
            length = Some(stated);
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            has_coding = true;
            is_chunked = last_token_is(field.value, b"chunked");
        } else if field.name.eq_ignore_ascii_case("connection") {
            is_last = (is_last && !has_token(field.value, b"keep-alive"))
                || has_token(field.value, b"close");
        }
    }
    // The order of RFC 9112, section 6.3.
    let place = if to_head || status < 200 || matches!(status, 204 | 304) {
        Place::Complete
    } else if is_chunked {
        Place::ChunkSize
    } else {
        match length {
            Some(0) if !has_coding => Place::Complete,
            Some(left) if !has_coding => Place::Counted { left },
            _ => Place::UntilClose,
        }
    };
    is_last |= place == Place::UntilClose;
    Ok(Head { bytes, status, place, is_last })
}

fn content_length(value: &[u8]) -> Result<u64, WireError> {
    std::str::from_utf8(value)
        .ok()
        .map(str::trim)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| broken("a content-length", value))
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

fn has_token(value: &[u8], token: &[u8]) -> bool {
    tokens(value).any(|seen| seen.eq_ignore_ascii_case(token))
}

fn last_token_is(value: &[u8], token: &[u8]) -> bool {
    tokens(value).last().is_some_and(|seen| seen.eq_ignore_ascii_case(token))
}
