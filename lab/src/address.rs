//! Where a client goes, from a URL: protocol, TLS or not, name and socket address.

use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::Context;
use tailrace_http1::Http1;
use tailrace_http2::Http2;
use tailrace_producers::tls::{Tls, TlsError, Trust};
use tailrace_ws::Ws;

use crate::exit::Fault;
use crate::registry::Protocol;

/// What a URL begins with, what is spoken there, and whether behind TLS. HTTP/2 has schemes of
/// its own here, because no upgrade leads to it: in clear text it takes prior knowledge.
pub(crate) const SCHEMES: [(&str, Protocol, bool); 6] = [
    ("http", Protocol::of::<Http1>(), false),
    ("https", Protocol::of::<Http1>(), true),
    ("h2c", Protocol::of::<Http2>(), false),
    ("h2", Protocol::of::<Http2>(), true),
    ("ws", Protocol::of::<Ws>(), false),
    ("wss", Protocol::of::<Ws>(), true),
];

/// Where to, and how.
#[derive(Debug)]
pub struct Address {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Whether behind TLS.
    pub is_secured: bool,
    /// `host:port`, as it was written.
    pub authority: String,
    /// What the name stands for.
    pub socket: SocketAddr,
}

impl Address {
    /// Reads the URL of a transport.
    ///
    /// # Errors
    /// An unknown scheme, another path than where batches go, or a name without an address.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
        let known = SCHEMES.into_iter().find(|(name, ..)| *name == scheme && !rest.is_empty());
        let (_, protocol, is_secured) = known.ok_or_else(|| {
            let known = SCHEMES.map(|(name, ..)| format!("{name}://"));
            Fault::Usage(format!("{url:?} begins with none of {}", known.join(", ")))
        })?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !path.is_empty() && path != "v1/ingest" {
            return Err(Fault::Usage(format!(
                "pipelines take metrics at /v1/ingest, not at /{path}; leave the path out"
            ))
            .into());
        }
        let mut sockets = authority
            .to_socket_addrs()
            .with_context(|| format!("{authority:?} is not host:port of a reachable machine"))?;
        let socket = sockets.next().with_context(|| format!("{authority} has no address"))?;
        Ok(Self { protocol, is_secured, authority: authority.to_owned(), socket })
    }

    /// How connections begin when `trust` is believed; none in clear text.
    ///
    /// # Errors
    /// A name that no certificate can be for, or nobody to believe.
    pub fn tls(&self, trust: &Trust) -> Result<Option<Tls>, TlsError> {
        let tls = || Tls::new(&self.authority, trust, self.protocol.alpn);
        self.is_secured.then(tls).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_say_what_is_spoken() {
        let check = |url: &str, protocol: &str, is_secured: bool| {
            let address = Address::parse(url).unwrap();
            assert_eq!((address.protocol.name, address.is_secured), (protocol, is_secured));
            assert_eq!(address.authority, "127.0.0.1:7070");
        };
        check("http://127.0.0.1:7070", "http1", false);
        check("https://127.0.0.1:7070/", "http1", true);
        check("h2c://127.0.0.1:7070", "http2", false);
        check("h2://127.0.0.1:7070/v1/ingest", "http2", true);
        check("ws://127.0.0.1:7070", "ws", false);
        check("wss://127.0.0.1:7070", "ws", true);
    }

    #[test]
    fn what_is_no_address_is_told() {
        let check = |url: &str, expect: &str| {
            let told = Address::parse(url).unwrap_err().to_string();
            assert!(told.contains(expect), "{told}");
        };
        check("ftp://127.0.0.1:1", "wss://");
        check("127.0.0.1:1", "none of");
        check("http://127.0.0.1:1/metrics", "/v1/ingest");
        check("http://127.0.0.1", "host:port");
    }
}
