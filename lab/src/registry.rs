//! Every pipeline: transport and log, joined here and nowhere else. A new pipeline is a folder
//! with its transport (or log) and a line in [`PIPELINES`].

use std::io;
use std::net::TcpListener;

use tailrace_contract::{Options, Peer, Server, Transport, Wire};
use tailrace_http1::Http1;
use tailrace_http2::Http2;
use tailrace_service::Counted;
use tailrace_targets::{Bare, Known};
use tailrace_ws::Ws;

use crate::door::Door;
use crate::exit::Fault;

/// In declared order: the floor, then pipelines by promise, the baseline of each first.
pub const PIPELINES: &[Pipeline] = &[
    Pipeline { name: FLOOR, protocol: ECHO, behind: Behind::Echo },
    pipeline::<Http1>("http1-memory", LogKind::Memory),
    pipeline::<Http2>("http2-memory", LogKind::Memory),
    pipeline::<Ws>("ws-memory", LogKind::Memory),
    pipeline::<Http1>("http1-redis", LogKind::Redis),
    pipeline::<Http2>("http2-redis", LogKind::Redis),
    pipeline::<Ws>("ws-redis", LogKind::Redis),
    // One is enough to ask what a log is good for; another transport would be another line.
    pipeline::<Http1>("http1-postgres", LogKind::Postgres),
];

/// Whose log a worker reads that was not told another one.
pub const WORKED: &str = "http1-redis";

/// The bare echo.
pub const FLOOR: &str = "floor";

/// Length-prefixed frames, echoed: what the floor speaks.
const ECHO: Protocol = Protocol {
    name: "tcp",
    fair_load: (4, 16),
    // It is never behind TLS.
    alpn: "",
    wire: |peer| Box::new(tailrace_tcp::TcpWire::new(peer.in_flight)),
};

/// One way to ingest.
#[derive(Debug, Clone, Copy)]
pub struct Pipeline {
    /// `transport-log`, or `floor`.
    pub name: &'static str,
    /// How batches come.
    pub protocol: Protocol,
    /// What is behind the listener.
    pub behind: Behind,
}

/// The client's view of a transport.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// Its name, the first half of a pipeline's.
    pub name: &'static str,
    /// Connections, and requests in flight on each, in a comparison.
    pub fair_load: (u32, u32),
    /// What is agreed on in a TLS handshake.
    pub alpn: &'static str,
    wire: fn(&Peer<'_>) -> Box<dyn Wire>,
}

/// What is behind a listener.
#[derive(Debug, Clone, Copy)]
pub enum Behind {
    /// Nothing: bytes are echoed.
    Echo,
    /// The door, then a log.
    Log(LogKind, Serve),
}

/// Where batches go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// A bounded queue in the server's process.
    Memory,
    /// A Redis stream.
    Redis,
    /// No log at all: each batch is committed to PostgreSQL before it is acknowledged.
    Postgres,
}

/// A transport's server half in front of this program's door.
pub type Serve = fn(TcpListener, Counted<Door>, &Options) -> io::Result<Box<dyn Server>>;

/// Joins a transport and a log.
pub const fn pipeline<T: Transport>(name: &'static str, log: LogKind) -> Pipeline {
    let behind = Behind::Log(log, T::serve::<Counted<Door>>);
    Pipeline { name, protocol: Protocol::of::<T>(), behind }
}

/// The pipeline of that name.
///
/// # Errors
/// An unknown name; the message lists the known ones.
pub fn find(name: &str) -> Result<Pipeline, Fault> {
    PIPELINES.iter().find(|pipeline| pipeline.name == name).copied().ok_or_else(|| {
        let known: Vec<&str> = PIPELINES.iter().map(|pipeline| pipeline.name).collect();
        Fault::Usage(format!("there is no pipeline {name:?}; known are {}", known.join(", ")))
    })
}

impl Pipeline {
    /// Whether a race runs it that names no pipeline: those that answer when their log has a batch.
    /// One that commits first answers another question, and needs a PostgreSQL.
    pub fn is_raced_unasked(&self) -> bool {
        self.log() != Some(LogKind::Postgres)
    }

    /// Where batches go; the floor keeps nothing.
    pub fn log(&self) -> Option<LogKind> {
        match self.behind {
            Behind::Echo => None,
            Behind::Log(kind, _) => Some(kind),
        }
    }
}

impl Protocol {
    /// The client's view of a transport.
    pub const fn of<T: Transport>() -> Self {
        Self { name: T::NAME, fair_load: T::FAIR_LOAD, alpn: T::ALPN, wire: T::wire }
    }

    /// What a bare server or one of known behaviour speaks; none: there is no such server.
    pub fn of_target(name: &str) -> Option<Self> {
        let bare = Bare::find(name).map(|bare| bare.protocol);
        Some(match bare.or_else(|| Known::find(name).map(|known| known.protocol))? {
            tailrace_targets::Protocol::Http1 => Self::of::<Http1>(),
            tailrace_targets::Protocol::Http2 => Self::of::<Http2>(),
            tailrace_targets::Protocol::Ws => Self::of::<Ws>(),
        })
    }

    /// The client half of one new connection.
    pub fn wire(&self, peer: &Peer<'_>) -> Box<dyn Wire> {
        (self.wire)(peer)
    }

    /// Requests in flight on one connection where `wanted` may be: a protocol that answers one
    /// request at a time gets one.
    pub fn depth(&self, wanted: usize) -> usize {
        if self.fair_load.1 == 1 { 1 } else { wanted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_say_what_they_join() {
        for (index, pipeline) in PIPELINES.iter().enumerate() {
            assert!(PIPELINES[..index].iter().all(|earlier| earlier.name != pipeline.name));
            let Some(log) = pipeline.log() else { continue };
            let name = format!("{}-{log:?}", pipeline.protocol.name).to_lowercase();
            assert_eq!(pipeline.name, name);
        }
    }

    #[test]
    fn a_comparison_has_the_same_number_in_flight_everywhere() {
        for pipeline in PIPELINES {
            let (connections, in_flight) = pipeline.protocol.fair_load;
            assert_eq!(connections * in_flight, 64, "{}", pipeline.name);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = find("http9").unwrap_err().to_string();
        assert!(message.contains("http1-memory"), "{message}");
    }
}
