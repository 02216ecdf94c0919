//! The load generator. It owns the sockets, the event loop and the one clock by which
//! everything is stamped; transports hand it only their client half, a `Wire`.
//!
//! Read in the order of a trial: [`plan`] (what is due when), [`source`] (what is sent), [`driver`] (the event loop),
//! [`watch`] (cost, faults and deaths, from a thread beside it), [`trial`] (the phases),
//! [`account`] (stamps to record), [`stored`] (the end of the way), [`race`] (arms and rounds), [`folder`] (what stays on disk).
//! [`experiment`] is what a run is asked, from a file.

pub mod account;
pub mod ages;
pub mod arena;
pub mod capacity;
pub mod congestion;
mod crew;
pub mod crowd;
pub mod driver;
pub mod experiment;
pub mod faults;
pub mod folder;
pub mod gauge;
pub mod load;
pub mod observer;
pub mod plan;
pub mod race;
mod secure;
pub mod shape;
pub mod source;
pub mod stored;
pub mod template;
pub mod trial;
pub mod watch;
