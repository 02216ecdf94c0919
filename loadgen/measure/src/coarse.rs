//! A small histogram, within 3.2 % of its values: for slices of a timeline and for finding out how
//! slow answers cluster. It lacks what exact percentiles need: see [`crate::recorder`].

/// Buckets for each doubling: the width of a bucket is at most 1/32 of its values.
const PER_DOUBLING: u64 = 32;

/// From 1 ns to 2^40 ns (18 minutes), in doublings above the first [`PER_DOUBLING`] values.
pub(crate) const BUCKETS: usize = 36 * PER_DOUBLING as usize;

/// A small histogram: 4.6 KB, of which a slice touches a few cache lines.
#[derive(Debug, Clone)]
pub(crate) struct Coarse {
    counts: Box<[u32]>,
    count: u64,
    pub(crate) max_ns: Option<u64>,
}

impl Default for Coarse {
    fn default() -> Coarse {
        Coarse { counts: vec![0; BUCKETS].into(), count: 0, max_ns: None }
    }
}

impl Coarse {
    pub(crate) fn bucket(ns: u64) -> usize {
        if ns < PER_DOUBLING {
            return ns as usize;
        }
        let shift = ns.ilog2() - PER_DOUBLING.ilog2();
        let bucket = u64::from(shift) * PER_DOUBLING + (ns >> shift);
        // The last bucket takes what lies above the range; `max_ns` still says how far.
        (bucket as usize).min(BUCKETS - 1)
    }

    /// The largest value of a bucket.
    fn top_ns(bucket: usize) -> u64 {
        let bucket = bucket as u64;
        if bucket < PER_DOUBLING {
            return bucket;
        }
        let shift = bucket / PER_DOUBLING - 1;
        ((bucket - shift * PER_DOUBLING + 1) << shift) - 1
    }

    pub(crate) fn record(&mut self, ns: u64) {
        self.counts[Coarse::bucket(ns)] += 1;
        self.count += 1;
        self.max_ns = self.max_ns.max(Some(ns));
    }

    pub(crate) fn merge(&mut self, other: &Coarse) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    pub(crate) fn at(&self, q: f64) -> Option<u64> {
        let rank = ((q * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank
        })?;
        Some(Coarse::top_ns(bucket).min(self.max_ns?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_their_values_closely() {
        let mut last = 0;
        for ns in (0..4_096).chain((0..40).map(|bits| (1_u64 << bits) - 1)) {
            let top = Coarse::top_ns(Coarse::bucket(ns));
            assert!(top >= ns && top - ns <= ns / PER_DOUBLING, "{ns} {top}");
        }
        for bucket in 1..BUCKETS {
            assert!(Coarse::top_ns(bucket) > last);
            last = Coarse::top_ns(bucket);
        }
        assert_eq!(Coarse::bucket(u64::MAX), BUCKETS - 1);
    }
}
