//! What a progress bar may look at while a trial runs. Each event loop counts in a `Tally` of its
//! own, plain memory that nobody else reads, and adds what is new to the shared [`Gauge`] now and
//! then: no batch pays for being watched, and several loops may fill one gauge. The figures are
//! for watching; results come from the recorder.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use tailrace_measure::clock::Stamp;

/// Buckets to a doubling: about 9 % wide.
const BUCKETS_PER_OCTAVE: u32 = 8;
const BUCKETS: usize = 64 * BUCKETS_PER_OCTAVE as usize;
/// A tally is added to the gauge this often: sooner than an eye sees a difference.
const PUBLISH_NS: u64 = 100_000_000;

/// Added to by event loops, read by any.
pub struct Gauge {
    scheduled: AtomicU64,
    failed: AtomicU64,
    acks: Vec<AtomicU64>,
    lateness: Vec<AtomicU64>,
    /// When it was last added to.
    at: AtomicU64,
    /// Set to end the trial early (Ctrl-C, the server's death).
    stop: AtomicBool,
    given_up: AtomicBool,
}

impl Default for Gauge {
    fn default() -> Self {
        let buckets = || (0..BUCKETS).map(|_| AtomicU64::new(0)).collect();
        Self {
            scheduled: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            acks: buckets(),
            lateness: buckets(),
            at: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
        }
    }
}

/// A reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// When this was so: what happened later is not in it yet.
    pub at: Stamp,
    /// Due so far.
    pub scheduled: u64,
    /// Acknowledged so far.
    pub acked: u64,
    /// Refused, broken or overflowed so far.
    pub failed: u64,
    /// Rough median ack.
    pub p50_ns: Option<u64>,
    /// Rough 99th percentile.
    pub p99_ns: Option<u64>,
    /// Rough 99th percentile of how late batches were released.
    pub lateness_p99_ns: Option<u64>,
    /// How the acks so far are distributed, ascending; only cells that hold anything.
    pub cells: Vec<Cell>,
}

impl Reading {
    /// Due and not yet known to have ended.
    pub fn in_flight(&self) -> u64 {
        self.scheduled.saturating_sub(self.acked + self.failed)
    }
}

/// So many latencies from `low_ns` to below `high_ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Lower edge.
    pub low_ns: u64,
    /// Upper edge.
    pub high_ns: u64,
    /// How many.
    pub count: u64,
}

impl Gauge {
    /// Asks the trial to end; what was measured is kept, and what would have been due later never
    /// was.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Ends the trial because the system is gone: what is still to come had to come, and counts as
    /// unanswered.
    pub fn give_up(&self) {
        self.given_up.store(true, Relaxed);
        self.stop();
    }

    /// Whether the trial was asked to end.
    pub fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// What is known now.
    pub fn read(&self) -> Reading {
        let load = |buckets: &[AtomicU64]| -> Vec<u64> {
            buckets.iter().map(|bucket| bucket.load(Relaxed)).collect()
        };
        let (acks, lateness) = (load(&self.acks), load(&self.lateness));
        Reading {
            at: Stamp(self.at.load(Relaxed)),
            scheduled: self.scheduled.load(Relaxed),
            acked: acks.iter().sum(),
            failed: self.failed.load(Relaxed),
            p50_ns: quantile(&acks, 0.5),
            p99_ns: quantile(&acks, 0.99),
            lateness_p99_ns: quantile(&lateness, 0.99),
            cells: cells(&acks),
        }
    }
}

/// What one event loop counted since it last published.
pub(crate) struct Tally {
    gauge: Arc<Gauge>,
    scheduled: u64,
    failed: u64,
    acks: Box<[u32; BUCKETS]>,
    lateness: Box<[u32; BUCKETS]>,
    next: Stamp,
}

impl Tally {
    pub(crate) fn new(gauge: Arc<Gauge>) -> Self {
        let (acks, lateness) = (Box::new([0; BUCKETS]), Box::new([0; BUCKETS]));
        Self { gauge, scheduled: 0, failed: 0, acks, lateness, next: Stamp(0) }
    }

    pub(crate) fn scheduled(&mut self, lateness_ns: u64) {
        self.scheduled += 1;
        self.lateness[bucket(lateness_ns)] += 1;
    }

    pub(crate) fn acked(&mut self, ack_ns: u64) {
        self.acks[bucket(ack_ns)] += 1;
    }

    pub(crate) fn failed(&mut self) {
        self.failed += 1;
    }

    /// Whether the trial was asked to end.
    pub(crate) fn stopped(&self) -> bool {
        self.gauge.stopped()
    }

    /// Whether that is because the system is gone.
    pub(crate) fn given_up(&self) -> bool {
        self.gauge.given_up.load(Relaxed)
    }

    /// Publishes when it is time.
    pub(crate) fn turn(&mut self, at: Stamp) {
        if at >= self.next {
            self.next = at.plus(PUBLISH_NS);
            self.publish(at);
        }
    }

