//! How workers share a log: as members of a group. Each entry is given to one member; what a
//! member took and never acknowledged, another claims. A log gives an entry at least once; that
//! it takes effect once is the store's part, see [`crate::store`].

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::{Batch, BatchId, BoxFuture, LogError, Position};

/// One entry as a member was given it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Where it stands in the log; what [`Group::acknowledge`] wants back.
    pub position: Position,
    /// The batch, or why the entry is none.
    pub content: Result<Batch, Unreadable>,
    /// How often it was given to a member, this time included, as far as the log knows.
    pub deliveries: u64,
}

/// An entry that is no batch: written by something else, or damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What was seen, for people.
    pub reason: String,
    /// Its identity, where that part could be read.
    pub id: Option<BatchId>,
    /// The bytes of its body as they stand in the log.
    pub body: Bytes,
}

/// How far a group is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Lag {
    /// Entries that no member was given yet.
    pub unread: u64,
    /// Entries that were given to a member and not acknowledged.
    pub pending: u64,
    /// Members that the log knows: those that were given something and did not leave. One that
    /// only waits for its first entry may be missing.
    pub members: u64,
    /// Age of the oldest entry that is not acknowledged, by the log's own clock. None: there is
    /// no such entry.
    pub oldest_ms: Option<u64>,
}

/// A group of a log. Groups know nothing of each other: each is given every entry.
pub trait Group: Send + Sync {
    /// Up to `limit` entries that no member was given yet, oldest first; waits at most `wait`
    /// for the first one and answers none after it. Fewer than `limit` does not mean that there
    /// are no more. Dropping the future may leave entries with the member, to be claimed.
    fn read(
        &self,
        member: &str,
        limit: usize,
        wait: Duration,
    ) -> BoxFuture<'static, Result<Vec<Delivery>, LogError>>;

    /// Takes over up to `limit` entries that were given to any member (this one included) at
    /// least `idle` ago and are not acknowledged, oldest first.
    fn claim(
        &self,
        member: &str,
        idle: Duration,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Delivery>, LogError>>;

    /// These entries need never be given again. Positions that are not pending are ignored.
    fn acknowledge(&self, positions: Vec<Position>) -> BoxFuture<'static, Result<(), LogError>>;

    /// Forgets a member. One that still holds entries stays until they were claimed.
    fn leave(&self, member: &str) -> BoxFuture<'static, Result<(), LogError>>;

    /// Forgets members that hold nothing and were silent for `idle`: the names of dead
    /// processes. Answers how many went.
    fn forget_silent(&self, idle: Duration) -> BoxFuture<'static, Result<u64, LogError>>;

    /// For work that one member must do alone: whether this member leads the group for the next
    /// `lease`. Who leads and asks again in time leads on. One that leaves, or is silent for its
    /// lease, makes room for another. A member that was frozen for longer may believe for as long
    /// as one call takes that it still leads: what it does then must do no harm.
    fn lead(&self, member: &str, lease: Duration) -> BoxFuture<'static, Result<bool, LogError>>;

    /// How far the group is behind.
    fn lag(&self) -> BoxFuture<'static, Result<Lag, LogError>>;
}
