//! The WebSocket transport: one upgrade, then messages both ways over one connection; every
//! message gets one answer, in order of arrival.
//!
//! [`serve`] is the server half on tungstenite, [`WsWire`] the client half without I/O. It
//! has no TLS and no compression (`permessage-deflate`), and it looks at no body: validation
//! and the log are behind [`tailrace_contract::Ingest`].
//!
//! Read in this order: `README.md` (what the protocol costs), `wire.rs` and `frames.rs` (the
//! bytes), `upgrade.rs` (how a connection begins), `session.rs` (messages and answers),
//! `server.rs` (how it ends). Accepting and draining are the same for all transports:
//! [`tailrace_socket`].

mod frames;
mod server;
mod session;
mod upgrade;
mod wire;

pub use server::{Limits, serve};
pub use wire::WsWire;
