//! Alerts over Redis: whoever finds one tells every server under the same prefix. Each keeps the
//! last ones in its own memory; one that starts later begins with none, and one that lost its
//! connection misses what was told meanwhile. Nothing is kept in Redis.

use std::sync::Arc;

use futures_util::StreamExt;
use redis::aio::PubSub;
use tailrace_contract::{Alert, AlertStream, Alerts, BoxFuture, LogError, Tenant};
use tokio::task::JoinHandle;

use super::RedisConfig;
use super::flusher::Backoff;
use super::link::Link;
use crate::alerts::LocalAlerts;

/// Hears every alert under a prefix.
#[derive(Debug)]
pub struct RedisAlerts {
    link: Arc<Link>,
    local: Arc<LocalAlerts>,
    channel: String,
    listener: JoinHandle<()>,
}

impl RedisAlerts {
    /// Connects and listens, and does so again when the connection is lost. Must be called within
    /// a tokio runtime; the task stops when this is dropped.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn connect(config: &RedisConfig) -> Result<Arc<Self>, LogError> {
        let (link, local) = (Arc::new(Link::new(&config.url)?), Arc::default());
        let channel = format!("{}:alerts", config.prefix);
        let connection = link.listen(&channel).await?;
        let listening =
            listen_forever(Arc::clone(&link), channel.clone(), Arc::clone(&local), connection);
        let listener = tokio::spawn(listening);
        Ok(Arc::new(Self { link, local, channel, listener }))
    }
}

impl Drop for RedisAlerts {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Alerts for RedisAlerts {
    /// This process hears its own alerts from Redis like all others. A Redis that is away loses
    /// them.
    fn publish(&self, alerts: Vec<Alert>) -> BoxFuture<'static, ()> {
        let (link, channel) = (Arc::clone(&self.link), self.channel.clone());
        Box::pin(async move {
            // Strings and finite numbers always serialize.
            let message = serde_json::to_vec(&alerts).unwrap_or_default();
            if let Err(cause) = link.publish(&channel, &message).await {
                tracing::warn!(%cause, "alerts were not published");
            }
        })
    }

    fn recent(&self, tenant: Option<&Tenant>, limit: usize) -> Vec<Alert> {
        self.local.recent(tenant, limit)
    }

    fn subscribe(&self) -> AlertStream {
        self.local.subscribe()
    }
}

async fn listen_forever(
    link: Arc<Link>,
    channel: String,
    local: Arc<LocalAlerts>,
    mut connection: PubSub,
) {
    loop {
        let mut messages = connection.into_on_message();
        while let Some(message) = messages.next().await {
            match serde_json::from_slice(message.get_payload_bytes()) {
                Ok(alerts) => local.tell(alerts),
                Err(error) => tracing::debug!(%error, "a message that is no alert"),
            }
        }
        connection = listen_again(&link, &channel).await;
    }
}

async fn listen_again(link: &Link, channel: &str) -> PubSub {
    let mut backoff = Backoff::new();
    loop {
        backoff.pause().await;
        if let Ok(connection) = link.listen(channel).await {
            return connection;
        }
    }
}
