//! The client half of a transport, without I/O: bytes in, bytes out. Whoever owns the socket
//! (the load generator, a producer) owns the clock, so `sent` and `acked` are stamped where
//! the bytes move.

/// One connection's client half. Everything it wants to send goes to `out`; the caller writes
/// it in order. Methods take no time and never block.
pub trait Wire: Send {
    /// Called once when the connection stands; writes what must come first (an upgrade
    /// request, a preface). Requests may be encoded once [`Wire::room`] is above 0.
    fn open(&mut self, out: &mut Vec<u8>);

    /// How many further requests may be encoded now.
    fn room(&self) -> usize;

    /// Appends one request to `out`. `key` comes back with its answer. Only while there is
    /// [`Wire::room`].
    fn encode(&mut self, request: &Request<'_>, key: u64, out: &mut Vec<u8>);

    /// Takes all of `input` (the wire buffers what is incomplete), appends what happened to
    /// `events` and what must be sent in reply (a pong, a window) to `out`.
    ///
    /// # Errors
    /// The peer broke the protocol: the connection is over and requests without an answer
    /// are broken.
    fn decode(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError>;

    /// The peer closed its half. Answers that end with the connection end here.
    ///
    /// # Errors
    /// It closed in the middle of an answer.
    fn close(&mut self, events: &mut Vec<WireEvent>) -> Result<(), WireError>;
}

/// What is asked, general enough for anyone's server.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `POST` and the like. Ignored by message transports.
    pub method: &'a str,
    /// Path and query. Ignored by message transports.
    pub target: &'a str,
    /// Further headers, without `host` and `content-length`. Ignored by message transports.
    pub headers: &'a [(String, String)],
    /// The body or message.
    pub body: &'a [u8],
}

/// What came out of the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireEvent {
    /// The connection may carry requests (handshake done).
    Ready,
    /// A request was answered.
    Answer {
        /// The key it was encoded with.
        key: u64,
        /// An HTTP status; message transports translate (an acknowledgement is 202).
        status: u16,
    },
    /// A request was answered, but not with what a body must hold here ([`crate::Expected`]). Only of
    /// wires that were told to look.
    Unexpected {
        /// The key it was encoded with.
        key: u64,
        /// As of an answer.
        status: u16,
    },
    /// A request gets no answer, though its connection goes on: the peer reset its stream.
    Unanswered {
        /// The key it was encoded with.
        key: u64,
        /// What the peer gave as its reason.
        why: String,
    },
    /// The peer takes no further requests, and has not looked at this one: it may be sent on another
    /// connection as if for the first time (RFC 9113, section 6.8).
    Untouched {
        /// The key it was encoded with.
        key: u64,
    },
    /// The peer takes no further requests; those in flight may still be answered.
    Closing,
}

impl WireEvent {
    /// A request was answered; with what was expected or not.
    pub fn answered(key: u64, status: u16, is_expected: bool) -> Self {
        if is_expected { Self::Answer { key, status } } else { Self::Unexpected { key, status } }
    }
}

/// The peer broke the protocol or the connection ended in the middle of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct WireError {
    /// What was seen.
    pub what: String,
}

impl WireError {
    /// An error that says what was seen.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}
