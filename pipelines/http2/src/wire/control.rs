//! Frames about the connection and its streams: settings, windows, pings, resets, farewells.
//! Also what the client itself says first. Read next: `streams.rs`.

use tailrace_contract::{WireError, WireEvent};

use super::client::Client;
use super::frames::{self, Frame, flag, kind};

/// Bytes of answers that the server may send before it must wait, on a stream and on the
/// connection: far above any answer of ours, so that no answer waits for a window.
pub(super) const WINDOW_BYTES: usize = 1 << 20;
/// The protocol's default, which the connection's window begins with.
const WINDOW_BYTES_AT_FIRST: usize = 65_535;
/// Bytes of an answer's header block.
pub(super) const BLOCK_BYTES_MAX: usize = 64 << 10;

/// Settings (RFC 9113, section 6.5.2).
mod setting {
    pub(super) const HEADER_TABLE_SIZE: u16 = 1;
    pub(super) const ENABLE_PUSH: u16 = 2;
    pub(super) const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
    pub(super) const MAX_FRAME_SIZE: u16 = 5;
    pub(super) const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// Reasons to end a stream or connection (RFC 9113, section 7).
pub(super) mod reason {
    pub(super) const NO_ERROR: u32 = 0;
    pub(in crate::wire) const CANCEL: u32 = 8;
    pub(super) const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
}

/// The client's first bytes.
pub(super) fn open(out: &mut Vec<u8>) {
    out.extend_from_slice(frames::PREFACE);
    let settings = [
        (setting::HEADER_TABLE_SIZE, 0),
        (setting::ENABLE_PUSH, 0),
        (setting::INITIAL_WINDOW_SIZE, WINDOW_BYTES as u32),
        (setting::MAX_HEADER_LIST_SIZE, BLOCK_BYTES_MAX as u32),
    ];
    frames::write_head(settings.len() * 6, kind::SETTINGS, 0, 0, out);
    for (id, value) in settings {
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
    write_window(0, WINDOW_BYTES - WINDOW_BYTES_AT_FIRST, out);
}

impl Client {
    pub(super) fn window_update(
        &mut self,
        frame: &Frame<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        match (frame.stream, frame.number()? & 0x7fff_ffff) {
            (_, 0) => Err(WireError::new("a window is opened by nothing")),
            (0, bytes) => self.streams.open_window(bytes, out),
            (stream, bytes) => self.streams.open_stream_window(stream, bytes, out),
        }
    }

    pub(super) fn settings(
        &mut self,
        frame: &Frame<'_>,
        out: &mut Vec<u8>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        let (settings, rest) = frame.payload.as_chunks::<6>();
        if !rest.is_empty() || (frame.has(flag::ACK) && !settings.is_empty()) {
            return Err(frame.wrong_length());
        }
        if frame.has(flag::ACK) {
            return Ok(());
        }
        self.reply()?;
        frames::write(kind::SETTINGS, flag::ACK, 0, &[], out);
        for &[a, b, c, d, e, f] in settings {
            self.set(u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]), out)?;
        }
        if !self.is_ready {
            self.is_ready = true;
            events.push(WireEvent::Ready);
        }
        Ok(())
    }

    fn set(&mut self, id: u16, value: u32, out: &mut Vec<u8>) -> Result<(), WireError> {
        match id {
            setting::HEADER_TABLE_SIZE => self.head.limit_table(value as usize),
            setting::MAX_CONCURRENT_STREAMS => self.streams_max = value as usize,
            setting::INITIAL_WINDOW_SIZE => return self.streams.set_window(value, out),
            setting::MAX_FRAME_SIZE => return self.streams.set_frame_bytes(value),
            // What concerns pushes is the server's own affair, and so is what is unknown.
            _ => {}
        }
        Ok(())
    }

    pub(super) fn ping(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Result<(), WireError> {
        if frame.payload.len() != 8 {
            return Err(frame.wrong_length());
        }
        if !frame.has(flag::ACK) {
            self.reply()?;
            frames::write(kind::PING, flag::ACK, 0, frame.payload, out);
        }
        Ok(())
    }

    pub(super) fn reset(
        &mut self,
        frame: &Frame<'_>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        let reason = frame.number()?;
        // One that was answered already may still be reset: the server wants no more of it.
        if let Some((stream, _)) = self.streams.close(frame.stream) {
            let why = format!("the server reset a request's stream: {}", name(reason));
            events.push(WireEvent::Unanswered { key: stream.key, why });
        }
        Ok(())
    }

    pub(super) fn go_away(
        &mut self,
        frame: &Frame<'_>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        let Some((fixed, debug)) = frame.payload.split_first_chunk::<8>() else {
            return Err(frame.wrong_length());
        };
        let fixed = u64::from_be_bytes(*fixed);
        let (last, reason) = ((fixed >> 32) as u32 & 0x7fff_ffff, fixed as u32);
        if reason != reason::NO_ERROR {
            let debug = String::from_utf8_lossy(debug);
            self.farewell = Some(format!("{} {debug:.80}", name(reason)).trim_end().to_owned());
        }
        self.take_no_more(events);
        while let Some(stream) = self.streams.close_above(last) {
            events.push(WireEvent::Untouched { key: stream.key });
        }
        Ok(())
    }
}

/// Gives a window back; that of the connection is stream 0's.
pub(super) fn write_window(stream: u32, bytes: usize, out: &mut Vec<u8>) {
    frames::write(kind::WINDOW_UPDATE, 0, stream, &(bytes as u32).to_be_bytes(), out);
}

fn name(reason: u32) -> String {
    let known = reason::NAMES.get(reason as usize);
    known.map_or_else(|| format!("reason {reason}"), |&name| name.to_owned())
}
