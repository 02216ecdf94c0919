//! Fake producers: seeded fleets of hosts and product events, and the paced sender. They know
//! the contract and nothing else: the transport's client half is handed in, and what was
//! measured about a server is the load generator's business, not theirs.
//!
//! Read in the order of the data's way: [`fleet`] (who reports, in which order), [`hosts`] and
//! [`events`] (what), [`spikes`], [`payload`] (bodies made in advance), [`pace`] (when),
//! [`sender`] and behind it `connection.rs`, `dial.rs`, [`tls`] and `link.rs` (how), [`tally`] (what became of it), [`produce()`] (all joined).

mod connection;
mod dial;
pub mod duration;
pub mod events;
pub mod fleet;
pub mod hosts;
mod link;
pub mod pace;
pub mod payload;
pub mod produce;
pub mod sender;
mod series;
pub mod spikes;
pub mod tally;
pub mod tls;

pub use duration::parse_duration;
pub use fleet::{BatchHead, EPOCH_MS, Fleet, FleetConfig, FleetError, Shape};
pub use pace::{Burst, Pace, PaceReport, Pacer, ParseBurstError};
pub use payload::{PayloadError, Payloads};
pub use produce::{ProduceConfig, ProduceError, ProduceReport, produce};
pub use sender::{Connect, Sender, SenderConfig, SenderError};
pub use spikes::{ParseSpikesError, Spikes};
pub use tally::{SharedTally, Tally};
