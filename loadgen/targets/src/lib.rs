//! Servers to measure against. Here: the bare servers, each the least that its library needs to
//! answer, with or without decoding what it got. A pipeline is compared with the bare server of
//! its transport: what it costs beyond that is the pipeline's own. In `known/`: servers of known
//! behaviour, on which the generator itself is measured.
//!
//! They have no limits and no timeouts, and are never served to anybody but the generator.

mod http1;
mod http2;
mod known;
mod ws;

use std::net::TcpListener;

pub use known::{AWAKE, Known};

/// A bare server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bare {
    /// What it speaks.
    pub protocol: Protocol,
    /// Whether it decodes and validates each body, as a pipeline must.
    pub codec: bool,
}

/// What a bare server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 on hyper.
    Http1,
    /// HTTP/2 on h2, by prior knowledge.
    Http2,
    /// WebSocket on tungstenite.
    Ws,
}

impl Protocol {
    /// By name: `http1`, `http2`, `ws`.
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "http1" => Some(Protocol::Http1),
            "http2" => Some(Protocol::Http2),
            "ws" => Some(Protocol::Ws),
            _ => None,
        }
    }
}

impl Bare {
    /// By name: `bare-http1`, `bare-http2`, `bare-ws`, each also with `-codec` behind it.
    pub fn find(name: &str) -> Option<Self> {
        let rest = name.strip_prefix("bare-")?;
        let (protocol, codec) = match rest.strip_suffix("-codec") {
            Some(protocol) => (protocol, true),
            None => (rest, false),
        };
        Some(Self { protocol: Protocol::find(protocol)?, codec })
    }

    /// Serves until the future is dropped.
    ///
    /// # Errors
    /// The listener cannot be used by the runtime.
    pub async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            match self.protocol {
                Protocol::Http1 => drop(tokio::spawn(http1::connection(socket, self.codec))),
                Protocol::Http2 => drop(tokio::spawn(http2::connection(socket, self.codec))),
                Protocol::Ws => drop(tokio::spawn(ws::connection(socket, self.codec))),
            }
        }
    }
}

/// Decodes as a pipeline does and drops the result. True when it was a valid batch.
fn decodes(body: &[u8]) -> bool {
    std::hint::black_box(tailrace_contract::codec::decode(body)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let bare = |protocol, codec| Some(Bare { protocol, codec });
        assert_eq!(Bare::find("bare-http1"), bare(Protocol::Http1, false));
        assert_eq!(Bare::find("bare-http2-codec"), bare(Protocol::Http2, true));
        assert_eq!(Bare::find("bare-ws-codec"), bare(Protocol::Ws, true));
        assert_eq!(Bare::find("http1-memory"), None);
        assert_eq!(Bare::find("bare-tcp"), None);
    }
}