    /// Adds everything since the last time to the gauge.
    pub(crate) fn publish(&mut self, at: Stamp) {
        self.gauge.at.store(at.0, Relaxed);
        self.gauge.scheduled.fetch_add(std::mem::take(&mut self.scheduled), Relaxed);
        self.gauge.failed.fetch_add(std::mem::take(&mut self.failed), Relaxed);
        add(&self.gauge.acks, self.acks.as_mut_slice());
        add(&self.gauge.lateness, self.lateness.as_mut_slice());
    }
}

fn add(shared: &[AtomicU64], own: &mut [u32]) {
    for (shared, own) in shared.iter().zip(own).filter(|(_, own)| **own > 0) {
        shared.fetch_add(std::mem::take(own).into(), Relaxed);
    }
}

fn cells(counts: &[u64]) -> Vec<Cell> {
    let held = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    let cell = |(bucket, &count): (usize, &u64)| Cell {
        low_ns: edge(bucket),
        high_ns: edge(bucket + 1),
        count,
    };
    held.map(cell).collect()
}

/// A floating-point number holds its octave and what follows in neighbouring bits: the processor's
/// own conversion finds the bucket in a handful of instructions.
fn bucket(ns: u64) -> usize {
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1 - BUCKETS_PER_OCTAVE.ilog2();
    const FIRST: u64 = 1.0_f64.to_bits() >> FRACTION_BITS;
    let bits = (ns.max(1).cast_signed() as f64).to_bits() >> FRACTION_BITS;
    // Nothing lies above the range; the mask spares the check.
    (bits.wrapping_sub(FIRST) as usize) & (BUCKETS - 1)
}

/// Lower edge of a bucket.
fn edge(bucket: usize) -> u64 {
    let octave = bucket as u32 / BUCKETS_PER_OCTAVE;
    let eighths = u64::from(BUCKETS_PER_OCTAVE) + bucket as u64 % u64::from(BUCKETS_PER_OCTAVE);
    match octave.checked_sub(BUCKETS_PER_OCTAVE.ilog2()) {
        Some(shift) => eighths << shift,
        None => (eighths << octave) / u64::from(BUCKETS_PER_OCTAVE),
    }
}

fn quantile(counts: &[u64], q: f64) -> Option<u64> {
    let total: u64 = counts.iter().sum();
    let rank = ((total as f64 * q).ceil() as u64).max(1);
    let mut seen = 0;
    counts
        .iter()
        .position(|count| {
            seen += count;
            seen >= rank
        })
        .filter(|_| total > 0)
        .map(edge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_and_buckets_agree() {
        for ns in [1u64, 3, 8, 9, 15, 16, 100, 1_000, 123_456, 5_000_000_000] {
            let low = edge(bucket(ns));
            assert!(low <= ns && ns as f64 <= low as f64 * 1.125 + 1.0, "{ns}: {low}");
        }
    }

    #[test]
    fn tallies_of_several_loops_add_up_to_rough_percentiles() {
        let gauge = Arc::new(Gauge::default());
        assert_eq!(gauge.read().p50_ns, None);
        let mut tallies = [Tally::new(Arc::clone(&gauge)), Tally::new(Arc::clone(&gauge))];
        for (n, which) in (1..=1_000u64).zip([0, 1, 1].into_iter().cycle()) {
            tallies[which].scheduled(n * 10);
            tallies[which].acked(n * 1_000);
        }
        tallies[0].scheduled(0);
        tallies[0].failed();
        tallies[1].scheduled(0);
        for tally in &mut tallies {
            tally.publish(Stamp(7));
        }
        // What was published once is not added again.
        for tally in &mut tallies {
            tally.publish(Stamp(7));
        }
        let reading = gauge.read();
        let near =
            |seen: Option<u64>, truth: f64| (seen.unwrap() as f64 / truth - 1.0).abs() < 0.13;
        assert!(near(reading.p50_ns, 500_000.0) && near(reading.p99_ns, 990_000.0));
        assert!(near(reading.lateness_p99_ns, 9_900.0));
        assert_eq!((reading.scheduled, reading.acked, reading.failed), (1_002, 1_000, 1));
        assert_eq!((reading.in_flight(), reading.at), (1, Stamp(7)));
        assert_eq!(reading.cells.iter().map(|cell| cell.count).sum::<u64>(), 1_000);
    }

    #[test]
    fn a_tally_is_published_now_and_then() {
        let gauge = Arc::new(Gauge::default());
        let mut tally = Tally::new(Arc::clone(&gauge));
        let mut seen = Vec::new();
        for at in [1, 2, PUBLISH_NS, PUBLISH_NS + 1] {
            tally.scheduled(0);
            tally.turn(Stamp(at));
            seen.push(gauge.read().scheduled);
        }
        assert_eq!(seen, [1, 1, 1, 4]);
    }
}
