//! Several recorders of one window made into one: the sum of their counts, bucket for bucket, as
//! if one had seen everything. Each belongs to an event loop of its own, so nothing is locked while
//! they fill.

use super::{Recorder, Seen, add, add_outcomes};

impl Recorder {
    /// Takes in what another recorder of the same window and timeout saw.
    pub fn merge(&mut self, other: Recorder) {
        add_outcomes(&mut self.inside, &other.inside);
        add_outcomes(&mut self.outside, &other.outside);
        for (mine, theirs) in self.halves.iter_mut().zip(&other.halves) {
            add(mine, theirs);
        }
        for (mine, theirs) in [
            (&mut self.service, &other.service),
            (&mut self.lateness, &other.lateness),
            (&mut self.queued, &other.queued),
        ] {
            add(mine, theirs);
        }
        for (mine, theirs) in [(&mut self.live, &other.live), (&mut self.durable, &other.durable)] {
            if let Some(theirs) = theirs {
                mine.get_or_insert_with(|| Seen::new(self.window)).merge(theirs);
            }
        }
        for answer in other.slowest {
            self.keep_slow(answer);
        }
        self.slices.merge(&other.slices);
        self.ack_episodes.merge(&other.ack_episodes);
        self.latest = self.latest.max(other.latest);
    }
}

impl Seen {
    fn merge(&mut self, other: &Seen) {
        add(&mut self.histogram, &other.histogram);
        self.never += other.never;
        self.episodes.merge(&other.episodes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Stamp;
    use crate::record::Slice;
    use crate::recorder::{Failure, Measured, Stamps, Window};

    const MS: u64 = 1_000_000;
    const WINDOW: Window = Window { start: Stamp(1_000 * MS), end: Stamp(3_000 * MS) };
    const FAILURES: [Failure; 5] = [
        Failure::Refused(503),
        Failure::TimedOut,
        Failure::Broken,
        Failure::Overflowed,
        Failure::Censored,
    ];

    /// Some batch: due before, in or after the window; acknowledged, mostly.
    fn tell(recorder: &mut Recorder, n: u64) {
        let intended = Stamp(900 * MS + n * 1_200_000);
        let released = intended.plus(n * 7_919 % 50_000);
        let sent = released.plus(n * 104_729 % 3_000);
        let acked = sent.plus(40_000 + n * n * 7_907 % (30 * MS));
        recorder.scheduled(intended);
        if n.is_multiple_of(11) {
            recorder.failed(intended, Some(released), FAILURES[n as usize / 11 % 5]);
        } else {
            recorder.acked(&Stamps { intended, released, sent, acked });
            recorder.live(intended, acked.plus(MS));
        }
    }

    fn told(loops: usize) -> Measured {
        let mut recorders = vec![Recorder::new(WINDOW, 25 * MS); loops];
        for n in 0..2_000 {
            tell(&mut recorders[n as usize % loops], n);
        }
        let mut all = recorders.pop().unwrap();
        for one in recorders {
            all.merge(one);
        }
        all.finish()
    }

    /// Without the backlog: a refusal has no stamp of its own, and each recorder takes it to have
    /// happened at the latest moment that itself was told.
    fn slices(of: &Measured) -> Vec<String> {
        let slices = of.slices.iter().cloned();
        slices.map(|slice| format!("{:?}", Slice { backlog: 0, ..slice })).collect()
    }

    #[test]
    fn merged_is_what_one_would_have_seen() {
        let one = told(1);
        for loops in [2, 3, 7] {
            let merged = told(loops);
            assert_eq!(merged.window_outcomes, one.window_outcomes);
            assert_eq!(merged.all_outcomes, one.all_outcomes);
            assert_eq!(merged.slowest, one.slowest);
            assert_eq!(slices(&merged), slices(&one));
            let histograms = |of: &Measured| {
                [&of.ack, &of.service, &of.lateness, &of.queued, &of.halves.0, &of.halves.1]
                    .map(Clone::clone)
            };
            assert_eq!(histograms(&merged), histograms(&one));
            let live = |of: &Measured| of.live.as_ref().map(|live| live.histogram.clone());
            assert_eq!(live(&merged), live(&one));
            for q in [0.5, 0.9, 0.99] {
                let n =
                    |of: &Measured| of.ack_episodes.effective(q, Some(of.ack.value_at_quantile(q)));
                assert_eq!(n(&merged), n(&one));
            }
        }
    }
}
