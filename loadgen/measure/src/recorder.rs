//! What became of every due batch. The driver tells a recorder when a batch is due and how it
//! ended; the recorder counts outcomes and keeps latency histograms. It lacks a clock, locks and
//! I/O: the generator's one thread owns it.
//!
//! Only an acknowledgement within the timeout becomes a recorded value. Everything else is an
//! outcome; [`crate::quantile`] ranks it. Memory is below 5 MB and does not
//! grow with the number of batches.

mod measured;
mod merge;

use hdrhistogram::Histogram;

use crate::clock::Stamp;
use crate::episodes::Episodes;
use crate::record::{Outcomes, SlowAnswer};
use crate::slices::{Ending, Slices};
pub use crate::stamps::{Failure, Stamps, Window};
pub use measured::{Measured, Seen};
use measured::{histogram, record};

/// Released so soon after it was due counts as on time.
const ON_TIME_NS: u64 = 10_000_000;

/// How many of the slowest answers are kept as single events.
const SLOWEST: usize = 5;

/// Counts one trial, or one thread's part of it.
#[derive(Debug, Clone)]
pub struct Recorder {
    window: Window,
    timeout_ns: u64,
    inside: Outcomes,
    outside: Outcomes,
    /// Ack by the half of the window in which the batch was due; both together are ack.
    halves: [Histogram<u64>; 2],
    middle: Stamp,
    service: Histogram<u64>,
    lateness: Histogram<u64>,
    queued: Histogram<u64>,
    live: Option<Seen>,
    durable: Option<Seen>,
    slowest: Vec<SlowAnswer>,
    slices: Slices,
    ack_episodes: Episodes,
    /// The latest moment that was told: when a failure happened, which has no stamp of its own.
    latest: Stamp,
}

impl Recorder {
    /// An ack later than `timeout_ns` after its batch was due counts as timed out.
    pub fn new(window: Window, timeout_ns: u64) -> Recorder {
        Recorder {
            window,
            timeout_ns,
            inside: Outcomes::default(),
            outside: Outcomes::default(),
            halves: [histogram(), histogram()],
            middle: window.start.plus(window.length_ns() / 2),
            service: histogram(),
            lateness: histogram(),
            queued: histogram(),
            live: None,
            durable: None,
            slowest: Vec::with_capacity(SLOWEST + 1),
            slices: Slices::new(window),
            ack_episodes: Episodes::new(window),
            latest: Stamp(0),
        }
    }

    fn outcomes(&mut self, intended: Stamp) -> &mut Outcomes {
        if self.window.contains(intended) { &mut self.inside } else { &mut self.outside }
    }

    /// A batch is due: to be called for every one, warm-up included, once, when its time has
    /// come and before its end is told.
    pub fn scheduled(&mut self, intended: Stamp) {
        self.latest = self.latest.max(intended);
        self.outcomes(intended).scheduled += 1;
        self.slices.scheduled(intended);
    }

    fn released(&mut self, intended: Stamp, released: Stamp) {
        let lateness_ns = released.since(intended);
        self.latest = self.latest.max(released);
        self.outcomes(intended).released_on_time += u64::from(lateness_ns <= ON_TIME_NS);
        if self.window.contains(intended) {
            record(&mut self.lateness, lateness_ns);
            self.slices.released(intended, lateness_ns);
        }
    }

    /// A batch was acknowledged. Later than the timeout, it counts as timed out and its
    /// latency is not recorded.
    pub fn acked(&mut self, stamps: &Stamps) {
        let ack_ns = stamps.acked.since(stamps.intended);
        if ack_ns > self.timeout_ns {
            self.failed(stamps.intended, Some(stamps.released), Failure::TimedOut);
            return;
        }
        self.latest = self.latest.max(stamps.acked);
        self.released(stamps.intended, stamps.released);
        self.outcomes(stamps.intended).acked += 1;
        self.slices.resolved(stamps.acked);
        if self.window.contains(stamps.intended) {
            self.record_ack(stamps, ack_ns);
        }
    }

    fn record_ack(&mut self, stamps: &Stamps, ack_ns: u64) {
        record(&mut self.halves[usize::from(stamps.intended >= self.middle)], ack_ns);
        self.ack_episodes.record(stamps.intended, ack_ns);
        record(&mut self.service, stamps.acked.since(stamps.sent));
        record(&mut self.queued, stamps.sent.since(stamps.released));
        self.slices.ended(stamps.intended, Ending::Acked { ack_ns });
        if self.slowest.len() < SLOWEST || ack_ns >= self.slowest[SLOWEST - 1].ack_ns {
            self.keep_slow(SlowAnswer {
                due_ns: stamps.intended.since(self.window.start),
                ack_ns,
                lateness_ns: stamps.released.since(stamps.intended),
            });
        }
    }

