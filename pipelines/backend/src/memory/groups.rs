//! How far each group of the memory log is, and the entries that some group has not finished.
//! Without a group nothing is held here. What is held are the bodies: the consumer copies them
//! anyway, and a member decodes them in its own task, so that a group costs an append nothing.
//!
//! Plain data under one lock; it waits for nobody. Next: `group`, its asynchronous side.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tailrace_contract::{BatchId, Lag, Position};
use tokio::time::Instant;

use crate::delivery::{Encoded, Taken};

/// All groups.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_name: HashMap<Arc<str>, Progress>,
    /// What the slowest group has not finished, oldest first, without gaps.
    held: VecDeque<Held>,
    /// The position of the first held entry, or of the next one to come.
    first: u64,
    /// The log is gone: nothing will come any more.
    pub(super) stopped: bool,
}

/// One entry.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) id: BatchId,
    pub(super) received_ms: u64,
    pub(super) body: Bytes,
    /// When the consumer came to it; of one that is older than the first group, when that began.
    pub(super) since: Instant,
}

/// How far one group is.
#[derive(Debug)]
struct Progress {
    /// The position of the first entry that no member was given.
    next: u64,
    pending: BTreeMap<u64, Given>,
    members: HashMap<Arc<str>, Member>,
    /// Who leads, and until when.
    leader: Option<(Arc<str>, Instant)>,
}

/// An entry that a member has and did not acknowledge.
#[derive(Debug)]
struct Given {
    member: Arc<str>,
    since: Instant,
    deliveries: u64,
}

#[derive(Debug)]
struct Member {
    /// Its last call.
    seen: Instant,
    /// Entries that it holds.
    holds: usize,
}

/// Entries that every group has finished, and the bytes of their bodies.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Released {
    pub(super) entries: usize,
    pub(super) body_bytes: usize,
}

impl Groups {
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The first position that is held; without any group the one after `passed`.
    pub(super) fn first(&self, passed: u64) -> u64 {
        if self.by_name.is_empty() { passed + 1 } else { self.first }
    }

    /// Adds a group that begins at `older`, which end where the held entries begin.
    pub(super) fn create(&mut self, name: &str, passed: u64, older: Vec<Held>) {
        self.first = self.first(passed) - older.len() as u64;
        older.into_iter().rev().for_each(|entry| self.held.push_front(entry));
        let (pending, members) = (BTreeMap::new(), HashMap::new());
        let group = Progress { next: self.first, pending, members, leader: None };
        self.by_name.insert(name.into(), group);
    }

    /// The consumer came to these.
    pub(super) fn extend(&mut self, entries: Vec<Held>) {
        self.held.extend(entries);
    }

    /// Gives a member what no other was given.
    pub(super) fn take(&mut self, name: &str, member: &str, limit: usize) -> Vec<Taken> {
        let now = Instant::now();
        let Some(group) = self.by_name.get_mut(name) else { return Vec::new() };
        let start = (group.next - self.first) as usize;
        let member = group.seen(member, now);
        let mut taken = Vec::new();
        for entry in self.held.iter().skip(start).take(limit) {
            let minor = group.next;
            group.next += 1;
            group.give(minor, Given { member: Arc::clone(&member), since: now, deliveries: 1 });
            taken.push(entry.taken(minor, 1));
        }
        taken
    }

    /// Gives a member what any member did not acknowledge for so long.
    pub(super) fn claim(
        &mut self,
        name: &str,
        member: &str,
        idle: Duration,
        limit: usize,
    ) -> Vec<Taken> {
        let now = Instant::now();
        let Some(group) = self.by_name.get_mut(name) else { return Vec::new() };
        let member = group.seen(member, now);
        let silent = |given: &Given| now.duration_since(given.since) >= idle;
        let pending = group.pending.iter();
        let found: Vec<u64> =
            pending.filter(|(_, given)| silent(given)).map(|(&at, _)| at).take(limit).collect();
        let mut taken = Vec::new();
        for minor in found {
            let Some(before) = group.drop_pending(minor) else { continue };
            let deliveries = before.deliveries + 1;
            group.give(minor, Given { member: Arc::clone(&member), since: now, deliveries });
            taken.push(self.held[(minor - self.first) as usize].taken(minor, deliveries));
        }
        taken
    }

