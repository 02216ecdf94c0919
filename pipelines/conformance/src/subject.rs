//! What the suite needs to know of a pipeline. Whoever joins transports and logs implements it.

use std::net::SocketAddr;
use std::time::Duration;

use tailrace_contract::{BoxFuture, Drained, Log, Promise, RunId, Wire};

use crate::GatedLog;

/// A freshly served real pipeline.
pub trait Subject: Send + Sync {
    /// The pipeline's name, for messages.
    fn name(&self) -> &str;

    /// Where its transport listens.
    fn ingest(&self) -> SocketAddr;

    /// Where its observer listens.
    fn observer(&self) -> SocketAddr;

    /// The client half of one new connection. Transports whose connection carries the run
    /// put it there; the others get it with each request as a header.
    fn wire(&self, run: Option<RunId>) -> Box<dyn Wire>;

    /// The gate around its log.
    fn gate(&self) -> &GatedLog;

    /// Whether an acknowledgement says that the batch is in a store.
    fn commits_first(&self) -> bool {
        self.gate().promise() == Promise::Committed
    }

    /// Drains the transport's listener. Called at most once.
    fn drain(&self, deadline: Duration) -> BoxFuture<'_, Drained>;
}
