//! Every pipeline: transport and log, joined here and nowhere else. A new pipeline is a folder
//! with its transport (or log) and a line in [`PIPELINES`].

use std::net::TcpListener;

use tailrace_contract::{Ingest, RunId, Server, Wire};

use crate::exit::Fault;

/// One way to ingest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pipeline {
    /// `transport-log`, or `floor`.
    pub name: &'static str,
    /// How batches come.
    pub transport: Transport,
    /// Where they go; the floor keeps nothing.
    pub log: Option<LogKind>,
}

/// How batches come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTP/1.1: one request at a time on a connection.
    Http1,
    /// WebSocket: one message after the other, answers when they are ready.
    Ws,
    /// Length-prefixed frames, echoed.
    Tcp,
}

/// Where batches go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// A bounded queue in the server's process.
    Memory,
    /// A Redis stream.
    Redis,
}

/// In declared order: the floor, then pipelines by promise, the baseline of each first.
pub const PIPELINES: &[Pipeline] = &[
    Pipeline { name: FLOOR, transport: Transport::Tcp, log: None },
    Pipeline { name: "http1-memory", transport: Transport::Http1, log: Some(LogKind::Memory) },
    Pipeline { name: "ws-memory", transport: Transport::Ws, log: Some(LogKind::Memory) },
    Pipeline { name: "http1-redis", transport: Transport::Http1, log: Some(LogKind::Redis) },
    Pipeline { name: "ws-redis", transport: Transport::Ws, log: Some(LogKind::Redis) },
];

/// The bare echo.
pub const FLOOR: &str = "floor";

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

impl Transport {
    /// Serves this transport on a bound listener.
    ///
    /// # Errors
    /// The listener cannot be used by the runtime.
    pub async fn serve<I: Ingest>(
        self,
        listener: TcpListener,
        ingest: I,
    ) -> std::io::Result<Box<dyn Server>> {
        match self {
            Self::Http1 => {
                tailrace_http1::serve(listener, ingest, tailrace_http1::Limits::default()).await
            }
            Self::Ws => tailrace_ws::serve(listener, ingest, tailrace_ws::Limits::default()).await,
            Self::Tcp => serve_floor(listener).await,
        }
    }

    /// The client half for one connection that has at most `in_flight` requests unanswered.
    /// Without a run the server chooses one.
    pub fn wire(self, authority: &str, run: Option<RunId>, in_flight: usize) -> Box<dyn Wire> {
        match self {
            Self::Http1 => Box::new(tailrace_http1::Http1Wire::new(authority, in_flight)),
            Self::Ws => {
                let path = "/v1/ingest";
                Box::new(tailrace_ws::WsWire::new(authority, path, run, in_flight))
            }
            Self::Tcp => Box::new(tailrace_tcp::TcpWire::new(in_flight)),
        }
    }

    /// Connections and requests in flight on each, in a comparison: 64 in flight everywhere.
    /// HTTP/1.1 needs a connection for each; the others share four, as a fleet's agents would.
    pub fn fair_load(self) -> (u32, u32) {
        match self {
            Self::Http1 => (64, 1),
            Self::Ws | Self::Tcp => (4, 16),
        }
    }
}

/// Serves the floor: an echo, which has no door.
///
/// # Errors
/// The listener cannot be used by the runtime.
pub async fn serve_floor(listener: TcpListener) -> std::io::Result<Box<dyn Server>> {
    tailrace_tcp::serve(listener, tailrace_tcp::Limits::default()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_say_what_they_join() {
        for (index, pipeline) in PIPELINES.iter().enumerate() {
            assert!(PIPELINES[..index].iter().all(|earlier| earlier.name != pipeline.name));
            let Some(log) = pipeline.log else { continue };
            let name = format!("{:?}-{log:?}", pipeline.transport).to_lowercase();
            assert_eq!(pipeline.name, name);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = find("http9").unwrap_err().to_string();
        assert!(message.contains("http1-memory"), "{message}");
    }
}
