//! The bus inside one process: a bounded ring that every subscriber reads at its own pace. It
//! keeps nothing for those who come later.

use futures_util::stream;
use tailrace_contract::{BoxFuture, Bus, Notice, Notices, limits};
use tokio::sync::broadcast::{self, error::RecvError};

/// Publish and subscribe within this process. A subscriber that falls behind by more than the
/// capacity loses the oldest notices and is told how many.
#[derive(Debug)]
pub struct LocalBus {
    sender: broadcast::Sender<Notice>,
}

impl LocalBus {
    /// A bus with the usual capacity, [`limits::SUBSCRIBER_NOTICES_MAX`].
    pub fn new() -> Self {
        Self::with_capacity(limits::SUBSCRIBER_NOTICES_MAX)
    }

    /// A bus that keeps at least so many notices (rounded up to a power of two) for the slowest
    /// subscriber. At least 1.
    pub fn with_capacity(notices: usize) -> Self {
        Self { sender: broadcast::Sender::new(notices.max(1)) }
    }

    /// Tells everybody at once; what [`Bus::publish`] does, without the future.
    pub(crate) fn tell(&self, notices: Vec<Notice>) {
        if self.has_subscribers() {
            for notice in notices {
                // Fails only when the last subscriber has just left: nobody misses it.
                let _ = self.sender.send(notice);
            }
        }
    }
}

impl Default for LocalBus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus for LocalBus {
    fn publish(&self, notices: Vec<Notice>) -> BoxFuture<'static, ()> {
        self.tell(notices);
        Box::pin(std::future::ready(()))
    }

    fn subscribe(&self) -> Notices {
        Box::pin(stream::unfold(self.sender.subscribe(), |mut receiver| async {
            let notice = match receiver.recv().await {
                Ok(notice) => notice,
                Err(RecvError::Lagged(missed)) => Notice::Lagged { missed },
                Err(RecvError::Closed) => return None,
            };
            Some((notice, receiver))
        }))
    }

    fn has_subscribers(&self) -> bool {
        self.sender.receiver_count() > 0
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};
    use tailrace_contract::{BatchId, Producer, RunId, Tenant};

    use super::*;

    fn durable(seq: u64) -> Notice {
        let (tenant, producer) = (Tenant::open(), Producer("p".into()));
        Notice::Durable { id: BatchId { tenant, run: RunId(1), producer, seq } }
    }

    #[tokio::test]
    async fn every_subscriber_gets_everything_once_and_in_order() {
        let bus = LocalBus::new();
        bus.publish(vec![durable(9)]).await;
        let mut subscribers = [bus.subscribe(), bus.subscribe()];
        bus.publish(vec![durable(0), durable(1)]).await;
        for notices in &mut subscribers {
            assert_eq!(notices.next().await, Some(durable(0)));
            assert_eq!(notices.next().await, Some(durable(1)));
            assert_eq!(notices.next().now_or_never(), None);
        }
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_told_how_much_it_missed() {
        let bus = LocalBus::with_capacity(4);
        let mut slow = bus.subscribe();
        bus.publish((0..10).map(durable).collect()).await;
        assert_eq!(slow.next().await, Some(Notice::Lagged { missed: 6 }));
        assert_eq!(slow.next().await, Some(durable(6)));
    }

    #[tokio::test]
    async fn dropping_the_subscription_unsubscribes() {
        let bus = LocalBus::new();
        assert!(!bus.has_subscribers());
        let notices = bus.subscribe();
        assert!(bus.has_subscribers());
        drop(notices);
        assert!(!bus.has_subscribers());
    }
}
