//! One load after the other into the store. When a load leaves here, every entry of it is in the
//! store, as a batch or as a dead letter; only then may the log be told. Next: `finisher.rs`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tailrace_contract::codec::Codec;
use tailrace_contract::probe::{Point, reached};
use tailrace_contract::{Batch, DeadLetter, Delivery, Position, Store, Unreadable};
use tokio::sync::mpsc;

use crate::batching::Load;
use crate::isolate::commit_all;
use crate::options::Options;
use crate::progress::Progress;
use crate::reader::Handed;
use crate::retry::Backoff;

pub(crate) struct Committer {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) options: Arc<Options>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) backoff: Backoff,
}

/// A load that needs nothing of the store any more.
pub(crate) struct Done {
    /// Every entry of the load.
    pub(crate) positions: Vec<Position>,
    /// Its batches, those that were refused included.
    pub(crate) batches: Arc<Vec<Batch>>,
    /// Places of the refused ones.
    pub(crate) refused: HashSet<usize>,
}

impl Done {
    /// The batches that are in the store.
    pub(crate) fn stored(&self) -> impl Iterator<Item = &Batch> {
        let batches = self.batches.iter().enumerate();
        batches.filter(|(place, _)| !self.refused.contains(place)).map(|(_, batch)| batch)
    }
}

impl Committer {
    /// Commits until no more loads come.
    pub(crate) async fn run(mut self, mut loads: mpsc::Receiver<Handed>, out: mpsc::Sender<Done>) {
        while let Some((load, permit)) = loads.recv().await {
            let done = self.commit(load).await;
            // The next commit goes on its way while the log is told of this one.
            drop(permit);
            reached(Point::AfterCommit);
            if out.send(done).await.is_err() {
                return;
            }
        }
    }

    async fn commit(&mut self, load: Load) -> Done {
        let positions = load.positions();
        let (places, batches, mut letters) = self.sort(load.deliveries);
        let batches = Arc::new(batches);
        let sorted = commit_all(&*self.store, &batches, (&mut self.backoff, &self.progress)).await;
        let now = wall_ms();
        for (place, reason) in &sorted.refused {
            letters.push(self.refused(places[*place], &batches[*place], reason.clone(), now));
        }
        self.bury(letters).await;
        let refused = sorted.refused.into_iter().map(|(place, _)| place).collect();
        let done = Done { positions, batches, refused };
        self.progress.committed(sorted.committed, done.stored(), now);
        done
    }

    /// Readable entries with their positions, and letters of the others.
    fn sort(&self, deliveries: Vec<Delivery>) -> (Vec<Position>, Vec<Batch>, Vec<DeadLetter>) {
        let (mut places, mut batches, mut letters) = (Vec::new(), Vec::new(), Vec::new());
        let now = wall_ms();
        for delivery in deliveries {
            match delivery.content {
                Ok(batch) => {
                    places.push(delivery.position);
                    batches.push(batch);
                }
                Err(unreadable) => {
                    letters.push(self.unreadable(delivery.position, unreadable, now));
                }
            }
        }
        (places, batches, letters)
    }

    fn unreadable(&self, position: Position, entry: Unreadable, buried_ms: u64) -> DeadLetter {
        let Unreadable { reason, id, body } = entry;
        let log = self.options.log.clone();
        DeadLetter { log, position, id, reason, body, received_ms: None, buried_ms }
    }

    /// The log gave metrics, not bytes: the letter's body is written anew, as JSON, which people
    /// can read.
    fn refused(&self, position: Position, batch: &Batch, reason: String, now: u64) -> DeadLetter {
        let mut body = Vec::new();
        let (producer, seq) = (&batch.id.producer, batch.id.seq);
        Codec::Json.encode_batch(producer, seq, &batch.metrics, &mut body);
        DeadLetter {
            log: self.options.log.clone(),
            position,
            id: Some(batch.id.clone()),
            reason,
            body: Bytes::from(body),
            received_ms: Some(batch.received_ms),
            buried_ms: now,
        }
    }

    /// Tries until the letters are kept: an entry that is neither stored nor kept would be lost.
    async fn bury(&mut self, letters: Vec<DeadLetter>) {
        if letters.is_empty() {
            return;
        }
        for letter in &letters {
            let (position, reason) = (letter.position, &letter.reason);
            tracing::warn!(%position, reason, "an entry cannot be stored: see tailrace dlq list");
        }
        let number = letters.len() as u64;
        while let Err(error) = self.store.bury(letters.clone()).await {
            self.progress.store_answered(Some(&error));
            self.backoff.pause().await;
        }
        self.progress.store_answered(None);
        self.backoff.reset();
        self.progress.buried(number);
    }
}

/// The wall clock; for ages that people read, never for waiting.
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
