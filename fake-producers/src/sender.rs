//! Batches over one connection that is kept alive: the small tokio adapter around any
//! [`Wire`]. Bounded, retrying, and nothing is dropped without being counted. This file is the
//! handle; `connection.rs` is the task that owns the socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tailrace_contract::codec::Codec;
use tailrace_contract::{RunId, Wire, identity::RUN_HEADER};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::connection::{Attempt, Connection};
use crate::dial::dial;
use crate::tally::SharedTally;
use crate::tls::Tls;

/// Makes the client half for a new connection; called again for each reconnection.
pub type Connect = Arc<dyn Fn() -> Box<dyn Wire> + Send + Sync>;

/// Where and how a sender sends.
#[derive(Debug, Clone)]
pub struct SenderConfig {
    /// Path and query of the request. Message transports ignore it.
    pub target: String,
    /// Headers of the request. Message transports ignore them.
    pub headers: Vec<(String, String)>,
    /// Batches that may wait for an answer or a retry, at least 1; more wait in
    /// [`Sender::send`].
    pub in_flight_max: usize,
    /// How often a batch is sent again at most.
    pub retries_max: u32,
    /// Attempts to reconnect without an answer in between, before the sender gives up.
    pub reconnects_max: u32,
    /// Pause before the first retry or reconnection; it doubles each time. Half of each pause
    /// is random, so that a fleet does not return all at once.
    pub backoff_first: Duration,
    /// Longest pause.
    pub backoff_max: Duration,
    /// A connection that owes answers and says nothing for this long is broken.
    pub answer_timeout: Duration,
    /// How connections begin; none: in clear text.
    pub tls: Option<Tls>,
}

impl Default for SenderConfig {
    fn default() -> Self {
        Self {
            target: "/v1/ingest".into(),
            headers: Vec::new(),
            in_flight_max: 64,
            retries_max: 10,
            reconnects_max: 10,
            backoff_first: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(30),
            tls: None,
        }
    }
}

impl SenderConfig {
    /// The defaults for bodies of that codec, with the header that makes retries safe.
    pub fn of_run(run: RunId, codec: Codec) -> Self {
        let content_type = ("content-type".into(), codec.content_type().into());
        let headers = vec![content_type, (RUN_HEADER.into(), run.to_string())];
        Self { headers, ..Self::default() }
    }
}

/// A sender that cannot be made, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// Nobody listens, or the address cannot be reached.
    #[error("cannot connect to {addr}: {cause}; is the server running there?")]
    Connect {
        /// Where.
        addr: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Somebody listens, and TLS did not come about.
    #[error("no TLS connection with {addr}: {cause}")]
    Handshake {
        /// Where.
        addr: SocketAddr,
        /// Why, with what to try.
        cause: String,
    },
    /// The connection was lost for good.
    #[error("gave up on {addr} after {attempts} attempts without an answer; the last: {cause}")]
    Lost {
        /// Where.
        addr: SocketAddr,
        /// How many attempts to reconnect.
        attempts: u32,
        /// What the last one saw.
        cause: String,
    },
    /// The sender's task ended for another reason.
    #[error("the sender has ended")]
    Ended,
}

/// A handle to one connection. Dropping it abandons what is in flight, which is then counted
/// as given up.
#[derive(Debug)]
pub struct Sender {
    batches: mpsc::Sender<Attempt>,
    task: JoinHandle<Result<(), SenderError>>,
    cut: CancellationToken,
    _cut_on_drop: DropGuard,
    tally: SharedTally,
}

impl Sender {
    /// Connects once; later it reconnects by itself. `seed` is for the random half of pauses.
    ///
    /// # Errors
    /// The first connection fails: most likely the address is wrong, so it is not retried.
    pub async fn connect(
        addr: SocketAddr,
        connect: Connect,
        config: SenderConfig,
        seed: u64,
        tally: SharedTally,
    ) -> Result<Self, SenderError> {
        let dialed = dial(addr, config.tls.as_ref()).await?;
        let (batches, queue) = mpsc::channel(1);
        let cut = CancellationToken::new();
        let connection = Connection::new(addr, connect, config, seed, queue, tally.clone());
        let task = tokio::spawn(connection.run(dialed, cut.clone()));
        Ok(Self { batches, task, _cut_on_drop: cut.clone().drop_guard(), cut, tally })
    }

    /// Hands over one body of `metrics` metrics; waits while too many are in flight. `key`
    /// must differ from those in flight. Dropping the future hands nothing over.
    ///
    /// # Errors
    /// The sender has ended; [`Sender::finish`] says why.
    pub async fn send(
        &mut self,
        key: u64,
        metrics: usize,
        body: Vec<u8>,
    ) -> Result<(), SenderError> {
        let place = self.batches.reserve().await.map_err(|_| SenderError::Ended)?;
        {
            // Counted before it can be answered: no snapshot shows more outcomes than batches.
            let mut tally = self.tally.lock();
            tally.sent += 1;
            tally.metrics += metrics as u64;
        }
        place.send(Attempt::first(key, body));
        Ok(())
    }

    /// Waits until every batch has an outcome, at most for `deadline`; the rest is given up.
    ///
    /// # Errors
    /// The connection had been lost for good.
    pub async fn finish(self, deadline: Duration) -> Result<(), SenderError> {
        let Self { batches, mut task, cut, .. } = self;
        drop(batches);
        let ended = tokio::select! {
            ended = &mut task => ended,
            () = tokio::time::sleep(deadline) => {
                cut.cancel();
                task.await
            }
        };
        ended.unwrap_or(Err(SenderError::Ended))
    }
}
