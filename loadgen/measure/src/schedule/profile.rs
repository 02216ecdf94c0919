//! A rate that changes by a known course: due times are where its integral reaches whole numbers,
//! so that every stretch of time gets as many batches as the course says, to within one. The
//! course is a row of pieces in each of which the rate is even or changes evenly.

use crate::record::{Arrivals, Load, Step};

const MS_NS: f64 = 1e6;

/// Batches by which sums of counts may err before a batch falls to the wrong piece: rounding is
/// a millionth of it, and a batch's time at the rates that are allowed far above a nanosecond.
const ROUNDING: f64 = 1e-6;

/// A stretch of time.
#[derive(Debug, Clone, Copy)]
struct Piece {
    length_ns: f64,
    /// Batches in a nanosecond at its begin and its end.
    from: f64,
    to: f64,
}

impl Piece {
    fn count(&self) -> f64 {
        f64::midpoint(self.from, self.to) * self.length_ns
    }

    /// The time in it at which so many batches have been due.
    fn time_of(&self, count: f64) -> f64 {
        if count <= 0.0 {
            return 0.0;
        }
        // Of at + bt² = count, with b half the change of the rate, in the form without a
        // difference of nearly equal numbers.
        let change = (self.to - self.from) / self.length_ns;
        let root = (self.from * self.from + 2.0 * change * count).max(0.0).sqrt();
        (2.0 * count / (self.from + root)).min(self.length_ns)
    }
}

/// The course of a rate: a warm-up and then a cycle, again and again.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    warm_up: Piece,
    /// Each with time and batches from the cycle's begin to its own.
    cycle: Vec<(f64, f64, Piece)>,
    cycle_ns: f64,
    cycle_count: f64,
    next: u64,
    /// Where the next batch is looked for: cycles before, and the piece in the cycle.
    turn: u64,
    place: usize,
}

impl Profile {
    /// The course that a load asks for at this mean rate; none where its rate does not change.
    pub(super) fn of(load: &Load, rate_per_s: f64) -> Option<Self> {
        let mean = rate_per_s / 1e9;
        let window_ns = load.window_ms as f64 * MS_NS;
        let peak = load.arrivals.peak_to_mean() * mean;
        let cycle = match &load.arrivals {
            Arrivals::Ramp { from, to } => {
                let scale = mean / f64::midpoint(*from, *to);
                vec![Piece { length_ns: window_ns, from: from * scale, to: to * scale }]
            }
            Arrivals::Steps { steps } => {
                let scale = mean / load.arrivals.own_rate_per_s()?;
                let part_ns = window_ns / steps.len() as f64;
                steps.iter().map(|step| even(step, scale, part_ns)).collect()
            }
            Arrivals::OnOff { on_ms, off_ms } => {
                let piece =
                    |ms: u64, rate| Piece { length_ns: ms as f64 * MS_NS, from: rate, to: rate };
                vec![piece(*on_ms, peak), piece(*off_ms, 0.0)]
            }
            _ => return None,
        };
        let first = cycle.first()?.from;
        let warm_up = Piece { length_ns: load.warm_up_ms as f64 * MS_NS, from: first, to: first };
        let (mut cycle_ns, mut cycle_count) = (0.0, 0.0);
        let place = |piece: Piece| {
            let begin = (cycle_ns, cycle_count, piece);
            cycle_ns += piece.length_ns;
            cycle_count += piece.count();
            begin
        };
        let cycle = cycle.into_iter().map(place).collect();
        Some(Self { warm_up, cycle, cycle_ns, cycle_count, next: 0, turn: 0, place: 0 })
    }

    /// The next due time.
    pub(super) fn next_ns(&mut self) -> u64 {
        let wanted = self.next as f64;
        self.next += 1;
        let warm = self.warm_up.count();
        if wanted < warm - ROUNDING {
            return self.warm_up.time_of(wanted) as u64;
        }
        loop {
            // From the number of the cycle and not from the last due time: rounding does not
            // add up.
            let turn = self.turn as f64;
            let (begin_ns, begin_count, piece) = self.cycle[self.place];
            let begin_ns = self.warm_up.length_ns + turn * self.cycle_ns + begin_ns;
            let inside = wanted - warm - turn * self.cycle_count - begin_count;
            if inside < piece.count() - ROUNDING {
                return (begin_ns + piece.time_of(inside.max(0.0))) as u64;
            }
            self.place += 1;
            if self.place == self.cycle.len() {
                (self.place, self.turn) = (0, self.turn + 1);
            }
        }
    }
}

fn even(step: &Step, scale: f64, part_ns: f64) -> Piece {
    let rate = step.rate * scale;
    let length_ns = step.for_ms.map_or(part_ns, |ms| ms as f64 * MS_NS);
    Piece { length_ns, from: rate, to: rate }
}
