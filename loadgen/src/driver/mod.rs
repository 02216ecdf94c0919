//! The event loop: one thread, one clock, sockets that never block. It releases what is due,
//! flushes what it encoded, and reads what arrived; nothing here waits for an answer before
//! the next batch is released.
//!
//! `release.rs` is the way out, `receive.rs` the way back, `links.rs` the life of
//! connections, `feed.rs` the live subscription. There are no threads and no locks here.

mod connection;
mod feed;
mod fresh;
mod inflight;
mod links;
mod receive;
mod release;
mod spin;
mod together;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

pub use connection::Bytes;
use connection::Connection;
use feed::Feed;
pub(crate) use feed::subscribe;
pub use fresh::Openings;
use inflight::InFlight;
use spin::Spun;
use tailrace_contract::{RangeSet, Wire, WireEvent};
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::exposure::Exposed;
use tailrace_measure::recorder::{Failure, Measured, Recorder, Window};
use tailrace_measure::sleeps::Sleeps;
use tailrace_sys::poller::Poller;

use crate::gauge::{Gauge, Tally};
use crate::plan::{Pace, Plan, Times};
use crate::source::Source;

/// Longest sleep of the loop: how soon a request to stop is noticed.
const SLEEP_NS_MAX: u64 = 20_000_000;
/// Between two attempts to connect.
const RECONNECT_NS: u64 = 50_000_000;
/// All connections must stand within this time, or there is no trial.
const OPEN_NS_MAX: u64 = 5_000_000_000;
/// Bytes of one read: larger than a socket's usual burst of acknowledgements.
const READ_BYTES: usize = 64 << 10;
/// After the last answer, how long the feed may still bring what it owes.
const FEED_GRACE_NS: u64 = 1_000_000_000;
/// After the last answer, how long nothing may be heard of a commit before the drain gives up: a
/// worker that took over from a dead one waits ten seconds before it claims what that one held.
const DURABLE_SILENCE_NS: u64 = 20_000_000_000;
/// However much is still coming, a drain ends: a backlog of minutes is known by then.
const DURABLE_NS_MAX: u64 = 120_000_000_000;
/// The feed's token; connections use their index.
const FEED_TOKEN: u64 = u64::MAX;

/// What one trial's event loop saw.
pub struct Driven<M = Measured> {
    /// Histograms, outcomes, timeline; as long as others are to be added, what counts them.
    pub measured: M,
    /// Sequences that were acknowledged, in time or late.
    pub acked: RangeSet,
    /// Payload bytes from the anchor on. Connections that stood by then were opened before; of one
    /// that was opened again, its handshakes are included.
    pub bytes: Bytes,
    /// What it took to open connections.
    pub openings: Openings,
    /// Sampled batches that were acknowledged, and those the subscriber saw.
    pub live: LiveCount,
    /// What was acknowledged and not yet known as committed; with a store and a subscriber only.
    pub exposed: Option<Exposed>,
    /// Connections that stood and were lost; attempts that failed do not count.
    pub broken_connections: u64,
    /// Why the last of them was lost, or could not be opened again.
    pub last_break: Option<String>,
    /// Whether it was asked to stop before its time, be it while answers were still due.
    pub stopped: bool,
    /// Batches of the window that were still to come when the system was given up: they are in the
    /// denominator. Of a trial that somebody stopped, what was still to come never was due.
    pub never_released: u64,
    /// How much of the window had passed when it ended: all of it, unless it was stopped.
    pub lived_ns: u64,
    /// Processor time spent on polling in vain before due times; none: it was not to spin.
    pub spun_ns: Option<u64>,
    /// When it slept; of a loop that was to keep it.
    pub sleeps: Sleeps,
}

/// The feed's account.
#[derive(Debug, Clone, Copy, Default)]
pub struct LiveCount {
    /// Sampled and acknowledged.
    pub due: u64,
    /// Seen.
    pub seen: u64,
    /// Of those due, known as committed.
    pub durable: u64,
    /// Told to have been dropped.
    pub missed: u64,
}

/// A batch that is due.
#[derive(Clone, Copy)]
struct Due {
    seq: u64,
    intended: Stamp,
    released: Stamp,
}

