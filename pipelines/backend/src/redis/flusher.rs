//! The one task that writes to the stream. While a flush is on its way the next one fills:
//! the busier the log, the larger the flush, without any timer. The announcement of a flush
//! rides in the next one, which follows at once when nothing else waits.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError, RedisResult, Value, cmd};
use tailrace_contract::{LogError, Position};
use tokio::time::{sleep, timeout};

use super::announce::Announcer;
use super::link::log_error;
use super::waiting::Pending;
use super::{Shared, entry};

/// Batches of one flush: larger ones gain nothing more per batch and only take longer.
const FLUSH_MAX: usize = 256;
/// Bytes of one flush, so that large batches do not make one flush take a second.
const FLUSH_BYTES_MAX: usize = 4 << 20;
/// An idle connection is tried so often: a Redis that went away is noticed before the next
/// batch has to find out.
const IDLE_PING: Duration = Duration::from_secs(1);
/// Pauses between attempts to connect again.
const BACKOFF_MIN: Duration = Duration::from_millis(10);
/// A Redis that comes back is found within about this time.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Runs until it is aborted.
pub(super) async fn flush_forever(shared: Arc<Shared>, mut connection: MultiplexedConnection) {
    let mut flusher = Flusher::new(shared);
    loop {
        let cause = flusher.flush_until_lost(&mut connection).await;
        tracing::warn!(%cause, "the connection to Redis is lost");
        flusher.shared.waiting.disconnected(&cause);
        flusher.announcer.doubt();
        connection = flusher.connect_again().await;
        flusher.shared.waiting.connected();
        tracing::info!("connected to Redis again");
    }
}

struct Flusher {
    shared: Arc<Shared>,
    writer: String,
    announcer: Announcer,
}

impl Flusher {
    fn new(shared: Arc<Shared>) -> Self {
        let writer = random();
        Self { shared, writer: format!("{writer:016x}"), announcer: Announcer::new(writer) }
    }

    /// Answers why it ended.
    async fn flush_until_lost(&mut self, connection: &mut MultiplexedConnection) -> String {
        loop {
            let batches = self.shared.waiting.take(FLUSH_MAX, FLUSH_BYTES_MAX);
            let message = self.announcer.message();
            if batches.is_empty()
                && message.is_none()
                && timeout(IDLE_PING, self.shared.waiting.some()).await.is_ok()
            {
                continue;
            }
            if let Err(cause) = self.flush(connection, batches, message).await {
                return format!("Redis: {cause}");
            }
        }
    }

    /// One round trip: batches, the announcement of the flush before, or only a sign of life.
    async fn flush(
        &mut self,
        connection: &mut MultiplexedConnection,
        batches: Vec<Pending>,
        message: Option<Vec<u8>>,
    ) -> Result<(), RedisError> {
        let flush = self.compose(&batches, message.as_deref());
        let answers: RedisResult<Vec<RedisResult<Value>>> = flush.query_async(connection).await;
        let bytes = batches.iter().map(|batch| batch.body.len()).sum();
        self.shared.waiting.settle(batches.len(), bytes);
        match answers {
            Ok(mut answers) => {
                if message.is_some() {
                    self.settle_announcement(answers.pop());
                }
                self.acknowledge(batches, answers);
                Ok(())
            }
            Err(fault) => {
                let error = LogError::Unreachable { cause: format!("Redis: {fault}") };
                for batch in batches {
                    // Whoever dropped the future does not want to know.
                    let _ = batch.answer.send(Err(error.clone()));
                }
                Err(fault)
            }
        }
    }

    fn compose(&self, batches: &[Pending], message: Option<&[u8]>) -> Pipeline {
        let mut flush = Pipeline::with_capacity(batches.len() + 1);
        flush.ignore_errors();
        for batch in batches {
            flush.add_command(entry::xadd(&self.shared.stream, &self.writer, batch));
        }
        if let Some(message) = message {
            flush.cmd("PUBLISH").arg(self.shared.config.channel()).arg(message);
        } else if batches.is_empty() {
            flush.add_command(cmd("PING"));
        }
        flush
    }

    fn settle_announcement(&mut self, answer: Option<RedisResult<Value>>) {
        match answer {
            Some(Err(error)) => {
                tracing::warn!(%error, "Redis refused an announcement; feeds read the stream");
                self.announcer.published();
            }
            _ => self.announcer.published(),
        }
    }

    fn acknowledge(&mut self, batches: Vec<Pending>, answers: Vec<RedisResult<Value>>) {
        let mut appended = 0;
        if !batches.is_empty() {
            self.shared.flushes.fetch_add(1, Ordering::Relaxed);
        }
        for (batch, answer) in batches.into_iter().zip(answers) {
            let position = position(answer);
            if let Ok(position) = position {
                appended += 1;
                self.announcer.add(batch.id, position);
            }
            // Whoever dropped the future does not want to know.
            let _ = batch.answer.send(position);
        }
        self.shared.appended.fetch_add(appended, Ordering::Relaxed);
    }

    async fn connect_again(&self) -> MultiplexedConnection {
        let mut backoff = Backoff::new();
        loop {
            backoff.pause().await;
            match self.shared.link.connect_unhurried().await {
                Ok(connection) => return connection,
                Err(cause) => tracing::debug!(%cause, "Redis is still away"),
            }
        }
    }
}

/// The position that XADD answered.
fn position(answer: RedisResult<Value>) -> Result<Position, LogError> {
    let answer = answer.map_err(|error| log_error(&error))?;
    let id = match &answer {
        Value::BulkString(id) => std::str::from_utf8(id).ok().and_then(|id| id.parse().ok()),
        _ => None,
    };
    id.ok_or_else(|| LogError::Backend { cause: format!("XADD answered {answer:?}") })
}

/// Exponential pauses with jitter, so that many servers do not come back in step.
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: BACKOFF_MIN }
    }

    /// Waits between half of the current pause and all of it; the next one is twice as long.
    pub(super) async fn pause(&mut self) {
        let half = self.next / 2;
        let jitter = half.as_micros() as u64;
        sleep(half + Duration::from_micros(random() % (jitter + 1))).await;
        self.next = (self.next * 2).min(BACKOFF_MAX);
    }
}

/// A number that differs from process to process and call to call; not for secrets. The
/// standard library seeds its hash tables that way.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
