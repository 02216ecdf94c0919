//! What a recorder hands over when a trial has ended: outcomes, histograms, timeline. Which histograms
//! they are, how exact and how long, is decided here.

use hdrhistogram::Histogram;

use super::Window;
use crate::clock::Stamp;
use crate::episodes::Episodes;
use crate::record::{Outcomes, Slice, SlowAnswer};

/// Upper end of the histograms at first: ten minutes, beyond any sensible timeout. They grow
/// when a value lies above it, so that none is lost or clamped.
const HIGHEST_NS: u64 = 600_000_000_000;

/// Significant digits: a recorded value is off by less than 0.1 %.
const DIGITS: u8 = 3;

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
    pub(super) fn new(window: Window) -> Seen {
        Seen { histogram: histogram(), never: 0, episodes: Episodes::new(window) }
    }

    pub(super) fn record(&mut self, intended: Stamp, seen: Stamp) {
        let ns = seen.since(intended);
        record(&mut self.histogram, ns);
        self.episodes.record(intended, ns);
    }

    pub(super) fn never(&mut self, intended: Stamp) {
        self.never += 1;
        self.episodes.unanswered(intended);
    }
}

pub(super) fn histogram() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, HIGHEST_NS, DIGITS)
        .expect("constant bounds: from 1, at least 2 apart, at most 5 digits");
    histogram.auto(true);
    histogram
}

pub(super) fn record(histogram: &mut Histogram<u64>, ns: u64) {
    histogram.record(ns).expect("a histogram that grows takes every 64-bit value");
}
