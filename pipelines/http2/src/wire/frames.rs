//! Frames (RFC 9113, sections 4 and 6): nine bytes in front, then the payload. Frames that come
//! in one piece, as nearly all do, are not copied. What they mean is not known here. Read next:
//! `streams.rs`.

use tailrace_contract::WireError;

/// What every client says first, before its first frame.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes in front of a payload.
pub(super) const HEAD_BYTES: usize = 9;
/// The largest payload that we take, the protocol's default: we never announce another.
pub(super) const PAYLOAD_BYTES_MAX: usize = 16_384;

/// What a frame is.
pub(super) mod kind {
    pub(in crate::wire) const DATA: u8 = 0;
    pub(in crate::wire) const HEADERS: u8 = 1;
    pub(in crate::wire) const RST_STREAM: u8 = 3;
    pub(in crate::wire) const SETTINGS: u8 = 4;
    pub(in crate::wire) const PUSH_PROMISE: u8 = 5;
    pub(in crate::wire) const PING: u8 = 6;
    pub(in crate::wire) const GOAWAY: u8 = 7;
    pub(in crate::wire) const WINDOW_UPDATE: u8 = 8;
    pub(in crate::wire) const CONTINUATION: u8 = 9;
}

/// What its flags say.
pub(super) mod flag {
    pub(in crate::wire) const END_STREAM: u8 = 1;
    pub(in crate::wire) const ACK: u8 = 1;
    pub(in crate::wire) const END_HEADERS: u8 = 4;
    pub(in crate::wire) const PADDED: u8 = 8;
    pub(in crate::wire) const PRIORITY: u8 = 32;
}

/// One frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'b> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// 0 for frames of the whole connection.
    pub(super) stream: u32,
    pub(super) payload: &'b [u8],
}

impl<'b> Frame<'b> {
    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The payload without its padding.
    pub(super) fn unpadded(&self) -> Result<&'b [u8], WireError> {
        if !self.has(flag::PADDED) {
            return Ok(self.payload);
        }
        let (&padding, rest) =
            self.payload.split_first().ok_or_else(|| WireError::new("padding without length"))?;
        let length = rest.len().checked_sub(usize::from(padding));
        length.map(|length| &rest[..length]).ok_or_else(|| {
            WireError::new(format!("{padding} bytes of padding in a frame of {}", rest.len()))
        })
    }

    /// Four bytes as a number, if that is all there is. The highest bit is reserved.
    pub(super) fn number(&self) -> Result<u32, WireError> {
        let bytes = self.payload.try_into().map_err(|_| self.wrong_length())?;
        Ok(u32::from_be_bytes(bytes))
    }

    pub(super) fn wrong_length(&self) -> WireError {
        let (kind, length) = (self.kind, self.payload.len());
        WireError::new(format!("a frame of kind {kind} has {length} bytes, which it cannot have"))
    }
}

/// Appends a frame's head.
pub(super) fn write_head(length: usize, kind: u8, flags: u8, stream: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&(length as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
}

/// Appends a frame.
pub(super) fn write(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    write_head(payload.len(), kind, flags, stream, out);
    out.extend_from_slice(payload);
}

/// Appends a header block: one frame, or several where it is longer than one may be.
pub(super) fn write_block(
    end_stream: u8,
    stream: u32,
    block: &[u8],
    frame_bytes_max: usize,
    out: &mut Vec<u8>,
) {
    if block.len() <= frame_bytes_max {
        return write(kind::HEADERS, flag::END_HEADERS | end_stream, stream, block, out);
    }
    let mut pieces = block.chunks(frame_bytes_max).peekable();
    let mut kind_and_flags = (kind::HEADERS, end_stream);
    while let Some(piece) = pieces.next() {
        let end = if pieces.peek().is_none() { flag::END_HEADERS } else { 0 };
        write(kind_and_flags.0, kind_and_flags.1 | end, stream, piece, out);
        kind_and_flags = (kind::CONTINUATION, 0);
    }
}

/// Finds frames in bytes that come in pieces.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    /// The beginning of a frame that is not complete.
    partial: Vec<u8>,
}

impl FrameReader {
    /// Hands every complete frame to `each`, and keeps what remains.
    pub(super) fn read(
        &mut self,
        mut input: &[u8],
        mut each: impl FnMut(Frame<'_>) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        while !input.is_empty() {
            if self.partial.is_empty() {
                let Some(length) = whole(input)? else {
                    self.partial.extend_from_slice(input);
                    return Ok(());
                };
                each(frame(&input[..length]))?;
                input = &input[length..];
                continue;
            }
            self.complete(&mut input)?;
            if let Some(length) = whole(&self.partial)? {
                let result = each(frame(&self.partial[..length]));
                self.partial.clear();
                result?;
            }
        }
        Ok(())
    }

    /// Adds what the kept beginning lacks: first of the head, then of the payload.
    fn complete(&mut self, input: &mut &[u8]) -> Result<(), WireError> {
        if self.partial.len() < HEAD_BYTES {
            self.add(HEAD_BYTES, input);
        }
        if self.partial.len() >= HEAD_BYTES {
            self.add(length(&self.partial)?, input);
        }
        Ok(())
    }

    fn add(&mut self, up_to: usize, input: &mut &[u8]) {
        let (taken, rest) = input.split_at(input.len().min(up_to - self.partial.len()));
        self.partial.extend_from_slice(taken);
        *input = rest;
    }

    /// Whether nothing is kept.
    pub(super) fn is_between(&self) -> bool {
        self.partial.is_empty()
    }
}

/// Bytes of the frame whose head stands at the beginning.
fn length(bytes: &[u8]) -> Result<usize, WireError> {
    if bytes.starts_with(b"HTTP/1.") {
        let what = "the server answers in HTTP/1.1: it does not speak HTTP/2 by prior knowledge";
        return Err(WireError::new(what));
    }
    let payload = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) as usize;
    if payload > PAYLOAD_BYTES_MAX {
        let what = format!("a frame of {payload} bytes, where {PAYLOAD_BYTES_MAX} are allowed");
        return Err(WireError::new(what));
    }
    Ok(HEAD_BYTES + payload)
}

/// Bytes of the first frame, if it is complete.
fn whole(bytes: &[u8]) -> Result<Option<usize>, WireError> {
    if bytes.len() < HEAD_BYTES {
        return Ok(None);
    }
    length(bytes).map(|length| (bytes.len() >= length).then_some(length))
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    let stream = u32::from_be_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]) & 0x7fff_ffff;
    Frame { kind: bytes[3], flags: bytes[4], stream, payload: &bytes[HEAD_BYTES..] }
}
