//! Batches that wait for the next flush, and those that are on their way. Bounded in entries
//! and bytes. Nobody but the flusher ever waits here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tailrace_contract::{Batch, BatchId, LogError, Position};
use tokio::sync::{Notify, oneshot};

use super::RedisLimits;

/// One batch and whoever waits for its acknowledgement.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: BatchId,
    pub(super) received_ms: u64,
    pub(super) metrics: usize,
    pub(super) body: Bytes,
    pub(super) answer: oneshot::Sender<Result<Position, LogError>>,
}

/// The queue in front of the flusher.
#[derive(Debug)]
pub(super) struct Waiting {
    limits: RedisLimits,
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    list: std::collections::VecDeque<Pending>,
    /// Waiting and on their way.
    count: usize,
    bytes: usize,
    /// Why appends are refused at the moment.
    lost: Option<String>,
}

impl Waiting {
    pub(super) fn new(limits: RedisLimits) -> Self {
        Self { limits, state: Mutex::default(), wake: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while holding it leaves plain lists and counters: still usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a batch, or refuses it at once.
    pub(super) fn push(
        &self,
        batch: Batch,
        body: Bytes,
    ) -> Result<oneshot::Receiver<Result<Position, LogError>>, LogError> {
        let mut state = self.state();
        if let Some(cause) = &state.lost {
            return Err(LogError::Unreachable { cause: cause.clone() });
        }
        let limits = &self.limits;
        if state.count >= limits.waiting_max || state.bytes + body.len() > limits.waiting_bytes_max
        {
            return Err(self.full(&state));
        }
        let (answer, receiver) = oneshot::channel();
        state.count += 1;
        state.bytes += body.len();
        let (id, received_ms, metrics) = (batch.id, batch.received_ms, batch.metrics.len());
        state.list.push_back(Pending { id, received_ms, metrics, body, answer });
        drop(state);
        self.wake.notify_one();
        Ok(receiver)
    }

    fn full(&self, state: &State) -> LogError {
        let what = format!(
            "{} of {} batches and {} of {} bytes wait for Redis; send more slowly and try again",
            state.count, self.limits.waiting_max, state.bytes, self.limits.waiting_bytes_max
        );
        LogError::Full { what }
    }

    /// Resolves when there may be something to take.
    pub(super) async fn some(&self) {
        self.wake.notified().await;
    }

    /// Moves at most `max` batches of at most about `bytes_max` bytes to the flusher, which
    /// must [`Self::settle`] them.
    pub(super) fn take(&self, max: usize, bytes_max: usize) -> Vec<Pending> {
        let mut state = self.state();
        let (mut n, mut bytes) = (0, 0);
        while n < max && bytes < bytes_max && n < state.list.len() {
            bytes += state.list[n].body.len();
            n += 1;
        }
        state.list.drain(..n).collect()
    }

    /// So many batches of so many bytes are answered for.
    pub(super) fn settle(&self, count: usize, bytes: usize) {
        let mut state = self.state();
        state.count -= count;
        state.bytes -= bytes;
    }

    /// From now on appends are refused; those that wait are refused now.
    pub(super) fn disconnected(&self, cause: &str) {
        let mut state = self.state();
        state.lost = Some(cause.to_owned());
        let list = std::mem::take(&mut state.list);
        state.count -= list.len();
        state.bytes -= list.iter().map(|pending| pending.body.len()).sum::<usize>();
        drop(state);
        for pending in list {
            // Whoever dropped the future does not want to know.
            let _ = pending.answer.send(Err(LogError::Unreachable { cause: cause.to_owned() }));
        }
    }

    /// Appends are taken again.
    pub(super) fn connected(&self) {
        self.state().lost = None;
    }

    /// Why appends are refused at the moment, if they are.
    pub(super) fn lost(&self) -> Option<String> {
        self.state().lost.clone()
    }

    pub(super) fn count(&self) -> usize {
        self.state().count
    }
}
