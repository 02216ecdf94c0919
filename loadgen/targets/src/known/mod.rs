//! Servers of known behaviour: when each answer is given follows from a rule that is written
//! down as arithmetic (`tailrace_measure::known`), so that what a generator should measure can
//! be computed. They are exact to some ten microseconds, which no runtime's timer is: one
//! thread, an epoll set, and a heap of answers that are not due yet. One that stays awake is exact
//! to a few: it never waits for a timer or a wake-up, and needs a core for itself.
//!
//! They read as much of a protocol as it takes to find requests and their sequence, and refuse
//! the rest by hanging up. Whoever asks is told when each answer was given (`records.rs`). Read
//! `event_loop.rs` first, then `http1.rs`.

mod connection;
mod event_loop;
mod http1;
mod http2;
mod records;
mod ws;

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use tailrace_measure::clock::Stamp;
use tailrace_measure::known::{Behaviour, Kind};

use crate::Protocol;

/// A server of known behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// What it speaks.
    pub protocol: Protocol,
    /// When it answers.
    pub behaviour: Behaviour,
    /// Whether it polls without sleeping for as long as somebody is connected.
    pub awake: bool,
}

/// Behind the name of one that stays awake.
pub const AWAKE: &str = "+awake";

impl Known {
    /// By name: `known-http1-freeze`, or `known-http1-freeze@4000`, where what repeats is aligned
    /// to so many milliseconds of the monotonic clock; each with `+awake` behind it, if it is to
    /// stay awake.
    pub fn find(name: &str) -> Option<Self> {
        let rest = name.strip_prefix("known-")?;
        let (rest, awake) = match rest.strip_suffix(AWAKE) {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (rest, from_ms) = match rest.split_once('@') {
            Some((rest, from)) => (rest, from.parse().ok()?),
            None => (rest, 0u64),
        };
        let (protocol, kind) = rest.split_once('-')?;
        let from = Stamp(from_ms.checked_mul(1_000_000)?);
        let behaviour = Behaviour { kind: Kind::find(kind)?, from };
        Some(Self { protocol: Protocol::find(protocol)?, behaviour, awake })
    }

    /// Serves on the calling thread for as long as the process lives.
    ///
    /// # Errors
    /// The listener or the kernel's event queue failed.
    pub fn serve(self, listener: TcpListener) -> io::Result<Infallible> {
        event_loop::EventLoop::new(self, listener)?.run()
    }

    fn session(self) -> Box<dyn Session> {
        match self.protocol {
            Protocol::Http1 => Box::new(http1::Http1),
            Protocol::Http2 => Box::new(http2::Http2::default()),
            Protocol::Ws => Box::new(ws::Ws::default()),
        }
    }
}

/// A request that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    /// As its body says.
    sequence: Option<u64>,
    /// What its answer must carry, where answers need not come in order.
    stream: u32,
}

/// How the answers of one connection follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// A request is looked at when the one before it is answered.
    OneByOne,
    /// Requests are looked at when they come; an answer waits for those before it.
    Queued,
    /// Answers pass each other.
    Free,
}

/// The server half of one connection, without I/O and without time.
trait Session: Send {
    fn order(&self) -> Order;

    /// Reads what is complete in `input`; returns how many bytes that was. An error says what the
    /// peer did that is not understood here.
    fn read(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        asked: &mut Vec<Asked>,
    ) -> Result<usize, &'static str>;

    fn answer(&mut self, asked: Asked, out: &mut Vec<u8>);
}

/// The head of a batch stands at its front: so many bytes are looked through for the sequence.
const HEAD_OF_BODY_BYTES: usize = 128;

/// The sequence that a batch's head names. Bodies of other tools have none.
fn sequence(body: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"\"seq\":";
    let head = &body[..body.len().min(HEAD_OF_BODY_BYTES)];
    let at = head.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    let digits = head[at..].iter().take_while(|byte| byte.is_ascii_digit());
    let mut digits = digits.map(|digit| u64::from(digit - b'0')).peekable();
    digits.peek()?;
    digits.try_fold(0u64, |number, digit| number.checked_mul(10)?.checked_add(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let known = |protocol, kind, ms: u64, awake| {
            let behaviour = Behaviour { kind, from: Stamp(ms * 1_000_000) };
            Some(Known { protocol, behaviour, awake })
        };
        let (freeze, two_valued) = (Kind::Freeze, Kind::TwoValued);
        for (name, expect) in [
            ("known-http1-freeze", known(Protocol::Http1, freeze, 0, false)),
            ("known-http1-freeze+awake", known(Protocol::Http1, freeze, 0, true)),
            ("known-ws-two-valued@12345", known(Protocol::Ws, two_valued, 12_345, false)),
            ("known-ws-two-valued@12345+awake", known(Protocol::Ws, two_valued, 12_345, true)),
            ("bare-http1", None),
            ("known-tcp-freeze", None),
            ("known-http1-slow", None),
            ("known-http1-freeze@", None),
        ] {
            assert_eq!(Known::find(name), expect, "{name}");
        }
    }

    #[test]
    fn sequences_are_found_in_heads() {
        assert_eq!(sequence(br#"{"producer":"g0","seq":1207,"metrics":[]}"#), Some(1_207));
        assert_eq!(sequence(br#"{"producer":"g0","seq":}"#), None);
        assert_eq!(sequence(br#"{"seq":99999999999999999999}"#), None);
        assert_eq!(sequence(b"hello"), None);
    }
}
