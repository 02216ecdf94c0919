//! The HTTP/2 transport: many requests side by side over one connection, each on a stream of
//! its own.
//!
//! [`serve`] is the server half on h2, [`Http2Wire`] the client half without I/O. It speaks
//! HTTP/2 by prior knowledge (no `Upgrade` from HTTP/1.1), pushes nothing, ignores priorities,
//! and it looks at no body: validation and the log are behind [`tailrace_contract::Ingest`].
//!
//! Read in this order: `README.md` (what the protocol costs), `wire.rs` and the folder beside it
//! (the bytes, from the client's side), `server.rs` (what a connection may take), `greeting.rs`
//! (how one begins), `session.rs` (from requests to answers), `head.rs`, `body.rs`,
//! `answers.rs`, `socket.rs` and `budget.rs` (floods). Accepting and draining are the same for
//! all transports: [`tailrace_socket`].

mod answers;
mod body;
mod budget;
mod greeting;
mod head;
mod server;
mod session;
mod socket;
mod watch;
mod wire;

pub use server::{Limits, serve};
pub use wire::Http2Wire;

use tailrace_contract::{Ingest, Options, Peer, Server, Transport, Wire};

/// HTTP/2 as a [`Transport`].
#[derive(Debug, Clone, Copy)]
pub struct Http2;

impl Transport for Http2 {
    const NAME: &'static str = "http2";
    /// Four connections with sixteen streams each, as a fleet's agents would share them.
    const FAIR_LOAD: (u32, u32) = (4, 16);
    const ALPN: &'static str = "h2";

    fn serve<I: Ingest>(
        listener: std::net::TcpListener,
        ingest: I,
        options: &Options,
    ) -> std::io::Result<Box<dyn Server>> {
        serve(listener, ingest, Limits::default(), options)
    }

    fn wire(peer: &Peer<'_>) -> Box<dyn Wire> {
        Box::new(Http2Wire::new(peer))
    }
}
