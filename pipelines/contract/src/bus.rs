//! How a server tells its subscribers that a batch was appended or committed. A bus may drop
//! what a slow subscriber did not take, but then it says so.

use std::pin::Pin;

use futures_core::Stream;

use crate::{BatchId, BoxFuture, Position};

/// What a subscriber is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The batch is in the log.
    Live {
        /// Which batch.
        id: BatchId,
        /// Where it stands.
        position: Position,
    },
    /// The batch is in the store.
    Durable {
        /// Which batch.
        id: BatchId,
    },
    /// This subscriber was too slow; so many notices were dropped.
    Lagged {
        /// How many.
        missed: u64,
    },
}

/// A subscription. Dropping it unsubscribes.
pub type Notices = Pin<Box<dyn Stream<Item = Notice> + Send>>;

/// Publish and subscribe. A notice reaches each subscription at most once.
pub trait Bus: Send + Sync {
    /// Tells everybody. Never waits for a subscriber.
    fn publish(&self, notices: Vec<Notice>) -> BoxFuture<'static, ()>;

    /// Everything published from now on.
    fn subscribe(&self) -> Notices;

    /// Whether anybody listens in this process: lets a log spare itself the notice.
    fn has_subscribers(&self) -> bool;
}
