//! How many independent values a trial is worth. Slow answers come in episodes: a pause of 20 ms
//! makes every batch that is due in it slow, and says about the tail what one slow batch says.
//!
//! τ at a quantile is the variance of the share of batches above it, over that of independent
//! ones, by batch means: slices of 10 ms, joined two and two while at least 32 remain, so that an
//! episode lies within one, and the largest τ of these and of twice and four times as long ones. The length of the window says beforehand how many slices are joined:
//! what is kept is one coarse histogram for each joined slice, and does not grow with the run.
//! Which interval follows is in [`crate::quantile`].

use crate::clock::Stamp;
use crate::coarse::{BUCKETS, Coarse};
use crate::grid::Grid;
use crate::stamps::Window;

/// Shorter episodes than this are not told apart.
const SLICE_NS: u64 = 10_000_000;

/// With fewer joined slices their variance is not known well enough. At most twice as many are
/// kept, but one: 300 KB.
const JOINED_MIN: u64 = 32;

/// The batches of a trial by when they were due, and how slow they were.
#[derive(Debug, Clone)]
pub struct Episodes {
    grid: Grid,
    joined: Vec<Joined>,
}

#[derive(Debug, Clone)]
struct Joined {
    counts: Box<[u32]>,
    unanswered: u32,
}

impl Episodes {
    pub(crate) fn new(window: Window) -> Episodes {
        let length_ns = window.length_ns().max(1);
        let mut joined_ns = SLICE_NS;
        while length_ns.div_ceil(joined_ns * 2) >= JOINED_MIN {
            joined_ns *= 2;
        }
        let empty = Joined { counts: vec![0; BUCKETS].into(), unanswered: 0 };
        let joined = vec![empty; length_ns.div_ceil(joined_ns) as usize];
        Episodes { grid: Grid::new(window.start, joined_ns), joined }
    }

    fn at(&mut self, intended: Stamp) -> &mut Joined {
        &mut self.joined[self.grid.slice(intended)]
    }

    /// `intended` lies in the window.
    pub(crate) fn record(&mut self, intended: Stamp, ns: u64) {
        self.at(intended).counts[Coarse::bucket(ns)] += 1;
    }

    /// A batch that ranks above all others.
    pub(crate) fn unanswered(&mut self, intended: Stamp) {
        self.at(intended).unanswered += 1;
    }

    /// Adds what another of the same window counted.
    pub(crate) fn merge(&mut self, other: &Episodes) {
        for (mine, theirs) in self.joined.iter_mut().zip(&other.joined) {
            mine.unanswered += theirs.unanswered;
            for (mine, theirs) in mine.counts.iter_mut().zip(&theirs.counts) {
                *mine += theirs;
            }
        }
    }

    /// So many independent values say as much about the quantile `q`, which lies at `ns`, or
    /// among the unanswered if that is none. None when all values are alike, or the window is
    /// shorter than two slices.
    pub fn effective(&self, q: f64, ns: Option<u64>) -> Option<f64> {
        // The value's own bucket belongs to either side: the split nearest to the quantile tells.
        let bucket = ns.map_or(BUCKETS, Coarse::bucket);
        let splits = [bucket, (bucket + 1).min(BUCKETS)].map(|from| Split::new(&self.joined, from));
        let telling = splits.into_iter().filter(Split::tells);
        let off = |split: &Split| (split.share() - (1.0 - q)).abs();
        telling.min_by(|a, b| off(a).total_cmp(&off(b))).map(|split| split.effective())
    }
}

/// Of each joined slice how many batches were slow, and how many there were.
struct Split(Vec<(f64, f64)>);

impl Split {
    /// Slow is what lies in this bucket or above.
    fn new(joined: &[Joined], from: usize) -> Split {
        Split(joined.iter().map(|joined| joined.split(from)).collect())
    }

    fn all(&self) -> f64 {
        self.0.iter().map(|(_, all)| all).sum()
    }