    /// Forgets what is acknowledged, and what no group needs any more.
    pub(super) fn acknowledge(&mut self, name: &str, positions: &[Position]) -> Released {
        if let Some(group) = self.by_name.get_mut(name) {
            for position in positions.iter().filter(|position| position.major == 0) {
                group.drop_pending(position.minor);
            }
        }
        self.release()
    }

    fn release(&mut self) -> Released {
        let finished_below = self.by_name.values().map(Progress::unfinished).min();
        let mut released = Released::default();
        while finished_below.is_some_and(|below| self.first < below) {
            let Some(entry) = self.held.pop_front() else { break };
            self.first += 1;
            released.entries += 1;
            released.body_bytes += entry.body.len();
        }
        if self.held.len() < self.held.capacity() / SHRINK_BELOW {
            self.held.shrink_to(self.held.capacity() / 2);
        }
        released
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Forgets a member, unless it holds entries.
    pub(super) fn leave(&mut self, name: &str, member: &str) {
        if let Some(group) = self.by_name.get_mut(name) {
            group.members.retain(|known, state| **known != *member || state.holds > 0);
            group.leader.take_if(|(leader, _)| **leader == *member);
        }
    }

    /// Whether a member leads from now on for `lease`.
    pub(super) fn lead(&mut self, name: &str, member: &str, lease: Duration) -> bool {
        let now = Instant::now();
        let Some(group) = self.by_name.get_mut(name) else { return false };
        let taken = group.leader.as_ref();
        if taken.is_some_and(|(leader, until)| **leader != *member && now < *until) {
            return false;
        }
        group.leader = Some((member.into(), now + lease));
        true
    }

    /// Forgets members that hold nothing and were silent for so long.
    pub(super) fn forget_silent(&mut self, name: &str, idle: Duration) -> u64 {
        let Some(group) = self.by_name.get_mut(name) else { return 0 };
        let before = group.members.len();
        group.members.retain(|_, state| state.holds > 0 || state.seen.elapsed() < idle);
        (before - group.members.len()) as u64
    }

    /// `appended`: the last position of the log, taken in or not.
    pub(super) fn lag(&self, name: &str, appended: u64) -> Lag {
        let Some(group) = self.by_name.get(name) else { return Lag::default() };
        let oldest = group.unfinished();
        // One that the consumer has not come to is as good as new.
        let since = |at: u64| self.held.get((at - self.first) as usize).map(|entry| entry.since);
        let age_ms = |at| since(at).map_or(0, |since| since.elapsed().as_millis() as u64);
        Lag {
            unread: (appended + 1).saturating_sub(group.next),
            pending: group.pending.len() as u64,
            members: group.members.len() as u64,
            oldest_ms: (oldest <= appended).then(|| age_ms(oldest)),
        }
    }
}

/// A list that is emptier than one in so many is given back by halves, after a backlog.
const SHRINK_BELOW: usize = 8;

impl Held {
    fn taken(&self, minor: u64, deliveries: u64) -> Taken {
        let (id, received_ms, body) = (self.id.clone(), self.received_ms, self.body.clone());
        let position = Position { major: 0, minor };
        Taken { position, content: Ok(Encoded { id, received_ms, body }), deliveries }
    }
}

impl Progress {
    /// The first entry that is not acknowledged, given or not.
    fn unfinished(&self) -> u64 {
        self.pending.first_key_value().map_or(self.next, |(&first, _)| first)
    }

    /// Notes a call of a member.
    fn seen(&mut self, member: &str, now: Instant) -> Arc<str> {
        if let Some(known) = self.members.get_mut(member) {
            known.seen = now;
        }
        if let Some((name, _)) = self.members.get_key_value(member) {
            return Arc::clone(name);
        }
        let name: Arc<str> = member.into();
        self.members.insert(Arc::clone(&name), Member { seen: now, holds: 0 });
        name
    }

    fn give(&mut self, minor: u64, given: Given) {
        if let Some(member) = self.members.get_mut(&given.member) {
            member.holds += 1;
        }
        self.pending.insert(minor, given);
    }

    fn drop_pending(&mut self, minor: u64) -> Option<Given> {
        let given = self.pending.remove(&minor)?;
        if let Some(member) = self.members.get_mut(&given.member) {
            member.holds -= 1;
        }
        Some(given)
    }
}
