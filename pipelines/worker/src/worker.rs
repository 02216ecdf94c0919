//! A worker: one or more members of a group, each a chain of three tasks. The reader fills a
//! load while the committer waits for the store with the one before, and the finisher tells log
//! and feeds of the one before that. Each hands on to the next only when that one is free, so
//! memory is bounded whatever waits in the log.

use std::sync::Arc;
use std::time::Duration;

use tailrace_contract::{AfterCommit, Bus, Group, Lag, Log, LogError, Store};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::claim::{Source, fresh_member};
use crate::committer::Committer;
use crate::finisher::Finisher;
use crate::hold::Hold;
use crate::options::Options;
use crate::progress::Progress;
use crate::reader::Reader;
use crate::retry::Backoff;

/// What a worker stands between.
#[derive(Clone)]
pub struct Parts {
    /// Where batches come from.
    pub log: Arc<dyn Log>,
    /// Where they go.
    pub store: Arc<dyn Store>,
    /// Where it is told that they are durable.
    pub bus: Arc<dyn Bus>,
    /// Who else wants to know what was committed.
    pub after: Option<Arc<dyn AfterCommit>>,
}

/// A running worker. Dropping it stops it where it stands: what it had in hand stays pending and
/// is claimed by another, or by the next one on the same log.
pub struct Worker {
    tasks: JoinSet<()>,
    stopping: CancellationToken,
    group: Arc<dyn Group>,
    progress: Arc<Progress>,
}

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Everything that it had read is stored and acknowledged.
    Whole,
    /// The deadline passed first: what is missing stays pending in the log.
    Cut,
}

/// Between looks at the lag while waiting for the end of the log.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Worker {
    /// Opens the group and begins to work. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The log has no groups, or cannot be reached. Once it runs, a log or a store that goes away
    /// is waited for.
    pub async fn start(parts: &Parts, options: Options) -> Result<Self, LogError> {
        let mut worker = Self::open(parts, &options).await?;
        worker.begin(parts, options);
        Ok(worker)
    }

    /// A worker that does nothing yet.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn open(parts: &Parts, options: &Options) -> Result<Self, LogError> {
        let group = parts.log.group(&options.group).await?;
        let (stopping, progress) = (CancellationToken::new(), Arc::new(Progress::default()));
        Ok(Self { tasks: JoinSet::new(), stopping, group, progress })
    }

    /// Begins to work, with the oldest entries that no member acknowledged. With the parts and
    /// settings that it was opened with.
    pub fn begin(&mut self, parts: &Parts, options: Options) {
        let (options, hold) = (Arc::new(options), Hold::default());
        for number in 0..options.members {
            self.enlist(parts, &options, &hold, number);
        }
    }

    /// One more member.
    fn enlist(&mut self, parts: &Parts, options: &Arc<Options>, hold: &Hold, number: usize) {
        let member = fresh_member(&options.group, number);
        let backoff = || Backoff::new(options.seed.wrapping_add(number as u64));
        let (group, progress) = (Arc::clone(&self.group), Arc::clone(&self.progress));
        let finisher = Finisher {
            group: Arc::clone(&group),
            member: member.clone(),
            bus: Arc::clone(&parts.bus),
            after: parts.after.clone(),
            hold: hold.clone(),
            progress: Arc::clone(&progress),
            backoff: backoff(),
        };
        let committer = Committer {
            store: Arc::clone(&parts.store),
            options: Arc::clone(options),
            progress: Arc::clone(&progress),
            backoff: backoff(),
        };
        // One place each: whoever is ahead waits.
        let (load, loads) = mpsc::channel(1);
        let (done, commits) = mpsc::channel(1);
        let source = Source::new(group, member, hold.clone(), options);
        let shared = (hold.clone(), progress);
        let reader = Reader::new(source, Arc::clone(options), shared, self.stopping.clone(), load);
        self.tasks.spawn(reader.run());
        self.tasks.spawn(committer.run(loads, done));
        self.tasks.spawn(finisher.run(commits));
    }

    /// Its counters.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Its group: how far it is behind.
    pub fn group(&self) -> Arc<dyn Group> {
        Arc::clone(&self.group)
    }

    /// Resolves when a part of it has ended though nobody asked for it: it is of no use any more
    /// and must be started anew.
    pub async fn failed(&mut self) {
        // The set is empty only after a drain, which takes the worker.
        let _ = self.tasks.join_next().await;
    }

    /// Waits until the group has nothing left to do; false when it had after the deadline. For a
    /// log that dies with this process, once nothing is appended any more.
    pub async fn caught_up(&self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        loop {
            let lag = timeout(deadline, self.group.lag()).await;
            if let Ok(Ok(Lag { unread: 0, pending: 0, .. })) = lag {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Stops reading, commits and acknowledges what is in hand, leaves the group.
    pub async fn drain(mut self, deadline: Duration) -> Drained {
        self.stopping.cancel();
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        match timeout(deadline, finished).await {
            Ok(()) => Drained::Whole,
            Err(_) => Drained::Cut,
        }
    }
}
