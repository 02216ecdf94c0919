//! The program as its users meet it: the real binary, real sockets, a real Redis, clients of
//! other ecosystems. One file a concern, one test binary for all of them, because linking the
//! program seven times would take longer than the tests. How good a number is, is not tested
//! here: these run in a debug build beside each other.
//!
//! `cargo xtask test -p tailrace` installs what they need. Read `stage/mod.rs` first (how a
//! process is started and ended), then any other file.

mod calibrate;
mod capacity;
mod cli;
mod codecs;
mod compare;
mod compose;
mod conformance;
mod contestants;
mod crash;
mod demo;
mod doctor;
mod durable;
mod environment;
mod faults;
mod foreign_clients;
mod gate;
mod groups;
mod history;
mod hlog;
mod hostile;
mod keygen;
mod left;
mod link;
mod load;
mod produce;
mod progress;
mod race;
mod replaced;
mod replay;
mod run;
mod secrets;
mod seed;
mod seventh;
mod site;
mod spin;
mod stage;
mod stale;
mod tls;
mod worker;
