//! Where requests go: what the URL says of protocol, name, port and path, and the one address that
//! the name stood for. It follows no redirects. Read next: `mod.rs`.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use tailrace_contract::{Expected, Peer, Wire};
use tailrace_http1::Http1Wire;
use tailrace_http2::{Http2, Http2Wire};
use tailrace_loadgen::template::Template;
use tailrace_producers::tls::{Tls, Trust};
use tailrace_ws::WsWire;

use super::request::usage;
use crate::address::SCHEMES;
use crate::exit::Fault;
use crate::registry::Protocol;
use crate::tls::ClientTls;

/// How long an address may take to accept before the next one of the same name is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Makes the client half of one more connection.
pub(crate) type NewWire = Box<dyn Fn() -> Box<dyn Wire> + Send + Sync>;

/// Where to, and how.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// What is spoken there.
    pub(crate) protocol: Protocol,
    /// Whether behind TLS.
    pub(crate) is_secured: bool,
    /// `host` or `host:port`, as the URL has it.
    pub(super) authority: String,
    /// Name and port, which is the scheme's unless the URL has one.
    place: (String, u16),
    /// Path and query.
    pub(super) path: Template,
}

impl Target {
    /// Takes a URL apart. Nothing is looked up.
    ///
    /// # Errors
    /// An unknown scheme, a user and password, a port that is none, characters that no URL has.
    pub(super) fn parse(url: &str, http2: bool) -> Result<Self, Fault> {
        let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
        let is_named = |name: &str| name.eq_ignore_ascii_case(scheme) && !rest.is_empty();
        let known = SCHEMES.into_iter().find(|(name, ..)| is_named(name));
        let (_, mut protocol, is_secured) = known.ok_or_else(|| {
            let known = SCHEMES.map(|(name, ..)| format!("{name}://"));
            Fault::Usage(format!("{url:?} begins with none of {}", known.join(", ")))
        })?;
        if http2 && protocol.name == "ws" {
            return Err(usage("--http2 is about HTTP, and this URL is a WebSocket"));
        }
        if http2 {
            protocol = Protocol::of::<Http2>();
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(usage(
                "a user in the URL is not sent; write --header 'Authorization: Basic …' instead",
            ));
        }
        let place = place(authority, is_secured)?;
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let path = Template::parse(path.as_bytes()).map_err(usage)?;
        check_path(&path)?;
        if protocol.name == "ws" && !path.is_constant() {
            return Err(usage("a WebSocket has one path for all messages; fill in the body"));
        }
        Ok(Self { protocol, is_secured, authority: authority.to_owned(), place, path })
    }

    /// Whether messages are sent and not requests.
    pub(crate) fn is_websocket(&self) -> bool {
        self.protocol.name == "ws"
    }

    /// Looks the name up, once. Of several addresses the first that accepts is used for all
    /// connections.
    ///
    /// # Errors
    /// The name stands for nothing, or nobody accepts.
    pub(super) fn resolve(&self) -> anyhow::Result<SocketAddr> {
        let (host, port) = (self.place.0.as_str(), self.place.1);
        let found: Vec<SocketAddr> = (host, port)
            .to_socket_addrs()
            .map_err(|why| anyhow::anyhow!("{host:?} stands for no address: {why}"))?
            .collect();
        if let [only] = found[..] {
            return Ok(only);
        }
        let mut last = format!("{host:?} stands for no address");
        for address in found {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(_) => return Ok(address),
                Err(why) => last = format!("nobody accepts at {address}: {why}"),
            }
        }
        Err(anyhow::anyhow!("{last}; is the server running, and is this its port?"))
    }

    /// How connections begin; none in clear text.
    ///
    /// # Errors
    /// Flags about TLS for clear text, a file that holds no certificate, or nobody to believe.
    pub(super) fn tls(&self, trust: &ClientTls) -> anyhow::Result<Option<Tls>> {
        if !self.is_secured {
            if trust.is_given() {
                let what = "--cacert and --insecure are about TLS, and this URL is clear text";
                return Err(usage(what).into());
            }
            return Ok(None);
        }
        let trust: Trust = trust.trust()?;
        let name = format!("{}:{}", self.place.0, self.place.1);
        Ok(Some(Tls::new(&name, &trust, self.protocol.alpn).map_err(usage)?))
    }

    /// Makes the client halves of connections, with how many requests may wait there and what answers
    /// must hold: `host` is whom they say that they talk to, `headers` are those of a WebSocket's
    /// upgrade, in which nothing is filled in.
    pub(super) fn wires(
        &self,
        host: &str,
        (depth, expected): (usize, Expected),
        headers: &[(String, Template)],
    ) -> NewWire {
        let host = host.to_owned();
        match self.protocol.name {
            "ws" => {
                let filled = |template: &Template| {
                    let mut text = String::new();
                    template.fill_text(0, 0, &mut text);
                    text
                };
                let path = filled(&self.path);
                let headers: Vec<(String, String)> =
                    headers.iter().map(|(name, value)| (name.clone(), filled(value))).collect();
                Box::new(move || {
                    let wire = WsWire::new(&host, &path, None, depth).with_headers(&headers);
                    Box::new(wire.expecting(expected.clone()))
                })
            }
            "http2" => {
                let tls = self.is_secured;
                Box::new(move || {
                    let in_flight = depth;
                    let peer = Peer { authority: &host, tls, run: None, in_flight, key: None };
                    Box::new(Http2Wire::new(&peer).expecting(expected.clone()))
                })
            }
            _ => {
                Box::new(move || Box::new(Http1Wire::new(&host, depth).expecting(expected.clone())))
            }
        }
    }
}

