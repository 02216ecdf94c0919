//! Counts what a door answered. It wraps any ingest, so that transports need not count.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tailrace_contract::{Answer, Caller, Ingest, Problem};

/// Answers by status since the start. Shared by all listeners of a pipeline.
#[derive(Debug, Default)]
pub struct IngestCounts {
    batches: AtomicU64,
    metrics: AtomicU64,
    refused: [AtomicU64; REFUSALS.len()],
}

/// The statuses that a door can refuse with; the last one stands for any other.
const REFUSALS: [u16; 7] = [400, 401, 403, 413, 429, 503, 500];

impl IngestCounts {
    /// Accounts one answer.
    pub fn add(&self, answer: &Answer) {
        match &answer.outcome {
            Ok(accepted) => {
                self.batches.fetch_add(1, Ordering::Relaxed);
                self.metrics.fetch_add(accepted.metrics as u64, Ordering::Relaxed);
            }
            Err(problem) => self.refuse(Some(problem)),
        }
    }

    fn refuse(&self, problem: Option<&Problem>) {
        let Some(status) = problem.map(Problem::status) else { return };
        let at = REFUSALS.iter().position(|&known| known == status);
        self.refused[at.unwrap_or(REFUSALS.len() - 1)].fetch_add(1, Ordering::Relaxed);
    }

    /// Batches that were acknowledged.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Metrics in the acknowledged batches.
    pub fn metrics(&self) -> u64 {
        self.metrics.load(Ordering::Relaxed)
    }

    /// Refusals by status.
    pub fn refused(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        REFUSALS.iter().zip(&self.refused).map(|(&status, n)| (status, n.load(Ordering::Relaxed)))
    }
}

/// An ingest whose answers are counted. An answer that nobody waits for any more is not.
#[derive(Debug, Clone)]
pub struct Counted<I> {
    inner: I,
    counts: Arc<IngestCounts>,
}

impl<I> Counted<I> {
    /// Wraps a door.
    pub fn new(inner: I) -> Self {
        Self { inner, counts: Arc::default() }
    }

    /// The counts, for [`crate::Observer::counts`].
    pub fn counts(&self) -> Arc<IngestCounts> {
        Arc::clone(&self.counts)
    }
}

impl<I: Ingest> Ingest for Counted<I> {
    fn admit(&self, caller: &Caller, body: Bytes) -> impl Future<Output = Answer> + Send + 'static {
        let (admitted, counts) = (self.inner.admit(caller, body), Arc::clone(&self.counts));
        async move {
            let answer = admitted.await;
            counts.add(&answer);
            answer
        }
    }

    fn asks(&self) -> bool {
        self.inner.asks()
    }

    fn recognise(&self, caller: &mut Caller) -> Result<(), Problem> {
        let recognised = self.inner.recognise(caller);
        self.counts.refuse(recognised.as_ref().err());
        recognised
    }

    fn welcome(
        &self,
        caller: Caller,
    ) -> impl Future<Output = Result<Caller, Problem>> + Send + 'static {
        let (welcome, counts) = (self.inner.welcome(caller), Arc::clone(&self.counts));
        async move {
            let welcomed = welcome.await;
            counts.refuse(welcomed.as_ref().err());
            welcomed
        }
    }
}
