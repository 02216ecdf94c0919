//! A trial's timeline in columns, in as few slices as asked. Slices that become one keep what is
//! worst: counts are added, of latencies, lateness and backlog the largest stays. So a page never
//! shows less trouble than there was.

use serde::Serialize;
use tailrace_measure::record::Slice;

/// Columns of equal length; a latency that no batch had is null. Times are nanoseconds but for
/// `due_ms`, the start of each slice from the start of the window.
#[derive(Debug, Default, Serialize, PartialEq)]
pub(super) struct Timeline {
    /// Slices of the record that became one here.
    merged: usize,
    due_ms: Vec<i64>,
    scheduled: Vec<u64>,
    unanswered: Vec<u64>,
    failed: Vec<u64>,
    p50: Vec<Option<u64>>,
    p99: Vec<Option<u64>>,
    max: Vec<Option<u64>>,
    lateness: Vec<Option<u64>>,
    backlog: Vec<u64>,
}

impl Timeline {
    /// At most `slices_max` slices.
    pub(super) fn of(slices: &[Slice], slices_max: usize) -> Timeline {
        let merged = slices.len().div_ceil(slices_max.max(1)).max(1);
        let mut timeline = Timeline { merged, ..Timeline::default() };
        for group in slices.chunks(merged) {
            timeline.push(group);
        }
        timeline
    }

    fn push(&mut self, group: &[Slice]) {
        let sum = |of: fn(&Slice) -> u64| group.iter().map(of).sum();
        let most = |of: fn(&Slice) -> Option<u64>| group.iter().filter_map(of).max();
        self.due_ms.push(group[0].due_ms);
        self.scheduled.push(sum(|slice| slice.scheduled));
        self.unanswered.push(sum(|slice| slice.unanswered));
        self.failed.push(sum(|slice| slice.failed));
        self.p50.push(most(|slice| slice.ack_p50_ns));
        self.p99.push(most(|slice| slice.ack_p99_ns));
        self.max.push(most(|slice| slice.ack_max_ns));
        self.lateness.push(most(|slice| slice.lateness_max_ns));
        self.backlog.push(most(|slice| Some(slice.backlog)).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_stays() {
        let slice = |due_ms: i64, max: Option<u64>| Slice {
            due_ms,
            scheduled: 10,
            unanswered: 1,
            ack_max_ns: max,
            backlog: due_ms.unsigned_abs(),
            ..Slice::default()
        };
        let slices = [slice(0, Some(5)), slice(100, Some(90)), slice(200, None)];
        let whole = Timeline::of(&slices, 600);
        assert_eq!((whole.merged, whole.max), (1, vec![Some(5), Some(90), None]));
        let short = Timeline::of(&slices, 2);
        assert_eq!((short.merged, &short.due_ms), (2, &vec![0, 200]));
        assert_eq!((short.max, short.scheduled), (vec![Some(90), None], vec![20, 10]));
        assert_eq!((short.backlog, short.unanswered), (vec![100, 200], vec![2, 1]));
        assert_eq!(Timeline::of(&[], 600).due_ms, Vec::<i64>::new());
    }
}