/// Name and port of an authority.
fn place(authority: &str, is_secured: bool) -> Result<(String, u16), Fault> {
    let wrong = || Fault::Usage(format!("{authority:?} is neither host nor host:port"));
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(wrong)?;
            let port = if port.is_empty() { None } else { port.strip_prefix(':') };
            (host, port.or_else(|| (!authority.ends_with(']')).then_some("")))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let default = if is_secured { 443 } else { 80 };
    let port = port.map_or(Ok(default), |port| port.parse().map_err(|_| wrong()))?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_name) {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}

/// What is filled in are digits, letters and dashes: one example decides for all.
fn check_path(path: &Template) -> Result<(), Fault> {
    let mut example = Vec::new();
    path.fill(0, 0, &mut example);
    match example.iter().find(|byte| !byte.is_ascii_graphic()) {
        None => Ok(()),
        Some(byte) => Err(Fault::Usage(format!(
            "a path holds no {:?}: write it as %{byte:02X}",
            char::from(*byte)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, protocol: &str, place: (&str, u16), path: &str) {
        let target = Target::parse(url, false).unwrap();
        let mut filled = Vec::new();
        target.path.fill(0, 7, &mut filled);
        assert_eq!(target.protocol.name, protocol, "{url}");
        assert_eq!((target.place.0.as_str(), target.place.1), place, "{url}");
        assert_eq!(String::from_utf8(filled).unwrap(), path, "{url}");
    }

    #[test]
    fn urls_are_taken_apart() {
        check("http://example.org", "http1", ("example.org", 80), "/");
        check("HTTP://Example.org", "http1", ("Example.org", 80), "/");
        check("https://example.org:8443/a/b?c=d#e", "http1", ("example.org", 8443), "/a/b?c=d");
        check("h2c://127.0.0.1:1?q={{seq}}", "http2", ("127.0.0.1", 1), "/?q=7");
        check("h2://[::1]/x/{{seq}}", "http2", ("::1", 443), "/x/7");
        check("wss://[::1]:9/socket", "ws", ("::1", 9), "/socket");
        assert_eq!(Target::parse("https://a", true).unwrap().protocol.name, "http2");
    }

    #[test]
    fn what_is_no_target_is_told() {
        let told = |url: &str| Target::parse(url, false).unwrap_err().to_string();
        assert!(told("ftp://a").contains("wss://"));
        assert!(told("http://u:p@a/").contains("Authorization"));
        for wrong in ["http://", "http://a:b/", "http://:80", "http://[::1/", "http://[::1]x/"] {
            assert!(Target::parse(wrong, false).is_err(), "{wrong}");
        }
        assert!(told("http://a/b c").contains("%20"));
        assert!(told("http://a/{{x}}").contains("{{seq}}"));
        assert!(told("ws://a/{{seq}}").contains("one path"));
    }
}
