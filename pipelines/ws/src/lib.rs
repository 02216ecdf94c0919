//! The WebSocket transport: one upgrade, then messages both ways over one connection; every
//! message gets one answer, in order of arrival.
//!
//! [`serve`] is the server half on tungstenite, [`WsWire`] the client half without I/O. It
//! has no compression (`permessage-deflate`), and it looks at no body: validation
//! and the log are behind [`tailrace_contract::Ingest`].
//!
//! Read in this order: `README.md` (what the protocol costs), `wire.rs` and `frames.rs` (the
//! bytes), `upgrade.rs` (how a connection begins), `session.rs` (messages and answers),
//! `server.rs` (how it ends). Accepting, TLS and draining are the same for all transports:
//! [`tailrace_socket`].

mod frames;
mod server;
mod session;
mod upgrade;
mod wire;

pub use server::{Limits, serve};
pub use wire::WsWire;

use tailrace_contract::{Ingest, Options, Peer, Server, Transport, Wire};

/// WebSocket as a [`Transport`].
#[derive(Debug, Clone, Copy)]
pub struct Ws;

impl Transport for Ws {
    const NAME: &'static str = "ws";
    /// Messages share a connection, as those of a fleet's agent would.
    const FAIR_LOAD: (u32, u32) = (4, 16);

    fn serve<I: Ingest>(
        listener: std::net::TcpListener,
        ingest: I,
        options: &Options,
    ) -> std::io::Result<Box<dyn Server>> {
        serve(listener, ingest, Limits::default(), options)
    }

    fn wire(peer: &Peer<'_>) -> Box<dyn Wire> {
        let wire = WsWire::new(peer.authority, "/v1/ingest", peer.run, peer.in_flight);
        let key = peer.authorization().map(|value| ("authorization".to_owned(), value));
        Box::new(wire.with_headers(key.as_slice()))
    }
}
