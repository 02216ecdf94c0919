//! What follows a commit: caches forget, the log hears that the entries need never be given
//! again, subscribers hear that the batches are durable. Nothing here can undo the commit: an
//! acknowledgement that fails for good means that the entries are claimed and found to be there
//! already, and a notice that is lost is lost. A feed is news; the store is the truth.

use std::sync::Arc;

use tailrace_contract::{AfterCommit, Bus, Group, LogError, Notice, Position, Touched};
use tokio::sync::mpsc;

use crate::committer::Done;
use crate::hold::Hold;
use crate::progress::Progress;
use crate::retry::Backoff;

/// A log that refuses an acknowledgement has lost the group, which reading brings back, and then
/// the entries come again. One that cannot be reached is asked until it answers.
const REFUSALS_MAX: u32 = 3;

pub(crate) struct Finisher {
    pub(crate) group: Arc<dyn Group>,
    pub(crate) member: String,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) after: Option<Arc<dyn AfterCommit>>,
    pub(crate) hold: Hold,
    pub(crate) progress: Arc<Progress>,
    pub(crate) backoff: Backoff,
}

impl Finisher {
    /// Finishes until no more commits come, then leaves the group.
    pub(crate) async fn run(mut self, mut commits: mpsc::Receiver<Done>) {
        while let Some(done) = commits.recv().await {
            self.finish(done).await;
        }
        if let Err(error) = self.group.leave(&self.member).await {
            tracing::debug!(%error, "could not leave the group; the others will forget this name");
        }
    }

    async fn finish(&mut self, done: Done) {
        if let Some(after) = &self.after {
            after.committed(Touched::by(done.stored())).await;
        }
        let notices = done.stored().map(|batch| Notice::Durable { id: batch.id.clone() });
        let publish = self.bus.publish(notices.collect());
        let ((), ()) = tokio::join!(self.acknowledge(&done.positions), publish);
        self.hold.release(&done.positions);
        self.progress.released(done.positions.len());
    }

    async fn acknowledge(&mut self, positions: &[Position]) {
        let mut refusals = 0;
        while let Err(error) = self.group.acknowledge(positions.to_vec()).await {
            self.progress.log_answered(false);
            refusals += u32::from(!matches!(error, LogError::Unreachable { .. }));
            if refusals == REFUSALS_MAX {
                tracing::warn!(%error, "not acknowledged; whoever claims it finds it stored");
                break;
            }
            self.backoff.pause().await;
        }
        self.backoff.reset();
    }
}