    fn share(&self) -> f64 {
        self.0.iter().map(|(slow, _)| slow).sum::<f64>() / self.all().max(1.0)
    }

    fn tells(&self) -> bool {
        (f64::MIN_POSITIVE..1.0).contains(&self.share()) && self.0.len() >= 2
    }

    /// The fewest of the slices as they are and of twice and four times as long ones: where slow
    /// answers remember for a quarter of a slice, the first alone makes intervals too narrow.
    fn effective(&self) -> f64 {
        let lengths = [1, 2, 4].into_iter().filter(|length| self.0.len() >= 2 * length);
        // Never more than there are: batches that are slow in turn say no more than others.
        lengths.map(|length| self.by_slices_of(length)).fold(self.all(), f64::min)
    }

    /// p·(1 − p) over the variance of the share p of slow batches, between slices that hold
    /// different numbers of them.
    fn by_slices_of(&self, length: usize) -> f64 {
        let (share, n) = (self.share(), self.all());
        let slices = self.0.len().div_ceil(length) as f64;
        let squares = self.0.chunks(length).map(|slices| {
            let (slow, all) = slices.iter().fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
            (slow - share * all).powi(2)
        });
        let variance = slices / (slices - 1.0) * squares.sum::<f64>() / (n * n);
        share * (1.0 - share) / variance
    }
}

impl Joined {
    /// How many from this bucket on, and how many in all.
    fn split(&self, from: usize) -> (f64, f64) {
        let sum = |counts: &[u32]| counts.iter().map(|count| f64::from(*count)).sum::<f64>();
        let slow = sum(&self.counts[from..]) + f64::from(self.unanswered);
        (slow, slow + sum(&self.counts[..from]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn window(ms: u64) -> Window {
        Window { start: Stamp(7), end: Stamp(7 + ms * MS) }
    }

    fn of(ms: u64, answers: impl IntoIterator<Item = (u64, u64)>) -> Episodes {
        let mut episodes = Episodes::new(window(ms));
        answers.into_iter().for_each(|(due, ns)| episodes.record(Stamp(7 + due), ns));
        episodes
    }

    #[test]
    fn memory_does_not_grow_with_the_window() {
        for (ms, joined) in [(4_000, 50), (640, 32), (630, 32), (620, 62), (600_000, 59), (3, 1)] {
            assert_eq!(Episodes::new(window(ms)).joined.len(), joined, "{ms} ms");
        }
        let day = Episodes::new(window(86_400_000)).joined.len() as u64;
        assert!((JOINED_MIN..2 * JOINED_MIN).contains(&day), "{day}");
    }

    /// 4 s at 1,000/s; 40 batches are slow: each by itself, or all in one pause.
    #[test]
    fn a_pause_is_one_episode_however_many_batches_it_hits() {
        let slow = |hit: fn(u64) -> bool| {
            let answers = (0..4_000).map(|i| (i * MS, if hit(i) { 50 * MS } else { MS }));
            of(4_000, answers).effective(0.99, Some(MS)).unwrap() * 0.01
        };
        let alone = slow(|i| i % 100 == 0);
        assert!(alone > 35.0, "{alone}");
        let together = slow(|i| (2_000..2_040).contains(&i));
        assert!((0.3..2.0).contains(&together), "{together}");
    }

    #[test]
    fn what_never_differs_says_nothing() {
        let alike = of(1_000, (0..1_000).map(|i| (i * MS, MS)));
        assert_eq!(alike.effective(0.99, Some(MS)), None);
        assert_eq!(of(1_000, []).effective(0.5, None), None);
    }

    #[test]
    fn the_unanswered_are_the_slowest() {
        let mut episodes = of(1_000, (0..980).map(|i| (i * MS, MS + i)));
        (980..1_000).for_each(|i| episodes.unanswered(Stamp(7 + i * MS)));
        let n = episodes.effective(0.99, None).unwrap();
        assert!((10.0..200.0).contains(&n), "{n}");
    }
}
