//! Spinning: the loop sleeps until shortly before the next due time and then asks the poller again
//! and again without sleeping. The kernel's timer wakes a sleeper tens of microseconds late; who is
//! awake already is late by one turn of the loop, and reads an answer as soon as it is there. That
//! takes a core of its own, and it is no work: what was spun is counted here and taken off the
//! processor time that batches cost. What it lacks: a closed loop, where nothing is due.

use tailrace_measure::clock::Stamp;

/// So long before a due time the loop is awake: longer than timers are late here but in stalls of
/// the machine, and short enough for a slow schedule to leave the core alone.
const AWAKE_NS: u64 = 100_000;
/// An empty turn of the loop takes less than a microsecond. One that took longer than this was
/// somebody else's: the thread had no core and paid nothing, so nothing may be taken off.
const TURN_NS_MAX: u64 = 20_000;

/// How long to sleep before what is due in `due_in_ns`: 0 is for polling.
pub(super) fn sleep_ns(due_in_ns: u64) -> u64 {
    due_in_ns.saturating_sub(AWAKE_NS)
}

/// What one event loop spun so far.
#[derive(Default)]
pub(super) struct Spun {
    /// Nanoseconds in turns that slept not, found nothing ready and released nothing.
    pub(super) ns: u64,
    /// When the last poll that found nothing began, and what was released by then.
    idle: Option<(Stamp, u64)>,
}

impl Spun {
    /// A turn is over: everything that was due until `at` is released, `seq` being the next.
    pub(super) fn turn(&mut self, at: Stamp, seq: u64) {
        let Some((began, released)) = self.idle.take() else { return };
        let took_ns = at.since(began);
        if seq == released && took_ns <= TURN_NS_MAX {
            self.ns += took_ns;
        }
    }

    /// The poll that began at `at` did not sleep and found nothing.
    pub(super) fn polled_in_vain(&mut self, at: Stamp, seq: u64) {
        self.idle = Some((at, seq));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_turns_that_did_nothing_on_a_core_are_spun() {
        let mut spun = Spun::default();
        let mut turn = |began: u64, ended: u64, released: u64| {
            spun.polled_in_vain(Stamp(began), 7);
            spun.turn(Stamp(ended), 7 + released);
            // What follows without a poll in vain is work.
            spun.turn(Stamp(ended + 5_000), 7);
            spun.ns
        };
        assert_eq!(turn(1_000, 1_600, 0), 600);
        assert_eq!(turn(2_000, 2_900, 1), 600, "it released a batch");
        assert_eq!(turn(3_000, 3_000 + TURN_NS_MAX + 1, 0), 600, "it had no core");
        assert_eq!(turn(90_000, 90_400, 0), 1_000);
    }

    #[test]
    fn it_is_awake_before_it_is_due() {
        assert_eq!(sleep_ns(AWAKE_NS + 5), 5);
        assert_eq!((sleep_ns(AWAKE_NS), sleep_ns(3)), (0, 0));
    }
}
