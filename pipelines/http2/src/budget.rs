//! Counts the frames of a client as their bytes pass, and says when they are a flood. h2 bounds
//! what its own queues may hold; it does not bound how often a client may ask for nothing: ping,
//! change its settings, open a window by one byte, reset what it has just opened. It looks at
//! the nine bytes before each frame and at nothing behind them. Read next: `socket.rs`.

use std::time::Instant;

use crate::greeting::PREFACE;
use crate::server::Limits;

/// The client's first bytes are no frame.
const PREFACE_BYTES: u32 = PREFACE.len() as u32;
const HEAD_BYTES: usize = 9;
/// A piece of a body shorter than this costs more than it brings: it counts as a frame without
/// data. The last piece of a body may be as short as it likes.
const PIECE_BYTES_MIN: u32 = 256;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What one connection may still send.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    control: u32,
    resets: u32,
    /// The budgets were full.
    full_at: Instant,
    head: [u8; HEAD_BYTES],
    head_filled: usize,
    /// Bytes of the frame at hand that have not passed yet.
    left: u32,
    in_header_block: bool,
    frames: u64,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            control: limits.control_frames_max,
            resets: limits.resets_max,
            full_at: Instant::now(),
            head: [0; HEAD_BYTES],
            head_filled: 0,
            left: PREFACE_BYTES,
            in_header_block: false,
            frames: 0,
        }
    }

    /// Takes note of bytes that were read. False when they are too much.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.left > 0 {
                let taken = (self.left as usize).min(bytes.len());
                bytes = &bytes[taken..];
                self.left -= taken as u32;
                continue;
            }
            let taken = (HEAD_BYTES - self.head_filled).min(bytes.len());
            let (begin, rest) = bytes.split_at(taken);
            self.head[self.head_filled..][..taken].copy_from_slice(begin);
            self.head_filled += taken;
            bytes = rest;
            if self.head_filled == HEAD_BYTES {
                self.head_filled = 0;
                if !self.frame() {
                    return false;
                }
            }
        }
        true
    }

    /// Frames whose head has passed; of a header block when its last one has.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether a frame or a header block has begun and not ended.
    pub(crate) fn is_partial(&self) -> bool {
        self.left > 0 || self.head_filled > 0 || self.in_header_block
    }

    /// A frame's head is complete.
    fn frame(&mut self) -> bool {
        let [a, b, c, kind, flags, ..] = self.head;
        self.left = u32::from_be_bytes([0, a, b, c]);
        if matches!(kind, HEADERS | CONTINUATION) {
            self.in_header_block = flags & END_HEADERS == 0;
        }
        self.frames += u64::from(!self.in_header_block);
        match kind {
            HEADERS => {
                let earned = self.control + Limits::CONTROL_FRAMES_A_REQUEST;
                self.control = earned.min(self.limits.control_frames_max);
                true
            }
            DATA if flags & END_STREAM != 0 || self.left >= PIECE_BYTES_MIN => true,
            RST_STREAM => self.spend(|budget| &mut budget.resets),
            _ => self.spend(|budget| &mut budget.control),
        }
    }

    /// The clock is asked only when a budget is empty.
    fn spend(&mut self, which: impl Fn(&mut Self) -> &mut u32) -> bool {
        if *which(self) == 0 && self.full_at.elapsed() >= Limits::BUDGET_PERIOD {
            self.full_at = Instant::now();
            self.control = self.limits.control_frames_max;
            self.resets = self.limits.resets_max;
        }
        let budget = which(self);
        let Some(less) = budget.checked_sub(1) else { return false };
        *budget = less;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: fn() -> Limits =
        || Limits { control_frames_max: 20, resets_max: 3, ..Limits::default() };

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let [_, a, b, c] = (payload as u32).to_be_bytes();
        [&[a, b, c, kind, flags, 0, 0, 0, 1][..], &vec![0xff; payload]].concat()
    }

    /// Whether the last of these frames is refused and none before, however they are cut.
    fn check(frames: &[Vec<u8>], refused: bool) {
        let bytes = [vec![b'P'; PREFACE_BYTES as usize], frames.concat()].concat();
        let last = frames.last().map_or(0, Vec::len);
        for piece in [1, 5, 9, 1_000_000] {
            let mut budget = Budget::new(LIMITS());
            let (before, at_last) = bytes.split_at(bytes.len() - last);
            assert!(before.chunks(piece).all(|piece| budget.pass(piece)), "{piece}: too early");
            let all = at_last.chunks(piece).all(|piece| budget.pass(piece));
            assert_eq!(all, !refused, "{piece}");
            assert!(refused || !budget.is_partial());
        }
    }

    #[test]
    fn frames_that_serve_nothing_run_out() {
        for kind in [2, 4, 6, 8, 200] {
            check(&vec![frame(kind, 0, 8); 20], false);
            check(&vec![frame(kind, 0, 8); 21], true);
        }
        check(&vec![frame(DATA, 0, 0); 21], true);
        check(&vec![frame(DATA, 0, 255); 21], true);
        check(&vec![frame(RST_STREAM, 0, 4); 3], false);
        check(&vec![frame(RST_STREAM, 0, 4); 4], true);
    }

    #[test]
    fn requests_pay_for_a_few_frames() {
        let served = [frame(HEADERS, END_HEADERS, 30), frame(DATA, END_STREAM, 3)];
        let with_updates = [&served[..], &vec![frame(8, 0, 4); 8]].concat().concat();
        check(&vec![with_updates; 100], false);
        check(&vec![frame(DATA, 0, 256); 100], false);
        let resets = [frame(HEADERS, END_HEADERS, 30), frame(RST_STREAM, 0, 4)];
        check(&[&vec![resets.concat(); 3][..], &resets].concat(), true);
    }

    #[test]
    fn an_open_header_block_is_partial() {
        let mut budget = Budget::new(LIMITS());
        assert!(budget.is_partial() && budget.pass(&[b'P'; PREFACE_BYTES as usize]));
        assert!(!budget.is_partial());
        assert!(budget.pass(&frame(HEADERS, 0, 5)) && budget.is_partial());
        assert_eq!(budget.frames(), 0);
        assert!(budget.pass(&frame(CONTINUATION, END_HEADERS, 5)) && !budget.is_partial());
        assert_eq!(budget.frames(), 1);
        assert!(budget.pass(&frame(DATA, 0, 300)[..20]) && budget.is_partial());
    }

    #[test]
    fn budgets_fill_again_with_time() {
        let mut budget = Budget::new(LIMITS());
        assert!(budget.pass(&[b'P'; PREFACE_BYTES as usize]));
        assert!(budget.pass(&frame(6, 0, 8).repeat(20)));
        budget.full_at -= Limits::BUDGET_PERIOD;
        assert!(budget.pass(&frame(6, 0, 8).repeat(20)));
        assert!(!budget.pass(&frame(6, 0, 8)));
    }
}
