//! The floor: frames of a length and bytes over TCP, each answered with its length. It is
//! what moving the bytes costs when the protocol costs nothing; every pipeline is measured
//! against it.
//!
//! [`serve`] is the server half, [`TcpWire`] the client half without I/O. It promises
//! nothing, keeps nothing and validates nothing.
//!
//! Read in this order: `README.md`, `frames.rs` (counting frames down), `wire.rs`,
//! `server.rs`. Accepting and draining are the same for all transports: [`tailrace_socket`].

mod frames;
mod server;
mod wire;

pub use server::{Limits, serve};
pub use wire::TcpWire;
