//! The timeline: what became of the batches due in each slice of the window, and how many were
//! under way at its end. The number of slices is bounded, so a longer window has longer slices.
//! Percentiles of a slice come from a coarse histogram of its own (within 3.2 %); the exact ones
//! are those of the whole window in [`crate::recorder`].

use crate::clock::Stamp;
use crate::coarse::Coarse;
use crate::grid::Grid;
use crate::record::Slice;
use crate::stamps::Window;

/// The length of a slice, while that makes at most [`SLICES_MAX`] of them.
const SLICE_NS: u64 = 100_000_000;

/// About one slice for every two pixels of a plot; bounds the memory at about 3 MB.
const SLICES_MAX: u64 = 600;

/// The slices of one window. Batches that are due outside of it only count in the backlog.
#[derive(Debug, Clone)]
pub(crate) struct Slices {
    window: Window,
    grid: Grid,
    /// Batches that were due before the window less those resolved before it.
    backlog_before: i64,
    counts: Vec<Counts>,
    coarse: Vec<Coarse>,
}

#[derive(Debug, Clone, Default)]
struct Counts {
    scheduled: u64,
    acked: u64,
    failed: u64,
    unanswered: u64,
    lateness_ns_max: Option<u64>,
    /// Batches, due whenever, that were answered or given up in this slice.
    resolved: u64,
}

/// How a batch ended, as far as the timeline tells endings apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    Acked { ack_ns: u64 },
    Failed,
    Unanswered,
}

impl Slices {
    pub(crate) fn new(window: Window) -> Slices {
        let length_ns = window.length_ns().max(1);
        let mut slice_ns = SLICE_NS;
        while length_ns.div_ceil(slice_ns) > SLICES_MAX {
            slice_ns *= 2;
        }
        let slices = length_ns.div_ceil(slice_ns) as usize;
        let (counts, coarse) = (vec![Counts::default(); slices], vec![Coarse::default(); slices]);
        let grid = Grid::new(window.start, slice_ns);
        Slices { window, grid, backlog_before: 0, counts, coarse }
    }

    pub(crate) fn scheduled(&mut self, intended: Stamp) {
        if self.window.contains(intended) {
            let slice = self.grid.slice(intended);
            self.counts[slice].scheduled += 1;
        } else if intended < self.window.start {
            self.backlog_before += 1;
        }
    }

    /// A batch left the backlog; after the end of the window nobody asks any more.
    pub(crate) fn resolved(&mut self, at: Stamp) {
        if at < self.window.start {
            self.backlog_before -= 1;
        } else if at < self.window.end {
            let slice = self.grid.slice(at);
            self.counts[slice].resolved += 1;
        }
    }

    pub(crate) fn released(&mut self, intended: Stamp, lateness_ns: u64) {
        let slice = self.grid.slice(intended);
        let max = &mut self.counts[slice].lateness_ns_max;
        *max = (*max).max(Some(lateness_ns));
    }

    /// `intended` lies in the window.
    pub(crate) fn ended(&mut self, intended: Stamp, ending: Ending) {
        let slice = self.grid.slice(intended);
        match ending {
            Ending::Acked { ack_ns } => {
                self.counts[slice].acked += 1;
                self.coarse[slice].record(ack_ns);
            }
            Ending::Failed => self.counts[slice].failed += 1,
            Ending::Unanswered => self.counts[slice].unanswered += 1,
        }
    }

    /// Adds what another of the same window counted.
    pub(crate) fn merge(&mut self, other: &Slices) {
        self.backlog_before += other.backlog_before;
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            mine.merge(theirs);
        }
        for (mine, theirs) in self.coarse.iter_mut().zip(&other.coarse) {
            mine.merge(theirs);
        }
    }

    pub(crate) fn finish(self) -> Vec<Slice> {
        let mut backlog = self.backlog_before;
        let slice_ms = self.grid.step_ns() / 1_000_000;
        let slices = self.counts.iter().zip(&self.coarse).zip(0..);
        slices
            .map(|((counts, coarse), index)| {
                backlog = backlog
                    .saturating_add_unsigned(counts.scheduled)
                    .saturating_sub_unsigned(counts.resolved);
                // Below zero only when endings were told of batches that were never scheduled.
                let due_ms = 0_i64.saturating_add_unsigned(slice_ms * index);
                counts.slice(coarse, due_ms, backlog.max(0) as u64)
            })
            .collect()
    }
}

impl Counts {
    fn merge(&mut self, other: &Counts) {
        self.scheduled += other.scheduled;
        self.acked += other.acked;
        self.failed += other.failed;
        self.unanswered += other.unanswered;
        self.lateness_ns_max = self.lateness_ns_max.max(other.lateness_ns_max);
        self.resolved += other.resolved;
    }

    fn slice(&self, coarse: &Coarse, due_ms: i64, backlog: u64) -> Slice {
        Slice {
            due_ms,
            scheduled: self.scheduled,
            acked: self.acked,
            failed: self.failed,
            unanswered: self.unanswered,
            ack_p50_ns: coarse.at(0.5),
            ack_p99_ns: coarse.at(0.99),
            ack_max_ns: coarse.max_ns,
            lateness_max_ns: self.lateness_ns_max,
            backlog,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_ms(ms: u64) -> Stamp {
        Stamp(ms * 1_000_000)
    }

    #[test]
    fn long_windows_have_long_slices() {
        let hour = Window { start: Stamp(5), end: Stamp(5 + 3_600_000_000_000) };
        let slices = Slices::new(hour).finish();
        assert!(slices.len() <= SLICES_MAX as usize && slices.len() > SLICES_MAX as usize / 2);
        assert_eq!(slices[1].due_ms, 6_400);
    }

    #[test]
    fn backlog_counts_warm_up_and_what_is_still_under_way() {
        let mut slices = Slices::new(Window { start: at_ms(1_000), end: at_ms(1_300) });
        for ms in [900, 950, 1_010, 1_110, 1_210] {
            slices.scheduled(at_ms(ms));
        }
        for ms in [960, 1_050, 1_290, 1_290, 5_000] {
            slices.resolved(at_ms(ms));
        }
        let backlog: Vec<u64> = slices.finish().iter().map(|slice| slice.backlog).collect();
        assert_eq!(backlog, [1, 2, 1]);
    }
}
