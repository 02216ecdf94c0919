//! Sockets that lose patience: what every listener needs and no protocol decides. Connections
//! are accepted, counted and drained; waiting has limits.
//!
//! It knows no protocol above TLS and reads no byte of one. Read in this order: `acceptor.rs` (one
//! connection after the other, whatever the system says), `serve.rs` (the frame around a
//! transport), `tls.rs` and `stream.rs` (in clear text or behind a handshake), `patience.rs` (time
//! limits that cost nothing while nobody waits), `linger.rs` (the end). `README.md` says how to
//! try TLS.

mod acceptor;
mod linger;
mod patience;
mod serve;
mod stream;
mod tls;

pub use acceptor::Acceptor;
pub use linger::linger;
pub use patience::Patience;
pub use serve::{serve, serve_secured};
pub use stream::Stream;
pub use tls::Security;
