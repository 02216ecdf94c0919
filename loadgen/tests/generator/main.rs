//! The load generator against real servers on loopback, well behaved and not: every due batch
//! is accounted for, and no server can slow the schedule down. Arithmetic is tested beside the
//! code. Read `server.rs` and `drive.rs` first, for what servers and drives there are.

mod accounts;
mod bytes;
mod crew;
mod crowd;
mod drive;
mod feed;
mod races;
mod server;
mod spins;
mod times;
mod tls;
mod trials;
