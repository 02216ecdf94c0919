//! What several event loops saw, made into one. They ran the same schedule at the same time and
//! had nothing in common but its clock. Read next: `crew.rs`, which runs them.

use tailrace_measure::recorder::Recorder;

use super::Driven;

impl Driven<Recorder> {
    /// Takes in what another event loop of the same trial saw. Which sequences were acknowledged,
    /// and what is exposed, is known of one loop only: the other must not have kept it.
    pub fn merge(&mut self, other: Self) {
        debug_assert!(other.acked.ranges().is_empty(), "two accounts cannot be told apart");
        debug_assert!(other.exposed.is_none(), "a subscriber follows one event loop");
        self.measured.merge(other.measured);
        self.bytes.sent += other.bytes.sent;
        self.bytes.received += other.bytes.received;
        self.openings.merge(&other.openings);
        self.live.due += other.live.due;
        self.live.seen += other.live.seen;
        self.live.durable += other.live.durable;
        self.live.missed += other.live.missed;
        self.broken_connections += other.broken_connections;
        self.last_break = self.last_break.take().or(other.last_break);
        self.stopped |= other.stopped;
        self.never_released += other.never_released;
    }

    /// It was all.
    #[must_use]
    pub fn finish(self) -> Driven {
        Driven {
            measured: self.measured.finish(),
            acked: self.acked,
            bytes: self.bytes,
            openings: self.openings,
            live: self.live,
            exposed: self.exposed,
            broken_connections: self.broken_connections,
            last_break: self.last_break,
            stopped: self.stopped,
            never_released: self.never_released,
        }
    }
}