    fn keep_slow(&mut self, answer: SlowAnswer) {
        // Equally slow answers stand in the order in which they were due, whatever the order
        // of merging.
        let key = |answer: &SlowAnswer| (u64::MAX - answer.ack_ns, answer.due_ns);
        let place = self.slowest.partition_point(|other| key(other) <= key(&answer));
        self.slowest.insert(place, answer);
        self.slowest.truncate(SLOWEST);
    }

    /// A batch ended without an acknowledgement. `released` is none when it never was. It is
    /// taken to have happened at the latest moment told so far, so tell it when it happens.
    pub fn failed(&mut self, intended: Stamp, released: Option<Stamp>, failure: Failure) {
        if let Some(released) = released {
            self.released(intended, released);
        }
        self.count(intended, failure);
        match failure {
            Failure::TimedOut => self.slices.resolved(intended.plus(self.timeout_ns)),
            Failure::Refused(_) | Failure::Broken => self.slices.resolved(self.latest),
            Failure::Overflowed => self.slices.resolved(intended),
            // Still under way when the trial ended, hence after its window.
            Failure::Censored => {}
        }
        if self.window.contains(intended) {
            let ending = ending(failure);
            if matches!(ending, Ending::Unanswered) {
                self.ack_episodes.unanswered(intended);
            }
            self.slices.ended(intended, ending);
        }
    }

    fn count(&mut self, intended: Stamp, failure: Failure) {
        let outcomes = self.outcomes(intended);
        match failure {
            Failure::Refused(status) => *outcomes.refused.entry(status).or_default() += 1,
            Failure::TimedOut => outcomes.timed_out += 1,
            Failure::Broken => outcomes.broken += 1,
            Failure::Overflowed => outcomes.overflowed += 1,
            Failure::Censored => outcomes.censored += 1,
        }
    }

    /// A live subscriber received the batch.
    pub fn live(&mut self, intended: Stamp, seen: Stamp) {
        if self.window.contains(intended) {
            self.live.get_or_insert_with(|| Seen::new(self.window)).record(intended, seen);
        }
    }

    /// The batch was acknowledged, and no live subscriber received it until the trial was over.
    pub fn never_live(&mut self, intended: Stamp) {
        if self.window.contains(intended) {
            self.live.get_or_insert_with(|| Seen::new(self.window)).never(intended);
        }
    }

    /// A subscriber was told that the batch is committed.
    pub fn durable(&mut self, intended: Stamp, seen: Stamp) {
        if self.window.contains(intended) {
            self.durable.get_or_insert_with(|| Seen::new(self.window)).record(intended, seen);
        }
    }

    /// The batch was acknowledged, and nobody was told that it is committed until the trial was
    /// over.
    pub fn never_durable(&mut self, intended: Stamp) {
        if self.window.contains(intended) {
            self.durable.get_or_insert_with(|| Seen::new(self.window)).never(intended);
        }
    }

    /// Ends the recording.
    pub fn finish(self) -> Measured {
        let [first, second] = self.halves;
        let mut ack = first.clone();
        add(&mut ack, &second);
        let mut all_outcomes = self.outside;
        add_outcomes(&mut all_outcomes, &self.inside);
        Measured {
            window_outcomes: self.inside,
            all_outcomes,
            ack,
            service: self.service,
            lateness: self.lateness,
            queued: self.queued,
            live: self.live,
            durable: self.durable,
            slowest: self.slowest,
            slices: self.slices.finish(),
            halves: (first, second),
            ack_episodes: self.ack_episodes,
        }
    }
}

fn ending(failure: Failure) -> Ending {
    match failure {
        Failure::Refused(_) | Failure::Broken => Ending::Failed,
        Failure::TimedOut | Failure::Overflowed | Failure::Censored => Ending::Unanswered,
    }
}

fn add(mine: &mut Histogram<u64>, theirs: &Histogram<u64>) {
    mine.add(theirs).expect("a histogram that grows takes every other of the same digits");
}

fn add_outcomes(mine: &mut Outcomes, theirs: &Outcomes) {
    mine.scheduled += theirs.scheduled;
    mine.acked += theirs.acked;
    for (status, count) in &theirs.refused {
        *mine.refused.entry(*status).or_default() += count;
    }
    mine.timed_out += theirs.timed_out;
    mine.broken += theirs.broken;
    mine.overflowed += theirs.overflowed;
    mine.censored += theirs.censored;
    mine.released_on_time += theirs.released_on_time;
}

#[cfg(test)]
mod tests;
