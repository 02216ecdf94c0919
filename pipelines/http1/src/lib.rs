//! The HTTP/1.1 transport: one request, one answer, in order, over one connection.
//!
//! [`serve`] is the server half on hyper, [`Http1Wire`] the client half without I/O. It has
//! no compression, and it looks at no body: validation and the log are behind
//! [`tailrace_contract::Ingest`].
//!
//! Read in this order: `README.md` (what the protocol costs), `wire.rs` (the bytes of a
//! request), `reader.rs` (the bytes of an answer), `server.rs` (from request to answer),
//! `answers.rs` (which answers there are), `body.rs`, `socket.rs` (when the bytes move).
//! Accepting, TLS and draining are the same for all transports: [`tailrace_socket`].

mod answers;
mod body;
mod reader;
mod server;
mod session;
mod socket;
mod wire;

pub use server::{Limits, serve};
pub use wire::Http1Wire;

use tailrace_contract::{Ingest, Options, Peer, Server, Transport, Wire};

/// HTTP/1.1 as a [`Transport`].
#[derive(Debug, Clone, Copy)]
pub struct Http1;

impl Transport for Http1 {
    const NAME: &'static str = "http1";
    /// One request at a time on a connection, so 64 in flight need 64 of them.
    const FAIR_LOAD: (u32, u32) = (64, 1);

    fn serve<I: Ingest>(
        listener: std::net::TcpListener,
        ingest: I,
        options: &Options,
    ) -> std::io::Result<Box<dyn Server>> {
        serve(listener, ingest, Limits::default(), options)
    }

    fn wire(peer: &Peer<'_>) -> Box<dyn Wire> {
        let wire = Http1Wire::new(peer.authority, peer.in_flight);
        Box::new(wire.with_authorization(peer.authorization()))
    }
}
