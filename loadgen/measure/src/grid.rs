//! A window cut into slices of one length: in which of them a moment lies. Batches come nearly in
//! order, so the slice of the last one is nearly always that of the next, and a comparison takes
//! the place of a division. Read next: `slices.rs` and `episodes.rs`, which count by slice.

use crate::clock::Stamp;

/// Slices of one length, from a moment on.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    start: Stamp,
    step_ns: u64,
    /// First moment and number of the slice that was asked for last.
    last: (u64, usize),
}

impl Grid {
    /// `step_ns` is at least 1.
    pub(crate) fn new(start: Stamp, step_ns: u64) -> Grid {
        Grid { start, step_ns, last: (start.0, 0) }
    }

    pub(crate) fn step_ns(&self) -> u64 {
        self.step_ns
    }

    /// The slice in which `at` lies; the first, if that is before all of them.
    pub(crate) fn slice(&mut self, at: Stamp) -> usize {
        if at.0.wrapping_sub(self.last.0) < self.step_ns {
            return self.last.1;
        }
        let slice = at.since(self.start) / self.step_ns;
        self.last = (self.start.0 + slice * self.step_ns, slice as usize);
        self.last.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slice_is_the_same_whatever_was_asked_before() {
        let start = 1_000;
        for step_ns in [1, 7, 100] {
            let mut grid = Grid::new(Stamp(start), step_ns);
            for n in 0..2_000 {
                // There and back, over every edge.
                let at = start + n * 7_919 % 1_003;
                assert_eq!(grid.slice(Stamp(at)) as u64, (at - start) / step_ns, "{at}/{step_ns}");
                assert_eq!(grid.slice(Stamp(at + 1)) as u64, (at + 1 - start) / step_ns);
            }
            assert_eq!(grid.slice(Stamp(start - 1)), 0);
            assert_eq!(grid.slice(Stamp(start)), 0);
        }
    }
}
