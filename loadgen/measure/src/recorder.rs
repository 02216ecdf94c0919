//! What became of every due batch. The driver tells a recorder when a batch is due and how it
//! ended; the recorder counts outcomes and keeps latency histograms. It lacks a clock, locks and
//! I/O: the generator's one thread owns it.
//!
//! Only an acknowledgement within the timeout becomes a recorded value. Everything else is an
//! outcome; [`crate::quantile`] ranks it. Memory is below 5 MB and does not
//! grow with the number of batches.

mod merge;

use hdrhistogram::Histogram;

use crate::clock::Stamp;
use crate::episodes::Episodes;
use crate::record::{Outcomes, Slice, SlowAnswer};
use crate::slices::{Ending, Slices};
pub use crate::stamps::{Failure, Stamps, Window};

/// Released so soon after it was due counts as on time.
const ON_TIME_NS: u64 = 10_000_000;

/// How many of the slowest answers are kept as single events.
const SLOWEST: usize = 5;

/// Upper end of the histograms at first: ten minutes, beyond any sensible timeout. They grow
/// when a value lies above it, so that none is lost or clamped.
const HIGHEST_NS: u64 = 600_000_000_000;

/// Significant digits: a recorded value is off by less than 0.1 %.
const DIGITS: u8 = 3;

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

/// What a trial measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The batches due in the window.
    pub window_outcomes: Outcomes,
    /// Every batch that was due, warm-up included.
    pub all_outcomes: Outcomes,
    /// Due to acknowledged within the timeout, nanoseconds, as all histograms here.
    pub ack: Histogram<u64>,
    /// Sent to acknowledged within the timeout: diagnostic only.
    pub service: Histogram<u64>,
    /// Due to released, of every released batch whatever became of it.
    pub lateness: Histogram<u64>,
    /// Released to sent, of the batches acknowledged within the timeout.
    pub queued: Histogram<u64>,
    /// Due to seen by a live subscriber; none when nobody looked.
    pub live: Option<Seen>,
    /// Due to known as committed; none when nobody looked.
    pub durable: Option<Seen>,
    /// The slowest acknowledged batches, slowest first.
    pub slowest: Vec<SlowAnswer>,
    /// The timeline of the window.
    pub slices: Vec<Slice>,
    /// Ack of the batches due in the first and in the second half of the window.
    pub halves: (Histogram<u64>, Histogram<u64>),
    /// How slow answers cluster.
    pub ack_episodes: Episodes,
}

/// What a subscriber saw of the sampled batches.
#[derive(Debug, Clone)]
pub struct Seen {
    /// From due to seen.
    pub histogram: Histogram<u64>,
    /// Batches that were acknowledged and never seen: they rank above all others.
    pub never: u64,
    /// How late notices cluster.
    pub episodes: Episodes,
}

impl Seen {
    fn new(window: Window) -> Seen {
        Seen { histogram: histogram(), never: 0, episodes: Episodes::new(window) }
    }

    fn record(&mut self, intended: Stamp, seen: Stamp) {
        let ns = seen.since(intended);
        record(&mut self.histogram, ns);
        self.episodes.record(intended, ns);
    }

    fn never(&mut self, intended: Stamp) {
        self.never += 1;
        self.episodes.unanswered(intended);
    }
}

fn histogram() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, HIGHEST_NS, DIGITS)
        .expect("constant bounds: from 1, at least 2 apart, at most 5 digits");
    histogram.auto(true);
    histogram
}

