//! The observer side that every pipeline shares: an HTTP/1.1 listener beside the measured one,
//! with the live feed, the recent metrics, the audit, health, and an ingest for browsers.
//! Browsers get the live page. `gate/` says who may see and send what.
//!
//! Read next: `routes.rs` for the map of paths, `listener.rs` for how connections
//! are limited and drained, `live/` for the feed (`feed.rs` first, then `sse.rs` and
//! `websocket.rs`), `query/` for history, `page.rs` for the live page.

mod alerts;
mod audit;
mod behind;
mod chart;
mod counts;
pub mod gate;
mod guarded;
mod health;
mod index;
mod ingest;
mod limits;
mod listener;
mod live;
mod observer;
mod origin;
mod page;
mod prometheus;
mod query;
mod recent;
mod refusal;
mod routes;

pub use behind::{Behind, Figures, Told};
pub use counts::{Counted, IngestCounts};
pub use gate::Gate;
pub(crate) use gate::Visitor;
pub use limits::Limits;
pub use listener::serve;
pub use observer::Observer;
pub use recent::{Aggregate, Aggregates, Recent};
