//! A link in user space: a TCP proxy that delays every byte by half a round trip each way and
//! lets through no more than a bandwidth. Loopback has no distance; this gives it some, on any
//! machine and without privileges.
//!
//! It lacks what it cannot make honestly: packet loss, reordering, jitter, and TCP's own
//! reaction to a long way (slow start, congestion control), because each half of a connection
//! through it is still a loopback connection. `README.md` has the lesson and the figures.
//!
//! Read in the way of a byte: [`shape`] (what was asked for), `lane.rs` (when a byte is due at
//! the other end), `pipe.rs` (bytes under way in one direction), `pair.rs` (one connection),
//! [`relay`] (the event loop).

mod lane;
mod pair;
mod pipe;
pub mod relay;
pub mod shape;
mod timers;

pub use relay::{Relay, Route};
pub use shape::{Shape, ShapeError, parse_bandwidth, parse_round_trip};
