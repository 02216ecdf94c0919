//! Fake producers: seeded fleets of hosts and product events, and the paced sender. They know
//! the contract and nothing else: the transport's client half is handed in, and what was
//! measured about a server is the load generator's business, not theirs.
//!
//! Read in the order of the data's way: [`fleet`] (who reports, in which order), [`hosts`] and
//! [`events`] (what), [`spikes`], [`payload`] (bodies made in advance).

pub mod duration;
pub mod events;
pub mod fleet;
pub mod hosts;
pub mod payload;
mod series;
pub mod spikes;

pub use duration::parse_duration;
pub use fleet::{BatchHead, EPOCH_MS, Fleet, FleetConfig, FleetError, Shape};
pub use payload::{PayloadError, Payloads};
pub use spikes::{ParseSpikesError, Spikes};
