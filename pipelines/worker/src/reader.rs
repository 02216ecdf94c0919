//! Fills commits while others are on their way. It holds one load at most: a reader whose load
//! is full waits for the committer, and with it the log, which is where a backlog belongs.

use std::sync::Arc;

use tailrace_contract::probe::{Point, reached};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::batching::{Appetite, Load};
use crate::claim::{Answer, Asked, Source};
use crate::hold::Hold;
use crate::options::Options;
use crate::progress::Progress;

/// A load and the right to be committed, which goes back when that is done.
pub(crate) type Handed = (Load, OwnedSemaphorePermit);

pub(crate) struct Reader {
    pub(crate) source: Source,
    pub(crate) options: Arc<Options>,
    pub(crate) hold: Hold,
    pub(crate) progress: Arc<Progress>,
    pub(crate) stopping: CancellationToken,
    /// Has one permit: one commit at a time keeps a producer's batches in order.
    pub(crate) turn: Arc<Semaphore>,
    pub(crate) out: mpsc::Sender<Handed>,
    appetite: Appetite,
    load: Load,
    /// When the load must go, full or not.
    due: Instant,
}

/// What happened first.
enum Event {
    Stop,
    Due,
    Read(Answer),
    Turn(OwnedSemaphorePermit),
}

impl Reader {
    pub(crate) fn new(
        source: Source,
        options: Arc<Options>,
        (hold, progress): (Hold, Arc<Progress>),
        stopping: CancellationToken,
        out: mpsc::Sender<Handed>,
    ) -> Self {
        let (turn, appetite) = (Arc::new(Semaphore::new(1)), Appetite::new());
        let (load, due) = (Load::default(), Instant::now());
        Self { source, options, hold, progress, stopping, turn, out, appetite, load, due }
    }

    /// Reads until it is told to stop, then hands over what it holds. Ends early when nobody
    /// commits any more.
    pub(crate) async fn run(mut self) {
        let mut reading: Option<Asked> = None;
        while !self.stopping.is_cancelled() {
            if reading.is_none() && !self.load.is_full(&self.options) {
                reading = Some(self.source.ask(self.appetite.entries(&self.options)));
            }
            match self.next_event(&mut reading).await {
                Event::Stop | Event::Due => {}
                Event::Read(answer) => {
                    reading = None;
                    self.take(answer);
                }
                Event::Turn(permit) => {
                    if self.hand_over(permit).await.is_err() {
                        return;
                    }
                }
            }
        }
        // What a question on its way brings is this member's already.
        if let Some(reading) = reading {
            let answer = reading.await;
            self.take(answer);
        }
        if !self.load.is_empty()
            && let Ok(permit) = Arc::clone(&self.turn).acquire_owned().await
        {
            // Nobody commits any more: the entries stay pending.
            let _ = self.hand_over(permit).await;
        }
    }

    async fn next_event(&self, reading: &mut Option<Asked>) -> Event {
        let loaded = !self.load.is_empty();
        let ripe = loaded && (Instant::now() >= self.due || self.load.is_full(&self.options));
        let asked = async {
            match reading {
                Some(reading) => reading.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.stopping.cancelled() => Event::Stop,
            Ok(permit) = Arc::clone(&self.turn).acquire_owned(), if ripe => Event::Turn(permit),
            () = sleep_until(self.due), if loaded && !ripe => Event::Due,
            answer = asked => Event::Read(answer),
        }
    }

    fn take(&mut self, answer: Answer) {
        self.progress.log_answered(answer.is_ok());
        let deliveries = self.hold.take(self.source.answered(answer));
        if deliveries.is_empty() {
            return;
        }
        self.progress.took(deliveries.len());
        reached(Point::AfterRead);
        self.appetite.learn(&deliveries);
        if self.load.is_empty() {
            self.due = Instant::now() + self.options.commit_age;
        }
        self.load.add(deliveries);
    }

    async fn hand_over(
        &mut self,
        permit: OwnedSemaphorePermit,
    ) -> Result<(), mpsc::error::SendError<Handed>> {
        self.out.send((std::mem::take(&mut self.load), permit)).await
    }
}
