//! What a progress bar may look at while a trial runs. The event loop writes with plain stores
//! (a nanosecond each); whoever reads gets a picture that may be a batch old. The figures are
//! for watching; results come from the recorder.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Buckets to a doubling: about 9 % wide.
const BUCKETS_PER_OCTAVE: u32 = 8;
const BUCKETS: usize = 64 * BUCKETS_PER_OCTAVE as usize;

/// Written by one thread, read by any.
pub struct Gauge {
    scheduled: AtomicU64,
    acked: AtomicU64,
    failed: AtomicU64,
    buckets: Vec<AtomicU64>,
    /// Set to end the trial early (Ctrl-C, the server's death).
    stop: AtomicBool,
}

impl Default for Gauge {
    fn default() -> Self {
        Self {
            scheduled: AtomicU64::new(0),
            acked: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            stop: AtomicBool::new(false),
        }
    }
}

/// A reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Due so far.
    pub scheduled: u64,
    /// Acknowledged so far.
    pub acked: u64,
    /// Refused or broken so far.
    pub failed: u64,
    /// Rough median ack.
    pub p50_ns: Option<u64>,
    /// Rough 99th percentile.
    pub p99_ns: Option<u64>,
}

impl Gauge {
    pub(crate) fn scheduled(&self) {
        bump(&self.scheduled);
    }

    pub(crate) fn acked(&self, ack_ns: u64) {
        bump(&self.acked);
        bump(&self.buckets[bucket(ack_ns)]);
    }

    pub(crate) fn failed(&self) {
        bump(&self.failed);
    }

    /// Asks the trial to end; what was measured is kept.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Whether the trial was asked to end.
    pub fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// What is known now.
    pub fn read(&self) -> Reading {
        let counts: Vec<u64> = self.buckets.iter().map(|b| b.load(Relaxed)).collect();
        Reading {
            scheduled: self.scheduled.load(Relaxed),
            acked: self.acked.load(Relaxed),
            failed: self.failed.load(Relaxed),
            p50_ns: quantile(&counts, 0.5),
            p99_ns: quantile(&counts, 0.99),
        }
    }
}

/// One writer only: no locked instruction is needed.
fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

fn bucket(ns: u64) -> usize {
    let ns = ns.max(BUCKETS_PER_OCTAVE.into());
    let octave = ns.ilog2();
    let fraction = (ns >> (octave - BUCKETS_PER_OCTAVE.ilog2())) - u64::from(BUCKETS_PER_OCTAVE);
    (octave * BUCKETS_PER_OCTAVE) as usize + fraction as usize
}

/// Lower edge of a bucket.
fn edge(bucket: usize) -> u64 {
    let (octave, fraction) =
        (bucket as u32 / BUCKETS_PER_OCTAVE, bucket as u64 % u64::from(BUCKETS_PER_OCTAVE));
    (u64::from(BUCKETS_PER_OCTAVE) + fraction) << octave.saturating_sub(BUCKETS_PER_OCTAVE.ilog2())
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
        for ns in [8u64, 9, 15, 16, 100, 1_000, 123_456, 5_000_000_000] {
            let low = edge(bucket(ns));
            assert!(low <= ns && ns as f64 <= low as f64 * 1.125 + 1.0, "{ns}: {low}");
        }
    }

    #[test]
    fn reads_rough_percentiles() {
        let gauge = Gauge::default();
        assert_eq!(gauge.read().p50_ns, None);
        (1..=1_000u64).for_each(|n| gauge.acked(n * 1_000));
        let reading = gauge.read();
        let near =
            |seen: Option<u64>, truth: f64| (seen.unwrap() as f64 / truth - 1.0).abs() < 0.13;
        assert!(near(reading.p50_ns, 500_000.0) && near(reading.p99_ns, 990_000.0));
    }
}
