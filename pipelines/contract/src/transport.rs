//! What a transport must offer to join pipelines: a server half, a client half, and how many
//! connections make a fair comparison. The program's registry is the only caller.

use std::io;
use std::net::TcpListener;

use crate::{Ingest, RunId, Server, Wire};

/// One way for batches to come. A unit type of the transport's crate implements it.
pub trait Transport: 'static {
    /// The first half of its pipelines' names: `http1` in `http1-memory`.
    const NAME: &'static str;

    /// Connections, and requests in flight on each, in a comparison. Their product is the same
    /// for all transports; how it is split belongs to the protocol.
    const FAIR_LOAD: (u32, u32);

    /// What both sides agree on in a TLS handshake (ALPN, RFC 7301).
    const ALPN: &'static str = "http/1.1";

    /// Serves `ingest` on the current tokio runtime, single or multi threaded, until the
    /// returned server is drained or dropped. A slow or stalled `ingest` delays only whoever
    /// waits for it.
    ///
    /// # Errors
    /// The listener cannot be registered with the runtime, or the TLS identity is of no use.
    fn serve<I: Ingest>(
        listener: TcpListener,
        ingest: I,
        options: &Options,
    ) -> io::Result<Box<dyn Server>>;

    /// The client half of one new connection.
    fn wire(peer: &Peer<'_>) -> Box<dyn Wire>;
}

/// How a server serves.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Speak TLS and show this; none: clear text.
    pub tls: Option<TlsIdentity>,
    /// When answers leave.
    pub flush: Flush,
}

/// What a server shows and proves in a TLS handshake. Bytes only: no TLS library is needed to
/// hold them.
#[derive(Clone)]
pub struct TlsIdentity {
    /// Certificates, DER, the server's own first.
    pub chain: Vec<Vec<u8>>,
    /// The private key of the first one, PKCS#8, DER.
    pub key: Vec<u8>,
}

/// Never shows the key: options are logged.
impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity")
            .field("certificates", &self.chain.len())
            .finish_non_exhaustive()
    }
}

/// When a connection's answers are handed to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flush {
    /// All that are ready, together.
    #[default]
    Batch,
    /// Each by itself: what coalescing saves is shown by not doing it.
    Each,
}

/// Whom a client half talks to.
#[derive(Clone, Copy)]
pub struct Peer<'a> {
    /// `host:port`, as a `host` header says it.
    pub authority: &'a str,
    /// Whether the bytes go through TLS: the scheme of a request depends on it. The handshake
    /// itself belongs to whoever owns the socket.
    pub tls: bool,
    /// The run of all batches, for transports whose connection carries it. Without one the
    /// server chooses.
    pub run: Option<RunId>,
    /// Requests that may be unanswered at once, at least 1.
    pub in_flight: usize,
    /// The key that is shown: with every request, or where the connection begins.
    pub key: Option<&'a str>,
}

impl<'a> Peer<'a> {
    /// A peer in clear text that asks for no key.
    pub fn plain(authority: &'a str, run: Option<RunId>, in_flight: usize) -> Self {
        Self { authority, tls: false, run, in_flight, key: None }
    }

    /// The value of the `authorization` header, where a key is shown.
    pub fn authorization(&self) -> Option<String> {
        self.key.map(|key| format!("Bearer {key}"))
    }
}

/// Never shows the key: peers are logged.
impl std::fmt::Debug for Peer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { authority, tls, run, in_flight, key } = self;
        f.debug_struct("Peer")
            .field("authority", authority)
            .field("tls", tls)
            .field("run", run)
            .field("in_flight", in_flight)
            .field("has_key", &key.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let tls = Some(TlsIdentity { chain: vec![vec![1]], key: b"secret".to_vec() });
        let shown = format!("{:?}", Options { tls, flush: Flush::Batch });
        assert!(shown.contains("certificates: 1") && !shown.contains("115"), "{shown}");
    }
}
