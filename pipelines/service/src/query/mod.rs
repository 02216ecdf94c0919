//! History: questions to the store, and what makes them cheap and safe to ask.
//!
//! Read in the order of a question's way: `routes` (from a request), `ask` and `time` (its
//! parameters), `question` (what it became), `history` (cache, flight, breaker, store), `answer`
//! and `csv` (back). Beside them: `cursor` (pages), `breaker`, `flight`, `counts`, `keeping`
//! (`/v1/cache`), `stream` (`/v1/summary/live`), `specification` (`/openapi.yaml`).

mod answer;
mod ask;
mod breaker;
mod counts;
mod csv;
mod cursor;
mod flight;
mod history;
mod keeping;
mod question;
mod report;
mod routes;
mod specification;
mod stream;
mod time;

pub(crate) use history::History;
pub(crate) use keeping::{clear, statistics};
pub(crate) use report::{HistoryState, prometheus, state};
pub(crate) use routes::{aggregate, events, metrics, summary};
pub(crate) use specification::specification;
pub(crate) use stream::{Streams, live};

/// A metric whose name begins so is an event.
const EVENT_PREFIX: &str = "event.";
