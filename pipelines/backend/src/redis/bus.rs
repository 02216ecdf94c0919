//! The bus over Redis: one pub/sub connection a process, in front of a [`LocalBus`] that all
//! subscribers share. The log announces its batches itself; `publish` is for what a store has
//! committed. Next: `repair`, which makes a reliable feed of it.

use std::sync::Arc;

use futures_util::StreamExt;
use redis::aio::PubSub;
use redis::{Value, cmd};
use tailrace_contract::{BoxFuture, Bus, LogError, Notice, Notices, Position};
use tokio::task::JoinHandle;

use super::RedisConfig;
use super::announce;
use super::entry;
use super::flusher::Backoff;
use super::link::Link;
use super::repair::Tracker;
use crate::bus::LocalBus;

/// Hears every announcement under a prefix, from all servers that write there.
#[derive(Debug)]
pub struct RedisBus {
    link: Arc<Link>,
    local: Arc<LocalBus>,
    channel: String,
    listener: JoinHandle<()>,
}

impl RedisBus {
    /// Connects and listens; what is announced waits in `local` for its subscribers. A lost connection is opened again forever, and what was missed
    /// meanwhile is read from the stream. Must be called within a tokio runtime; the task
    /// stops when the bus is dropped.
    ///
    /// It listens even without subscribers, so that a subscription begins at once; announced
    /// batches are then skipped without being parsed.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn connect(
        config: &RedisConfig,
        local: Arc<LocalBus>,
    ) -> Result<Arc<Self>, LogError> {
        let link = Arc::new(Link::new(&config.url)?);
        let (channel, stream) = (config.channel(), config.stream());
        // Listen first, then look where the stream ends: whatever comes after is announced.
        let connection = link.listen(&channel).await?;
        let floor = end_of(&link, &stream).await?;
        let tracker = Tracker::new(Arc::clone(&link), stream, Arc::clone(&local), floor);
        let listening = listen_forever(Arc::clone(&link), channel.clone(), tracker, connection);
        let listener = tokio::spawn(listening);
        Ok(Arc::new(Self { link, local, channel, listener }))
    }
}

impl Drop for RedisBus {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Bus for RedisBus {
    /// Publishes the durable notices. Live ones are the log's to announce and are left out. A
    /// Redis that is away loses the notices; stores are asked for the truth.
    fn publish(&self, notices: Vec<Notice>) -> BoxFuture<'static, ()> {
        let ids = notices.into_iter().filter_map(|notice| match notice {
            Notice::Durable { id } => Some(id),
            Notice::Live { .. } | Notice::Lagged { .. } => None,
        });
        let messages = announce::durable(ids);
        let (link, channel) = (Arc::clone(&self.link), self.channel.clone());
        Box::pin(async move {
            for message in messages {
                if let Err(cause) = link.publish(&channel, &message).await {
                    // The rest would only wait for the same Redis.
                    tracing::warn!(%cause, "durable notices were not published");
                    return;
                }
            }
        })
    }

    fn subscribe(&self) -> Notices {
        self.local.subscribe()
    }

    fn has_subscribers(&self) -> bool {
        self.local.has_subscribers()
    }
}

async fn listen_forever(
    link: Arc<Link>,
    channel: String,
    mut tracker: Tracker,
    mut connection: PubSub,
) {
    loop {
        let mut messages = connection.into_on_message();
        while let Some(message) = messages.next().await {
            tracker.message(message.get_payload_bytes()).await;
        }
        tracing::warn!("the connection for live notices is lost");
        connection = listen_again(&link, &channel).await;
        if let Err(cause) = tracker.catch_up().await {
            // Every later announcement names its predecessor, so the gap is found again.
            tracing::warn!(%cause, "missed notices could not be read from the stream yet");
        }
    }
}

async fn listen_again(link: &Link, channel: &str) -> PubSub {
    let mut backoff = Backoff::new();
    loop {
        backoff.pause().await;
        match link.listen(channel).await {
            Ok(connection) => return connection,
            Err(cause) => tracing::debug!(%cause, "Redis is still away"),
        }
    }
}

/// The position of the last entry; the beginning when there is none.
async fn end_of(link: &Link, stream: &str) -> Result<Position, LogError> {
    let mut question = cmd("XREVRANGE");
    question.arg(stream).arg("+").arg("-").arg("COUNT").arg(1);
    let last: Vec<Value> = link.ask(&question).await?;
    Ok(last.into_iter().next().and_then(entry::position).unwrap_or_default())
}
