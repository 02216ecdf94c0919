//! Frames of answers: heads, data, and the end. Nothing of an answer is kept but its status, and
//! whether its body holds what is expected.
//! Read next: `control.rs`.

use tailrace_contract::{WireError, WireEvent};

use super::client::{Client, OpenBlock};
use super::control::{self, BLOCK_BYTES_MAX, WINDOW_BYTES, reason};
use super::frames::{self, Frame, flag, kind};
use super::hpack;

impl Client {
    pub(super) fn headers(
        &mut self,
        frame: &Frame<'_>,
        out: &mut Vec<u8>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        let mut block = frame.unpadded()?;
        if frame.has(flag::PRIORITY) {
            block = block.get(5..).ok_or_else(|| frame.wrong_length())?;
        }
        let (stream, is_end) = (frame.stream, frame.has(flag::END_STREAM));
        if frame.has(flag::END_HEADERS) {
            return self.block(stream, is_end, block, out, events);
        }
        self.open_block = Some(OpenBlock { stream, is_end, bytes: block.to_vec() });
        Ok(())
    }

    pub(super) fn continuation(
        &mut self,
        frame: &Frame<'_>,
        out: &mut Vec<u8>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        let open = self.open_block.take().filter(|open| open.stream == frame.stream);
        let Some(mut open) = open else {
            return Err(WireError::new("a header block goes on that was not open"));
        };
        // An empty piece adds no byte, but the next one may be empty too.
        self.reply()?;
        open.bytes.extend_from_slice(frame.payload);
        if open.bytes.len() > BLOCK_BYTES_MAX {
            let what = format!("the head of an answer is longer than {BLOCK_BYTES_MAX} bytes");
            return Err(WireError::new(what));
        }
        if frame.has(flag::END_HEADERS) {
            return self.block(open.stream, open.is_end, &open.bytes, out, events);
        }
        self.open_block = Some(open);
        Ok(())
    }

    /// A header block is complete: a head, an interim head, or trailers.
    fn block(
        &mut self,
        id: u32,
        is_end: bool,
        block: &[u8],
        out: &mut Vec<u8>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        let Some(stream) = self.streams.get_mut(id) else { return Ok(()) };
        if stream.status == 0 {
            if block != self.last_block.bytes {
                self.last_block.status = hpack::status(block)?;
                block.clone_into(&mut self.last_block.bytes);
            }
            let status = self.last_block.status;
            if status >= 200 {
                stream.status = status;
            } else if is_end {
                return Err(WireError::new(format!("an answer ends with the interim {status}")));
            }
        } else if !is_end {
            return Err(WireError::new("a second head in one answer"));
        }
        if is_end {
            self.answered(id, out, events);
        }
        Ok(())
    }

    pub(super) fn data(
        &mut self,
        frame: &Frame<'_>,
        out: &mut Vec<u8>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        let data = frame.unpadded()?;
        // Padding counts too.
        let length = frame.payload.len();
        self.received += length;
        if self.received > WINDOW_BYTES {
            return Err(WireError::new("the server sends more than our window allows"));
        }
        if self.received >= WINDOW_BYTES / 2 {
            control::write_window(0, self.received, out);
            self.received = 0;
        }
        let Some(stream) = self.streams.get_mut(frame.stream) else { return Ok(()) };
        if stream.status == 0 {
            return Err(WireError::new("an answer begins without a head"));
        }
        self.expected.look(&mut stream.matched, data);
        if frame.has(flag::END_STREAM) {
            self.answered(frame.stream, out, events);
            return Ok(());
        }
        stream.received += length;
        if stream.received >= WINDOW_BYTES / 2 {
            control::write_window(frame.stream, stream.received, out);
            stream.received = 0;
        }
        if length == 0 {
            self.reply()?;
        }
        Ok(())
    }

    /// The answer is complete. If the request is not, its rest is of no use any more.
    fn answered(&mut self, id: u32, out: &mut Vec<u8>, events: &mut Vec<WireEvent>) {
        let Some((stream, is_unsent)) = self.streams.close(id) else { return };
        if is_unsent {
            frames::write(kind::RST_STREAM, 0, id, &reason::CANCEL.to_be_bytes(), out);
        }
        self.replies = 0;
        let is_expected = self.expected.is_met(stream.matched);
        events.push(WireEvent::answered(stream.key, stream.status, is_expected));
    }
}