fn record(histogram: &mut Histogram<u64>, ns: u64) {
    histogram.record(ns).expect("a histogram that grows takes every 64-bit value");
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
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const WINDOW: Window = Window { start: Stamp(1_000 * MS), end: Stamp(2_000 * MS) };
    const TIMEOUT_NS: u64 = 500 * MS;

    fn ms(ms: u64) -> Stamp {
        Stamp(ms * MS)
    }

    fn stamps(intended: u64, released: u64, sent: u64, acked: u64) -> Stamps {
        Stamps { intended: ms(intended), released: ms(released), sent: ms(sent), acked: ms(acked) }
    }

    fn recorder() -> Recorder {
        Recorder::new(WINDOW, TIMEOUT_NS)
    }

    fn close(actual_ns: u64, expect_ns: u64) -> bool {
        actual_ns.abs_diff(expect_ns) * 1_000 <= expect_ns
    }

    #[test]
    fn latencies_start_when_the_batch_was_due() {
        let mut recorder = recorder();
        recorder.scheduled(ms(1_100));
        recorder.acked(&stamps(1_100, 1_101, 1_103, 1_107));
        let measured = recorder.finish();
        assert!(close(measured.ack.max(), 7 * MS), "{}", measured.ack.max());
        assert!(close(measured.lateness.max(), MS));
        assert!(close(measured.queued.max(), 2 * MS));
        assert!(close(measured.service.max(), 4 * MS));
        let slowest = SlowAnswer { due_ns: 100 * MS, ack_ns: 7 * MS, lateness_ns: MS };
        assert_eq!(measured.slowest, [slowest]);
        assert!(measured.window_outcomes.balances());
    }

    #[test]
    fn a_late_ack_is_timed_out_and_no_value() {
        let mut recorder = recorder();
        recorder.scheduled(ms(1_100));
        recorder.acked(&stamps(1_100, 1_112, 1_112, 1_601));
        recorder.scheduled(ms(1_200));
        recorder.acked(&stamps(1_200, 1_200, 1_200, 1_700));
        let measured = recorder.finish();
        assert_eq!((measured.window_outcomes.acked, measured.window_outcomes.timed_out), (1, 1));
        assert_eq!((measured.ack.len(), measured.service.len(), measured.queued.len()), (1, 1, 1));
        assert_eq!(measured.lateness.len(), 2, "the generator's lateness is its own");
        assert_eq!(measured.window_outcomes.released_on_time, 1);
        assert!(measured.slowest[0].due_ns == 200 * MS && measured.slowest.len() == 1);
    }

    #[test]
    fn the_window_is_cut_by_due_time() {
        let mut recorder = recorder();
        for due in [999, 1_000, 1_999, 2_000] {
            recorder.scheduled(ms(due));
            recorder.acked(&stamps(due, due, due, due + 2));
            recorder.live(ms(due), ms(due + 3));
        }
        let measured = recorder.finish();
        assert_eq!((measured.window_outcomes.acked, measured.all_outcomes.acked), (2, 4));
        assert_eq!(measured.ack.len(), 2);
        assert_eq!((measured.halves.0.len(), measured.halves.1.len()), (1, 1));
        assert_eq!(measured.live.map(|live| live.histogram.len()), Some(2));
        assert!(measured.durable.is_none());
    }

    #[test]
    fn what_was_never_seen_ranks_above_everything() {
        let mut recorder = recorder();
        for due in 1_000..1_090 {
            recorder.durable(ms(due), ms(due + 5));
        }
        for due in 1_090..1_100 {
            recorder.never_durable(ms(due));
        }
        recorder.never_durable(ms(2_000));
        recorder.never_live(ms(1_000));
        let measured = recorder.finish();
        let durable = measured.durable.unwrap();
        assert_eq!((durable.histogram.len(), durable.never), (90, 10));
        let figures = crate::quantile::infer(&durable.histogram, durable.never, &durable.episodes);
        assert!(close(figures.ns_at(0.9).unwrap(), 5 * MS) && figures.ns_at(0.95).is_none());
        assert_eq!(measured.live.map(|live| (live.histogram.len(), live.never)), Some((0, 1)));
    }

    fn every_failure() -> Vec<(u64, Option<Stamp>, Failure)> {
        vec![
            (1_010, Some(ms(1_010)), Failure::Refused(503)),
            (1_020, Some(ms(1_020)), Failure::TimedOut),
            (1_030, Some(ms(1_030)), Failure::Broken),
            (1_040, None, Failure::Overflowed),
            (1_050, Some(ms(1_050)), Failure::Censored),
        ]
    }

    #[test]
    fn every_end_is_counted_by_its_kind() {
        let mut recorder = recorder();
        for (due, released, failure) in every_failure() {
            recorder.scheduled(ms(due));
            recorder.failed(ms(due), released, failure);
        }
        let measured = recorder.finish();
        let outcomes = &measured.window_outcomes;
        assert!(outcomes.balances());
        assert_eq!((outcomes.unanswered(), outcomes.failed(), outcomes.refused[&503]), (3, 2, 1));
        assert_eq!((measured.ack.len(), measured.lateness.len()), (0, 4));
        let slice = &measured.slices[0];
        assert_eq!((slice.failed, slice.unanswered), (2, 3));
        // The one timed out is given up in a later slice; the censored one never.
        assert_eq!(slice.backlog, 2);
        assert_eq!(measured.slices[9].backlog, 1);
    }

    #[test]
    fn values_beyond_the_first_bounds_are_kept() {
        let mut recorder = Recorder::new(WINDOW, u64::MAX);
        let hour_ms = 3_600_000;
        recorder.scheduled(ms(1_100));
        recorder.acked(&stamps(1_100, 1_100, 1_100, 1_100 + hour_ms));
        assert!(close(recorder.finish().ack.max(), hour_ms * MS));
    }
}
