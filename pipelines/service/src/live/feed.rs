//! One subscriber's events: a replay from the log if one was asked for, then what the bus
//! announces. It subscribes before it replays, so nothing falls between the two. It lacks a
//! wire format; `sse.rs` and `websocket.rs` have one each.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt;
use futures_util::stream::{ReadyChunks, TakeUntil};
use tailrace_contract::{Batch, BatchId, BoxFuture, LogError, Notice, Notices, Position};
use tokio::sync::OwnedSemaphorePermit;

use super::batches::Batches;
use super::event::Event;
use super::query::Wanted;
use crate::Visitor;
use crate::observer::Shared;

/// Notices written at once: enough that a busy feed pays few system calls.
const NOTICES_AT_ONCE: usize = 256;
/// The same where every notice brings its batch, which may be as large as a body.
const BATCHES_AT_ONCE: usize = 16;
/// Batches of one read of a replay.
const REPLAY_AT_ONCE: usize = 64;

type Ending = BoxFuture<'static, ()>;
type Announced = ReadyChunks<TakeUntil<Notices, Ending>>;

/// What a feed does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Has to see whether the log knows the position that it is to go on from.
    Check,
    /// Reads the log until its end.
    Replay,
    /// Has read the log; the bus may still hold what was replayed, or have dropped some.
    Handover,
    /// Follows the bus.
    Live,
}

/// What a feed has for its carrier.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// Events to be written at once; never none.
    Events(Vec<Event>),
    /// Nothing happened for a heartbeat.
    Quiet,
}

/// A subscription. Dropping it gives its seat back.
pub(crate) struct Feed {
    pub(crate) shared: Arc<Shared>,
    visitor: Visitor,
    wanted: Wanted,
    batches: Batches,
    announced: Announced,
    phase: Phase,
    /// The last position that was replayed; nothing up to it is told again.
    replayed: Position,
    _seat: OwnedSemaphorePermit,
}

impl Feed {
    /// Subscribes.
    pub(crate) fn new(
        shared: Arc<Shared>,
        visitor: Visitor,
        wanted: Wanted,
        seat: OwnedSemaphorePermit,
    ) -> Self {
        let at_once = if wanted.full { BATCHES_AT_ONCE } else { NOTICES_AT_ONCE };
        // A token of its own: feeds that look whether they must end do not share a lock.
        let ending = shared.ending.child_token().cancelled_owned();
        let (visit, gate) = (visitor.clone(), shared.gate.clone());
        let ending: Ending = Box::pin(async move {
            tokio::select! {
                () = ending => {}
                () = visit.over(gate.as_ref()) => {}
            }
        });
        let announced = shared.bus.subscribe().take_until(ending).ready_chunks(at_once);
        let (phase, replayed) = match wanted.after {
            Some(after) => (Phase::Check, after),
            None => (Phase::Live, Position::default()),
        };
        let batches = Batches::new(Arc::clone(&shared.log), shared.limits.log_timeout);
        Self { shared, visitor, wanted, batches, announced, phase, replayed, _seat: seat }
    }

    /// The next events. None when the listener drains, the visit is over, the bus is gone, or a
    /// replay cannot be read. Not to be cancelled: events in hand would be lost.
    pub(crate) async fn next(&mut self) -> Option<Step> {
        loop {
            let events = match self.phase {
                Phase::Check => self.check().await?,
                Phase::Replay => self.replay().await?,
                Phase::Handover | Phase::Live => {
                    let heartbeat = self.shared.limits.heartbeat;
                    match tokio::time::timeout(heartbeat, self.announced.next()).await {
                        Ok(notices) => self.follow(notices?).await,
                        Err(_) => return Some(Step::Quiet),
                    }
                }
            };
            if !events.is_empty() {
                self.count(&events);
                return Some(Step::Events(events));
            }
        }
    }

    /// A log that was begun anew has told the client nothing yet, so all of it is replayed;
    /// to wait for positions beyond the old one would be silence, perhaps for hours.
    async fn check(&mut self) -> Option<Vec<Event>> {
        if !readable(self.batches.reaches(self.replayed).await)? {
            self.replayed = Position::default();
        }
        self.phase = Phase::Replay;
        Some(Vec::new())
    }

    /// One group of the log. An empty one is its end.
    async fn replay(&mut self) -> Option<Vec<Event>> {
        if self.shared.ending.is_cancelled() || self.visitor.is_over() {
            return None;
        }
        let group = readable(self.batches.after(self.replayed, REPLAY_AT_ONCE).await)?;
        match group.last() {
            Some(&(last, _)) => self.replayed = last,
            None => self.phase = Phase::Handover,
        }
        let wanted = group.into_iter().filter(|(_, batch)| self.shows(&batch.id));
        Some(wanted.map(|(position, batch)| self.event(position, batch)).collect())
    }

    fn event(&self, position: Position, batch: Batch) -> Event {
        let notice = Notice::Live { id: batch.id.clone(), position };
        Event { notice, batch: self.wanted.full.then_some(batch) }
    }

    /// Events of notices. What the bus dropped while the log was read is read again.
    async fn follow(&mut self, mut notices: Vec<Notice>) -> Vec<Event> {
        if self.phase == Phase::Handover {
            if notices.iter().any(|notice| matches!(notice, Notice::Lagged { .. })) {
                self.phase = Phase::Replay;
                notices.retain(|notice| matches!(notice, Notice::Durable { .. }));
            } else if notices.iter().any(|notice| self.is_new(notice)) {
                self.phase = Phase::Live;
            }
        }
        notices.retain(|notice| self.takes(notice));
        if !self.wanted.full {
            return notices.into_iter().map(|notice| Event { notice, batch: None }).collect();
        }
        self.batches.attach(notices).await
    }

    fn is_new(&self, notice: &Notice) -> bool {
        matches!(notice, Notice::Live { position, .. } if *position > self.replayed)
    }

    fn takes(&self, notice: &Notice) -> bool {
        match notice {
            Notice::Live { id, .. } => self.shows(id) && self.is_new(notice),
            Notice::Durable { id } => self.shows(id),
            Notice::Lagged { .. } => true,
        }
    }

    /// Whether it is the visitor's own, and wanted.
    fn shows(&self, id: &BatchId) -> bool {
        id.tenant == *self.visitor.tenant() && self.wanted.takes(id)
    }

    fn count(&self, events: &[Event]) {
        let counts = &self.shared.feed;
        counts.sent.fetch_add(events.len() as u64, Ordering::Relaxed);
        for event in events {
            if let Notice::Lagged { missed } = event.notice {
                counts.missed.fetch_add(missed, Ordering::Relaxed);
            }
        }
    }
}

/// What was read. After a failure the feed ends: to go on would leave a gap in silence, and
/// the client comes back with its id.
fn readable<T>(read: Result<T, LogError>) -> Option<T> {
    read.inspect_err(|fault| tracing::warn!(%fault, "observer: a replay ended early")).ok()
}
