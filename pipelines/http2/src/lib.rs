//! The HTTP/2 transport: many requests side by side over one connection, each on a stream of
//! its own.
//!
//! [`serve`] is the server half on h2. It speaks
//! HTTP/2 by prior knowledge (no `Upgrade` from HTTP/1.1), pushes nothing, ignores priorities,
//! and it looks at no body: validation and the log are behind [`tailrace_contract::Ingest`].
//!
//! Read in this order: `README.md` (what the protocol costs), `wire.rs` with `frames.rs`,
//! `hpack.rs` and `flow.rs` (the bytes, from the client's side), `server.rs` (what a connection
//! may take), `session.rs` (from requests to answers), `head.rs`, `body.rs`, `answers.rs`,
//! `socket.rs` and `budget.rs` (floods). Accepting and draining are the same for all
//! transports: [`tailrace_socket`].

mod answers;
mod body;
mod budget;
mod head;
mod server;
mod session;
mod socket;
mod watch;

pub use server::{Limits, serve};
