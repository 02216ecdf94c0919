//! Where a member's entries come from: new ones, and at intervals those that a dead member took
//! and never acknowledged. Members are named anew at every start, so nothing that was pending
//! is found by name: it is claimed, whoever had it. Names of the dead are forgotten.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tailrace_contract::{BoxFuture, Delivery, Group, LogError};
use tokio::time::Instant;

use crate::Options;
use crate::hold::Hold;
use crate::retry::Backoff;

/// One member of a group, seen as a source of entries.
pub(crate) struct Source {
    pub(crate) group: Arc<dyn Group>,
    /// Name of the member.
    pub(crate) member: String,
    hold: Hold,
    wait: Duration,
    every: Duration,
    idle: Duration,
    forget: Duration,
    claim_at: Instant,
    /// What is asked now is what others left, at most so many of it.
    claiming: Option<usize>,
    backoff: Backoff,
    /// The log did not answer the last time.
    failing: bool,
}

/// What the next question to the log answers.
pub(crate) type Asked = BoxFuture<'static, Answer>;

/// What it answered.
pub(crate) type Answer = Result<Vec<Delivery>, LogError>;

impl Source {
    /// A new member. Its first question is what others left behind.
    pub(crate) fn new(
        group: Arc<dyn Group>,
        member: String,
        hold: Hold,
        options: &Options,
    ) -> Self {
        let backoff = Backoff::new(options.seed ^ RandomState::new().hash_one(&member));
        Self {
            group,
            member,
            hold,
            wait: options.read_wait,
            every: options.claim_every,
            idle: options.claim_idle,
            forget: options.forget_idle,
            claim_at: Instant::now(),
            claiming: None,
            backoff,
            failing: false,
        }
    }

    /// Asks for up to `limit` entries: those left behind when it is time, otherwise new ones.
    /// The question must be waited for: entries of one that is dropped are pending until
    /// somebody claims them.
    pub(crate) fn ask(&mut self, limit: usize) -> Asked {
        let pause = self.failing.then(|| self.backoff.next_pause());
        let is_time = Instant::now() >= self.claim_at;
        self.claiming = is_time.then_some(limit);
        let asked = if is_time { self.claim(limit) } else { self.read(limit) };
        let Some(pause) = pause else { return asked };
        Box::pin(async move {
            tokio::time::sleep(pause).await;
            asked.await
        })
    }

    fn read(&self, limit: usize) -> Asked {
        self.group.read(&self.member, limit, self.wait)
    }

    fn claim(&mut self, limit: usize) -> Asked {
        // Sooner while there is more, see `answered`.
        self.claim_at = Instant::now() + self.every;
        let claimed = self.group.claim(&self.member, self.idle, limit);
        let (group, forget) = (Arc::clone(&self.group), self.forget);
        let hold = self.hold.clone();
        Box::pin(async move {
            let claimed = claimed.await?;
            if claimed.is_empty() {
                let gone = group.forget_silent(forget).await?;
                if gone > 0 {
                    tracing::info!(members = gone, "forgot members that are gone");
                }
            }
            let entries = hold.lacks(&claimed);
            if entries > 0 {
                tracing::info!(entries, "took over what another member left");
            }
            Ok(claimed)
        })
    }

    /// Takes an answer in: what was delivered, or nothing after a failure that is told once.
    pub(crate) fn answered(&mut self, answer: Answer) -> Vec<Delivery> {
        match answer {
            Ok(deliveries) => {
                // A full answer says that there is more: two hundred dead workers leave a lot.
                if self.claiming.is_some_and(|limit| deliveries.len() >= limit) {
                    self.claim_at = Instant::now();
                }
                if std::mem::take(&mut self.failing) {
                    self.backoff.reset();
                    tracing::info!(member = self.member, "the log answers again");
                }
                deliveries
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(member = self.member, %error, "trying again until it answers");
                }
                Vec::new()
            }
        }
    }
}

/// A name that no member had before. The standard library's hasher is seeded by the system.
pub(crate) fn fresh_member(role: &str, number: usize) -> String {
    let random = RandomState::new().hash_one(std::process::id());
    format!("{role}-{random:016x}-{number}")
}