/// The event loop of one trial.
pub struct Driver<'a> {
    plan: Plan,
    source: Box<dyn Source + 'a>,
    tally: Tally,
    new_wire: &'a (dyn Fn() -> Box<dyn Wire> + Sync),
    poller: Poller,
    connections: Vec<Connection>,
    /// Connections with room, in turn.
    roomy: VecDeque<usize>,
    /// Connections with bytes to flush, in the order in which they got them.
    dirty: VecDeque<usize>,
    /// Released, but no connection had room.
    waiting: VecDeque<Due>,
    in_flight: InFlight,
    feed: Option<Feed>,
    recorder: Recorder,
    times: Times,
    next_due: Stamp,
    seq: u64,
    acked: RangeSet,
    /// Some connection may not be open.
    unsettled: bool,
    broken_connections: u64,
    last_break: Option<String>,
    last_progress: Stamp,
    openings: Openings,
    spun: Spun,
    sleeps: Sleeps,
    buffer: Vec<u8>,
    events: Vec<WireEvent>,
}

impl<'a> Driver<'a> {
    /// Opens all connections and the feed, and waits until they are ready for requests.
    ///
    /// # Errors
    /// A connection was refused, or its handshake failed or took longer than
    /// `OPEN_NS_MAX`.
    pub fn open(
        plan: Plan,
        source: Box<dyn Source + 'a>,
        gauge: Arc<Gauge>,
        new_wire: &'a (dyn Fn() -> Box<dyn Wire> + Sync),
    ) -> io::Result<Self> {
        let zero = Window { start: Stamp(0), end: Stamp(0) };
        let mut driver = Self {
            recorder: Recorder::new(zero, plan.timeout_ns),
            times: Times { anchor: Stamp(0), window: (Stamp(0), Stamp(0)) },
            sleeps: if plan.keeps_sleeps { Sleeps::with_room() } else { Sleeps::default() },
            plan,
            source,
            tally: Tally::new(gauge),
            new_wire,
            poller: Poller::of_news()?,
            connections: Vec::new(),
            roomy: VecDeque::new(),
            dirty: VecDeque::new(),
            waiting: VecDeque::new(),
            in_flight: InFlight::default(),
            feed: None,
            next_due: Stamp(0),
            seq: 0,
            acked: RangeSet::default(),
            unsettled: true,
            broken_connections: 0,
            last_break: None,
            last_progress: Stamp(0),
            openings: Openings::default(),
            spun: Spun::default(),
            buffer: vec![0; READ_BYTES],
            events: Vec::new(),
        };
        driver.open_links()?;
        Ok(driver)
    }

    /// Runs the plan from `anchor` (in the near future) to the end of its drain.
    ///
    /// # Errors
    /// The machine's event queue failed: a fault of the harness, not a result.
    pub fn run(self, anchor: Stamp) -> io::Result<Driven> {
        Ok(self.drive(anchor)?.finish())
    }

    /// The same, before it is known to be all.
    ///
    /// # Errors
    /// As [`Driver::run`].
    pub fn drive(mut self, anchor: Stamp) -> io::Result<Driven<Recorder>> {
        let window = (anchor.plus(self.plan.warm_up_ns), anchor.plus(self.plan.due_ns()));
        self.times = Times { anchor, window };
        let cut = Window { start: window.0, end: window.1 };
        self.recorder = Recorder::new(cut, self.plan.timeout_ns);
        if let Some(feed) = &mut self.feed {
            feed.begin(cut);
        }
        // Opening is paid once in hours; divided by a window's metrics it would say nothing.
        for connection in &mut self.connections {
            connection.bytes = Bytes::default();
        }
        self.close_unless_kept();
        self.begin();
        loop {
            self.release_due();
            self.settle_links();
            self.flush_dirty();
            let at = now();
            self.spun.turn(at, self.seq);
            self.tally.turn(at);
            if self.tally.stopped() || self.is_done(at) {
                return Ok(self.finish(at));
            }
            let sleep_ns = self.sleep_ns(at);
            self.poller.wait(sleep_ns)?;
            self.woken(at, sleep_ns);
            self.handle_ready();
        }
    }

    /// The poller is back that was told at `at` to sleep for so long at most.
    fn woken(&mut self, at: Stamp, sleep_ns: u64) {
        if sleep_ns == 0 && self.plan.spins && self.poller.ready_count() == 0 {
            self.spun.polled_in_vain(at, self.seq);
        }
        if self.plan.keeps_sleeps {
            self.sleeps.slept(at, now());
        }
    }

    /// Takes the first due time of its share off the schedule.
    fn begin(&mut self) {
        self.seq = self.plan.share.index;
        self.skip(self.plan.share.index + 1);
    }

