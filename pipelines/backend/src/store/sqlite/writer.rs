//! The one writer: a thread of its own, because a call of SQLite blocks. Commits that wait while
//! one is on its way are taken together into the next transaction, as a log takes its appends:
//! the disk is synced once for all of them, and each caller gets its own account.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tailrace_contract::{Batch, Committed, StoreError};
use tokio::sync::{mpsc, oneshot};

use super::fault::told;
use super::write;

/// Calls that wait for the writer; one more waits to wait.
const WAITING_MAX: usize = 256;
/// Metrics after which a transaction takes no further caller in: it would only become longer for
/// those who are in it.
const GROUP_METRICS_MAX: usize = 20_000;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Batches that a caller wants to be stored.
struct Waiting {
    batches: Arc<Vec<Batch>>,
    answer: Answer<Committed>,
}

enum Job {
    Commit(Waiting),
    /// Anything else, which has a transaction of its own.
    Alone(Box<dyn FnOnce(&mut Connection) + Send>),
    /// Look whether it is time to end.
    Look,
}

/// The way to the thread.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    ending: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection) -> Result<(Self, JoinHandle<()>), StoreError> {
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        let ending = Arc::new(AtomicBool::new(false));
        let own = ending.clone();
        let thread = thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || run(connection, waiting, &own))
            .map_err(|error| StoreError::Unreachable {
                cause: format!("the thread that writes could not be started: {error}"),
            })?;
        Ok((Self { jobs, ending }, thread))
    }

    /// Lets the thread end after what waits now. Futures that nobody polls may hold on to the
    /// way, so its end is no sign.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::Release);
        // Where there is no room, a job is under way, after which it looks by itself.
        let _ = self.jobs.try_send(Job::Look);
    }

    pub(super) async fn commit(&self, batches: Arc<Vec<Batch>>) -> Result<Committed, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Commit(Waiting { batches, answer }), answered).await
    }

    /// Has other work done, in a transaction of its own.
    pub(super) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        // Who asked may have gone: the work is done all the same.
        let work = Box::new(|connection: &mut _| drop(answer.send(work(connection))));
        self.send(Job::Alone(work), answered).await
    }

    async fn send<T>(
        &self,
        job: Job,
        answered: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let ended =
            || StoreError::Backend { cause: "the thread that writes to SQLite has ended".into() };
        self.jobs.send(job).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

fn run(mut connection: Connection, mut jobs: mpsc::Receiver<Job>, ending: &AtomicBool) {
    let mut next = None;
    loop {
        let waiting = next.take().or_else(|| {
            let last = ending.load(Ordering::Acquire);
            if last { jobs.try_recv().ok() } else { jobs.blocking_recv() }
        });
        let Some(job) = waiting else { break };
        match job {
            Job::Commit(first) => {
                let group;
                (group, next) = gather(first, &mut jobs);
                commit(&mut connection, group);
            }
            Job::Alone(work) => work(&mut connection),
            Job::Look => {}
        }
    }
}

/// Takes in the commits that wait, in their order; what else waits in between comes after them.
fn gather(first: Waiting, jobs: &mut mpsc::Receiver<Job>) -> (Vec<Waiting>, Option<Job>) {
    let size = |waiting: &Waiting| waiting.batches.iter().map(|batch| batch.metrics.len()).sum();
    let mut metrics: usize = size(&first);
    let mut group = vec![first];
    while metrics < GROUP_METRICS_MAX {
        match jobs.try_recv() {
            Ok(Job::Commit(waiting)) => {
                metrics += size(&waiting);
                group.push(waiting);
            }
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}

/// Commits a group. One that fails is committed caller by caller, so that none is failed by
/// another's content.
fn commit(connection: &mut Connection, group: Vec<Waiting>) {
    match write::commit(connection, group.iter().map(|waiting| waiting.batches.as_slice())) {
        Ok(committed) => {
            for (waiting, committed) in group.into_iter().zip(committed) {
                // Who asked may have gone: it is stored all the same.
                let _ = waiting.answer.send(Ok(committed));
            }
        }
        Err(error) if group.len() == 1 => {
            for waiting in group {
                let _ = waiting.answer.send(Err(told(&error)));
            }
        }
        Err(_) => group.into_iter().for_each(|waiting| commit(connection, vec![waiting])),
    }
}
