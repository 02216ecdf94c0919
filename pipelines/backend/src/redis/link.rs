//! Connections to Redis: how they are made, kept and given up, and what a failure means.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, IntoConnectionInfo, RedisError,
    RedisResult, ServerErrorKind,
};
use tailrace_contract::LogError;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::masked;

/// Opening a connection, greetings included. A paused Redis accepts but does not greet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// An answer to a question outside of the flush. Long enough for a page of large entries.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A client with one shared connection for questions; opened when needed, dropped when broken.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    shared: Mutex<Option<MultiplexedConnection>>,
}

impl Link {
    /// Reads the URL; connects to nothing yet.
    pub(super) fn new(url: &str) -> Result<Self, LogError> {
        let unusable = |fault: RedisError| LogError::Unreachable {
            cause: format!(
                "the URL {:?} is not usable ({fault}); try redis://127.0.0.1:6379/",
                masked(url)
            ),
        };
        let info = url.into_connection_info().map_err(unusable)?;
        // Off by default in this client; a flush must not wait for an acknowledgement.
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = Client::open(info).map_err(unusable)?;
        Ok(Self { client, shared: Mutex::new(None) })
    }

    /// A connection of one's own that waits for answers as long as it takes: a paused Redis
    /// delays an acknowledgement but does not fail it.
    pub(super) async fn connect_unhurried(&self) -> Result<MultiplexedConnection, LogError> {
        self.open_unhurried().await.map_err(|error| log_error(&error))
    }

    /// The same, with the client's own error.
    pub(super) async fn open_unhurried(&self) -> RedisResult<MultiplexedConnection> {
        self.connect(None).await
    }

    async fn connect(&self, answer: Option<Duration>) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(answer);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        within_connect_timeout(connecting).await
    }

    /// A connection that can only listen.
    pub(super) async fn listen(&self, channel: &str) -> Result<redis::aio::PubSub, LogError> {
        let listening = within_connect_timeout(async {
            let mut connection = self.client.get_async_pubsub().await?;
            connection.subscribe(channel).await?;
            Ok(connection)
        });
        listening.await.map_err(|error| log_error(&error))
    }

    /// Asks one question over the shared connection. A connection that broke since the last
    /// question is opened again and the question repeated, so it must be one that may be asked
    /// twice.
    pub(super) async fn ask<T: FromRedisValue>(&self, question: &Cmd) -> Result<T, LogError> {
        self.try_ask(question).await.map_err(|error| log_error(&error))
    }

    /// The same, with the client's own error: some answers of Redis are errors by form only.
    pub(super) async fn try_ask<T: FromRedisValue>(&self, question: &Cmd) -> RedisResult<T> {
        match self.ask_once(question).await {
            Err(error) if error.is_connection_dropped() => self.ask_once(question).await,
            answer => answer,
        }
    }

    /// Publishes over the shared connection, never twice.
    pub(super) async fn publish(&self, channel: &str, message: &[u8]) -> Result<(), LogError> {
        let mut publish = redis::cmd("PUBLISH");
        let receivers = self.ask_once::<u64>(publish.arg(channel).arg(message)).await;
        receivers.map(drop).map_err(|error| log_error(&error))
    }

    async fn ask_once<T: FromRedisValue>(&self, question: &Cmd) -> RedisResult<T> {
        let mut connection = self.connection().await?;
        let answer = question.query_async(&mut connection).await;
        if let Err(error) = &answer
            && (error.is_unrecoverable_error() || error.is_timeout())
        {
            *self.shared.lock().await = None;
        }
        answer
    }

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let mut shared = self.shared.lock().await;
        if let Some(connection) = &*shared {
            return Ok(connection.clone());
        }
        let connection = self.connect(Some(ANSWER_TIMEOUT)).await?;
        Ok(shared.insert(connection).clone())
    }
}

async fn within_connect_timeout<T>(
    connecting: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| {
        let text = format!("no greeting within {CONNECT_TIMEOUT:?}; is it paused?");
        Err(std::io::Error::new(std::io::ErrorKind::TimedOut, text).into())
    })
}

/// What a failure of this client means to whoever appends or asks.
pub(super) fn log_error(error: &RedisError) -> LogError {
    let cause = format!("Redis: {error}");
    match error.kind() {
        redis::ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown) => {
            LogError::Unreachable { cause }
        }
        _ if error.code() == Some("OOM") => LogError::Full {
            what: format!("Redis is at its maxmemory ({error}); raise it or trim the stream"),
        },
        redis::ErrorKind::Io => LogError::Unreachable { cause },
        _ if error.is_unrecoverable_error() => LogError::Unreachable { cause },
        _ => LogError::Backend { cause },
    }
}
