//! The plan of one trial, fixed before it starts: when each batch is due and what it holds.

use std::net::SocketAddr;

use tailrace_contract::{Producer, RunId};
use tailrace_measure::clock::Stamp;
use tailrace_measure::record::Load;
use tailrace_measure::schedule::Schedule;
use tailrace_producers::tls::Tls;

use crate::observer::Key;

/// Where batches come from.
pub enum Pace {
    /// Open loop: the schedule decides, answers do not matter.
    Open(Schedule),
    /// Closed loop: a batch is due whenever a connection has room. Only for finding out how
    /// much a system takes; its latencies say nothing about waiting.
    Saturate,
}

/// What the event loop needs to know.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Plan {
    /// When batches are due.
    pub pace: Pace,
    /// Before the window.
    pub warm_up_ns: u64,
    /// The denominator.
    pub window_ns: u64,
    /// From due to too late.
    pub timeout_ns: u64,
    /// Sent and waiting together.
    pub in_flight_max: usize,
    /// Identity of every batch, with its place in the schedule as sequence.
    pub run: RunId,
    /// See `run`.
    pub producer: Producer,
    /// Connections to open; where they are not kept, most that are open at once.
    pub connections: usize,
    /// Whether a connection carries further requests. If not, each request opens one of its own
    /// when it is released, and that is part of its latency.
    pub keeps_connections: bool,
    /// Where to.
    pub ingest: SocketAddr,
    /// How connections to `ingest` begin; none: in clear text.
    pub tls: Option<Tls>,
    /// The live subscription, if any.
    pub feed: Option<FeedPlan>,
    /// The same as `tls` for the subscription.
    pub feed_tls: Option<Tls>,
    /// The key that the subscription shows.
    pub feed_key: Option<Key>,
    /// Which batches of the schedule are this event loop's.
    pub share: Share,
    /// Whether anybody asks afterwards which sequences were acknowledged.
    pub keeps_account: bool,
    /// Whether anybody asks afterwards when the event loop slept.
    pub keeps_sleeps: bool,
    /// Whether an open loop polls without sleeping shortly before each due time. It needs a core of
    /// its own.
    pub spins: bool,
}

/// One of several event loops that share a schedule: of every `of` batches it takes one, so that
/// each due time belongs to exactly one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// From 0.
    pub index: u64,
    /// At least 1.
    pub of: u64,
}

impl Share {
    /// The whole schedule.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// The shares of so many event loops.
    pub fn all(of: u64) -> impl Iterator<Item = Self> {
        (0..of).map(move |index| Self { index, of })
    }

    /// Its part of a count; the parts of all shares add up to the count.
    #[must_use]
    pub fn part(self, count: usize) -> usize {
        let until = |index: u64| (count as u128 * u128::from(index) / u128::from(self.of)) as usize;
        until(self.index + 1) - until(self.index)
    }
}

/// Which batches a live subscriber follows.
#[derive(Debug, Clone, Copy)]
pub struct FeedPlan {
    /// Where it subscribes.
    pub observer: SocketAddr,
    /// Seed of the sample.
    pub seed: u64,
    /// One batch in so many.
    pub one_in: u64,
    /// Whether there is a store, so that each of them is to be told as committed too.
    pub durable: bool,
}

impl Plan {
    /// What one of several event loops does of it: its batches, on its part of the connections,
    /// with its part of what may be in flight. Which sequences were acknowledged is not kept, nor when it
    /// slept.
    #[must_use]
    pub fn shared(mut self, share: Share) -> Self {
        self.connections = share.part(self.connections);
        self.in_flight_max = share.part(self.in_flight_max);
        self.keeps_account &= share == Share::WHOLE;
        self.keeps_sleeps &= share == Share::WHOLE;
        self.share = share;
        self
    }

    /// Time from the anchor to the end of the window.
    pub fn due_ns(&self) -> u64 {
        self.warm_up_ns + self.window_ns
    }

    /// The plan of a load, without a feed.
    pub fn of_load(load: &Load, seed: u64, run: RunId, ingest: SocketAddr) -> Self {
        let schedule = Schedule::new(load, seed);
        Self {
            pace: Pace::Open(schedule),
            warm_up_ns: load.warm_up_ms * 1_000_000,
            window_ns: load.window_ms * 1_000_000,
            timeout_ns: load.timeout_ms * 1_000_000,
            in_flight_max: load.in_flight_max as usize,
            run,
            producer: Producer("g0".into()),
            connections: 1,
            keeps_connections: true,
            ingest,
            tls: None,
            feed: None,
            feed_tls: None,
            feed_key: None,
            share: Share::WHOLE,
            keeps_account: true,
            keeps_sleeps: false,
            spins: load.spin,
        }
    }
}

/// The times of one trial on the generator's clock.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// From here the schedule counts.
    pub anchor: Stamp,
    /// The window's first and last nanosecond (the end is not part of it).
    pub window: (Stamp, Stamp),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up() {
        for (count, of) in [(0, 1), (7, 3), (64, 5), (usize::MAX, 7)] {
            let parts = (0..of).map(|index| Share { index, of }.part(count));
            assert_eq!(parts.sum::<usize>(), count, "{count} in {of}");
        }
        assert_eq!(Share { index: 1, of: 2 }.part(1), 1);
    }
}
