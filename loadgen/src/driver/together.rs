//! What several event loops saw, made into one. They ran the same schedule at the same time and
//! had nothing in common but its clock. Read next: `crew.rs`, which runs them.

use tailrace_measure::record::Slice;
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
        self.lived_ns = self.lived_ns.max(other.lived_ns);
        self.spun_ns = self.spun_ns.zip(other.spun_ns).map(|(one, other)| one + other);
    }

    /// It was all.
    #[must_use]
    pub fn finish(self) -> Driven {
        let mut measured = self.measured.finish();
        if self.never_released == 0 {
            // Nothing was due after somebody stopped it: those slices never were.
            measured.slices.truncate(begun(&measured.slices, self.lived_ns));
        }
        Driven {
            measured,
            acked: self.acked,
            bytes: self.bytes,
            openings: self.openings,
            live: self.live,
            exposed: self.exposed,
            broken_connections: self.broken_connections,
            last_break: self.last_break,
            stopped: self.stopped,
            never_released: self.never_released,
            lived_ns: self.lived_ns,
            spun_ns: self.spun_ns,
            sleeps: self.sleeps,
        }
    }
}

impl Driven {
    /// The timeline up to its end, without a slice that was cut off: after a death nothing is
    /// answered, and what is under way in the middle of a slice is not what is left at its end. That
    /// the backlog grows there says nothing about what the system can take.
    pub fn lived(&self) -> &[Slice] {
        let slices = &self.measured.slices;
        let [first, second, ..] = &slices[..] else { return slices };
        if !self.stopped {
            return slices;
        }
        let length_ms = second.due_ms - first.due_ms;
        let over = slices.partition_point(|slice| slice.due_ms + length_ms <= self.lived_ms());
        &slices[..over]
    }

    fn lived_ms(&self) -> i64 {
        i64::try_from(self.lived_ns / 1_000_000).unwrap_or(i64::MAX)
    }
}

/// How many slices of a timeline had begun after so much of the window.
fn begun(slices: &[Slice], lived_ns: u64) -> usize {
    let lived_ms = i64::try_from(lived_ns.div_ceil(1_000_000)).unwrap_or(i64::MAX);
    slices.partition_point(|slice| slice.due_ms < lived_ms)
}
