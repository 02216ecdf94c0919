//! A seventh pipeline, made of nothing but this folder and one line in the test below: bodies
//! over TCP, each after its length in decimal and a colon. It shows that a new transport needs
//! no change anywhere else, and what is the least that the conformance suite accepts. It has no
//! time limits and no TLS; start a real one from `pipelines/tcp/`.
//!
//! Read `wire.rs` (the client half), then `server.rs`.

mod server;
mod wire;

use std::io;
use std::net::TcpListener;

use tailrace_contract::{Ingest, Options, Peer, Server, Transport, Wire};
use tailrace_lab::registry::{LogKind, Pipeline, pipeline};

/// Bodies after their lengths.
struct Lengths;

impl Transport for Lengths {
    const NAME: &'static str = "lengths";
    const FAIR_LOAD: (u32, u32) = (4, 16);

    fn serve<I: Ingest>(
        listener: TcpListener,
        ingest: I,
        _options: &Options,
    ) -> io::Result<Box<dyn Server>> {
        server::serve(listener, ingest)
    }

    fn wire(peer: &Peer<'_>) -> Box<dyn Wire> {
        Box::new(wire::LengthsWire::new(peer.run, peer.in_flight))
    }
}

/// The one line.
pub(crate) const SEVENTH: Pipeline = pipeline::<Lengths>("lengths-memory", LogKind::Memory);
