//! Sockets that lose patience: what every listener needs and no protocol decides. Connections
//! are accepted, counted and drained; waiting has limits.
//!
//! It knows no protocol and reads no byte. Read in this order: `acceptor.rs` (one connection
//! after the other, whatever the system says), `serve.rs` (the frame around a transport),
//! `patience.rs` (time limits that cost nothing while nobody waits).

mod acceptor;
mod patience;
mod serve;

pub use acceptor::Acceptor;
pub use patience::Patience;
pub use serve::serve;