    /// Takes the next due time of its share off the schedule.
    fn advance(&mut self) {
        self.skip(self.plan.share.of);
    }

    /// Takes so many due times off the schedule; the last of them is its own.
    fn skip(&mut self, count: u64) {
        if let Pace::Open(schedule) = &mut self.plan.pace {
            for _ in 1..count {
                schedule.next_ns();
            }
            self.next_due = self.times.anchor.plus(schedule.next_ns());
        }
    }

    /// Whether no further batch will be due.
    fn schedule_is_over(&self, at: Stamp) -> bool {
        match self.plan.pace {
            Pace::Open(_) => self.next_due >= self.times.window.1,
            Pace::Saturate => at >= self.times.window.1,
        }
    }

    /// The drain ends when everything is answered and seen, or when nothing can be in time, and
    /// where there is a store, when what was acknowledged is known as committed.
    fn is_done(&self, at: Stamp) -> bool {
        if !self.schedule_is_over(at) {
            return false;
        }
        let answered = self.in_flight.len() + self.waiting.len() == 0;
        let quiet_ns = at.since(self.last_progress);
        let feed_done = self.feed.as_ref().is_none_or(Feed::is_settled) || quiet_ns > FEED_GRACE_NS;
        let too_late = at >= self.times.window.1.plus(self.plan.timeout_ns);
        let durable = self.feed.as_ref().is_none_or(Feed::is_durable)
            || quiet_ns > DURABLE_SILENCE_NS
            || at.since(self.times.window.1) > DURABLE_NS_MAX;
        ((answered && feed_done) || too_late) && durable
    }

    fn sleep_ns(&self, at: Stamp) -> u64 {
        if self.schedule_is_over(at) {
            return SLEEP_NS_MAX;
        }
        let due_in_ns = self.next_due.since(at);
        match self.plan.pace {
            Pace::Open(_) if self.plan.spins => spin::sleep_ns(due_in_ns).min(SLEEP_NS_MAX),
            Pace::Open(_) => due_in_ns.min(SLEEP_NS_MAX),
            Pace::Saturate => SLEEP_NS_MAX,
        }
    }

    /// Accounts for everything that has no answer and, if the system was given up, for everything
    /// that was still to come: the denominator does not shrink because a system died.
    fn finish(mut self, at: Stamp) -> Driven<Recorder> {
        let stopped = !self.is_done(at);
        // With nothing left to be due it may end before its window, which passes all the same.
        let ended = if stopped { at.min(self.times.window.1) } else { self.times.window.1 };
        let unanswered = self.in_flight.take(None);
        for pending in unanswered {
            self.give_up(pending.intended, pending.released, at);
        }
        for due in std::mem::take(&mut self.waiting) {
            self.give_up(due.intended, due.released, at);
        }
        let never_released = if self.tally.given_up() { self.censor_the_rest() } else { 0 };
        self.tally.publish(at);
        let recorder = &mut self.recorder;
        let (live, exposed) = self.feed.map(|feed| feed.finish(recorder)).unwrap_or_default();
        let mut bytes = Bytes::default();
        for connection in &self.connections {
            bytes.sent += connection.bytes.sent;
            bytes.received += connection.bytes.received;
        }
        Driven {
            measured: self.recorder,
            acked: self.acked,
            bytes,
            openings: self.openings,
            live,
            exposed,
            broken_connections: self.broken_connections,
            last_break: self.last_break,
            stopped,
            never_released,
            lived_ns: ended.since(self.times.window.0),
            spun_ns: self.plan.spins.then_some(self.spun.ns),
            sleeps: self.sleeps,
        }
    }

    fn give_up(&mut self, intended: Stamp, released: Stamp, at: Stamp) {
        let late = at.since(intended) >= self.plan.timeout_ns;
        let failure = if late { Failure::TimedOut } else { Failure::Censored };
        self.recorder.failed(intended, Some(released), failure);
    }

    fn censor_the_rest(&mut self) -> u64 {
        let mut of_window = 0;
        while matches!(self.plan.pace, Pace::Open(_)) && self.next_due < self.times.window.1 {
            self.recorder.scheduled(self.next_due);
            self.recorder.failed(self.next_due, None, Failure::Censored);
            of_window += u64::from(self.next_due >= self.times.window.0);
            self.advance();
        }
        of_window
    }
}
