//! Somebody's endpoint: where a URL leads, what is sent there and over how many connections. `load`
//! offers it one rate, `capacity` searches the one that it takes. It lacks schedules and figures.
//!
//! `arguments.rs` is what can be asked, `target.rs` where it goes, `request.rs` what is sent.

mod arguments;
mod request;
mod target;

use std::net::SocketAddr;

pub use arguments::RequestArgs;
use tailrace_contract::Expected;
use tailrace_loadgen::template::Asked;
use tailrace_producers::tls::Tls;
pub(crate) use target::{NewWire, Target};

use crate::exit::Fault;

/// Requests on one connection of a protocol that carries many at once.
const PER_CONNECTION: u32 = 100;

/// An endpoint, found and described.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// As it was written.
    pub(crate) url: String,
    pub(crate) target: Target,
    /// What every request is made from.
    pub(crate) asked: Asked,
    /// What the name stood for.
    pub(crate) address: SocketAddr,
    /// How connections begin; none: in clear text.
    pub(crate) tls: Option<Tls>,
    pub(crate) connections: u32,
    /// Requests that may be unanswered on one of them.
    pub(crate) per_connection: u32,
    /// Whether a connection carries further requests.
    pub(crate) keeps_connections: bool,
    /// What the body of an answer must hold to acknowledge.
    pub(crate) expected_body: Option<String>,
    /// Whom requests say that they talk to.
    host: String,
}

impl Endpoint {
    /// Takes URL and arguments apart, and looks the name up. In a closed loop one request waits
    /// for the one before it, unless more were asked for.
    ///
    /// # Errors
    /// Arguments that make no sense, or a name that stands for nothing.
    pub(crate) fn find(url: &str, asked: &RequestArgs, closed: bool) -> anyhow::Result<Self> {
        let target = Target::parse(url, asked.http2)?;
        let request = request::asked(asked, &target)?;
        let connections = asked.connections.unwrap_or(target.protocol.fair_load.0);
        if connections < asked.threads {
            return Err(Fault::Usage(format!(
                "{} threads cannot share {connections} connections: each needs one of its own",
                asked.threads
            ))
            .into());
        }
        Ok(Self {
            url: url.to_owned(),
            host: request::host(asked)?.unwrap_or_else(|| target.authority.clone()),
            tls: target.tls(&asked.trust)?,
            address: target.resolve()?,
            per_connection: per_connection(asked, &target, closed),
            keeps_connections: !asked.no_keepalive,
            asked: request,
            expected_body: asked.expect_body.clone(),
            connections,
            target,
        })
    }

    /// Makes the client halves of connections.
    pub(crate) fn wires(&self) -> NewWire {
        let expected = self.expected_body.as_deref().unwrap_or_default();
        let expected = Expected::new(expected.as_bytes());
        let depth = self.per_connection as usize;
        self.target.wires(&self.host, (depth, expected), &self.asked.headers)
    }

    /// Explains why nothing could be sent.
    pub(crate) fn untaken(&self, error: anyhow::Error) -> anyhow::Error {
        let tls = if self.target.is_secured { " over TLS" } else { "" };
        error.context(format!(
            "{} took no load (is a server running there, and does it speak {}{tls}?)",
            self.url, self.target.protocol.name
        ))
    }
}

fn per_connection(asked: &RequestArgs, target: &Target, closed: bool) -> u32 {
    let one = asked.no_keepalive || closed || target.protocol.name == "http1";
    let default = if one { 1 } else { PER_CONNECTION };
    if asked.no_keepalive { 1 } else { asked.per_connection.unwrap_or(default) }
}
