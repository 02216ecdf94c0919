//! What should be measured: an exact simulation of a schedule as it was, on a server of known
//! behaviour, over connections as the generator uses them, with no time lost anywhere else.
//! What a trial measured beyond this is its own error and the machine's.
//!
//! It keeps eight bytes for every batch of the window, so it is for calibrations and not for
//! hours. Read [`crate::known`] first, [`crate::calibration`] next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::clock::Stamp;
use crate::journal::Journal;
use crate::known::Behaviour;
use crate::late::Late;
use crate::recorder::Window;
use crate::sleeps::Sleeps;
use crate::theory::Theory;

/// How the generator reaches the server.
#[derive(Debug, Clone)]
pub struct Paths {
    /// When each connection takes part, on the server's side: one entry a connection.
    pub accepted: Vec<Stamp>,
    /// Requests that may wait for their answer on each; 1: one after the other.
    pub in_flight: usize,
    /// Whether the answers of a connection come in the order of its requests.
    pub ordered: bool,
    /// Sent and waiting together, beyond which a batch overflows.
    pub in_flight_max: usize,
    /// From an answer to the arrival of the request that waited for its connection. In theory
    /// nothing; on a machine a round trip, which every wave of those who wait pays.
    pub turnaround_ns: u64,
}

impl Paths {
    /// When a server accepts connections that all wait since then.
    #[must_use]
    pub fn accepted(server: &Behaviour, connections: usize, waiting_since: Stamp) -> Vec<Stamp> {
        let next = |last: &Option<Stamp>| Some(server.accepted(waiting_since, *last));
        std::iter::successors(next(&None), |last| next(&Some(*last))).take(connections).collect()
    }
}

/// Runs a schedule (ascending due times, the first of which has sequence 0) to its end and
/// reports on the batches due in the window.
pub fn simulate(
    server: &Behaviour,
    paths: &Paths,
    due: impl IntoIterator<Item = Stamp>,
    window: Window,
) -> Theory {
    let (journal, sleeps) = (Journal::default(), Sleeps::default());
    let late = Late { journal: &journal, sleeps: &sleeps, batch_ns: 0 };
    simulate_late(server, late, paths, due, window)
}

/// The same with both sides as they were; whoever waits behind somebody who was late waits for that
/// too.
pub fn simulate_late(
    server: &Behaviour,
    late: Late<'_>,
    paths: &Paths,
    due: impl IntoIterator<Item = Stamp>,
    window: Window,
) -> Theory {
    let mut simulation = Simulation::new((server, late), paths, window);
    for (seq, intended) in (0..).zip(due) {
        let at = simulation.released(intended);
        simulation.answers_until(at);
        simulation.release(seq, intended, at);
    }
    simulation.answers_until(Stamp(u64::MAX));
    let mut theory = simulation.theory;
    theory.ack_ns.sort_unstable();
    theory
}

/// The generator's bookkeeping (see `loadgen/src/driver/release.rs`), on a clock that stands
/// still while it works.
struct Simulation<'a> {
    server: &'a Behaviour,
    late: Late<'a>,
    paths: &'a Paths,
    window: Window,
    theory: Theory,
    /// Answers under way, the first to be seen first; at one moment, in the order of sending.
    answers: BinaryHeap<Reverse<(Stamp, u64, usize)>>,
    sent: u64,
    connections: Vec<Connection>,
    /// Connections with room, in turn.
    roomy: VecDeque<usize>,
    /// Released, but no connection had room.
    waiting: VecDeque<(u64, Stamp)>,
    /// When what piled up while it slept is worked off.
    piled_up_until: Stamp,
}

#[derive(Clone)]
struct Connection {
    in_flight: usize,
    listed: bool,
    last_answer: Stamp,
}

impl<'a> Simulation<'a> {
    fn new((server, late): (&'a Behaviour, Late<'a>), paths: &'a Paths, window: Window) -> Self {
        let connection = Connection { in_flight: 0, listed: true, last_answer: Stamp(0) };
        Self {
            server,
            late,
            paths,
            window,
            theory: Theory { due: 0, ack_ns: Vec::new() },
            answers: BinaryHeap::new(),
            sent: 0,
            connections: vec![connection; paths.accepted.len()],
            roomy: (0..paths.accepted.len()).collect(),
            waiting: VecDeque::new(),
            piled_up_until: Stamp(0),
        }
    }

    /// When a batch can be released.
    fn released(&mut self, intended: Stamp) -> Stamp {
        let at = self.late.sleeps.seen(intended);
        if at == intended && at >= self.piled_up_until {
            return at;
        }
        let at = at.max(self.piled_up_until);
        self.piled_up_until = at.plus(self.late.batch_ns);
        at
    }

    fn release(&mut self, seq: u64, intended: Stamp, at: Stamp) {
        self.theory.due += u64::from(self.window.contains(intended));
        if self.answers.len() + self.waiting.len() >= self.paths.in_flight_max {
            return;
        }
        match self.next_roomy() {
            Some(index) if self.waiting.is_empty() => self.send(seq, intended, at, index),
            _ => self.waiting.push_back((seq, intended)),
        }
    }

    fn send(&mut self, seq: u64, intended: Stamp, at: Stamp, index: usize) {
        let arrived = at.max(self.paths.accepted[index]);
        let arrived = self.late.journal.read_at(seq, arrived);
        let connection = &mut self.connections[index];
        let late_ns = self.late.journal.late_ns(seq);
        let mut answered = self.server.answered(arrived, seq).plus(late_ns);
        if self.paths.ordered {
            answered = answered.max(connection.last_answer);
        }
        connection.last_answer = answered;
        connection.in_flight += 1;
        let seen = answered.plus(self.late.unseen_ns(seq));
        if self.window.contains(intended) {
            self.theory.ack_ns.push(seen.since(intended));
        }
        self.answers.push(Reverse((seen, self.sent, index)));
        self.sent += 1;
    }

    /// Takes in the answers given up to a moment; each makes room for what waits.
    fn answers_until(&mut self, end: Stamp) {
        while let Some(&Reverse((at, _, index))) = self.answers.peek()
            && at <= end
        {
            self.answers.pop();
            self.connections[index].in_flight -= 1;
            if !self.connections[index].listed {
                self.connections[index].listed = true;
                self.roomy.push_back(index);
            }
            self.dispatch_waiting(at);
        }
    }

    fn dispatch_waiting(&mut self, at: Stamp) {
        while !self.waiting.is_empty() {
            let Some(index) = self.next_roomy() else { return };
            let Some((seq, intended)) = self.waiting.pop_front() else { return };
            self.send(seq, intended, at.plus(self.paths.turnaround_ns), index);
        }
    }

    /// A connection with room, in turn; it goes to the end of the line.
    fn next_roomy(&mut self) -> Option<usize> {
        while let Some(index) = self.roomy.pop_front() {
            if self.connections[index].in_flight < self.paths.in_flight {
                self.roomy.push_back(index);
                return Some(index);
            }
            self.connections[index].listed = false;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::Kind;

    const MS: u64 = 1_000_000;
    /// Any moment will do.
    const ANCHOR: Stamp = Stamp(7_000_000 * MS);

    fn ms(ms: u64) -> Stamp {
        ANCHOR.plus(ms * MS)
    }

    fn every_us(step_us: u64, count: u64) -> impl Iterator<Item = Stamp> {
        (0..count).map(move |index| ANCHOR.plus(index * step_us * 1_000))
    }

    fn paths(connections: usize, in_flight: usize, ordered: bool) -> Paths {
        let accepted = vec![ANCHOR; connections];
        Paths { accepted, in_flight, ordered, in_flight_max: usize::MAX, turnaround_ns: 0 }
    }

    fn run(kind: Kind, from: Stamp, paths: &Paths, due: impl Iterator<Item = Stamp>) -> Theory {
        let window = Window { start: ANCHOR, end: Stamp(u64::MAX) };
        simulate(&Behaviour { kind, from }, paths, due, window)
    }

    fn check(theory: &Theory, q: f64, expect_ms: f64) {
        let seen = theory.ns_at(q).unwrap() as f64 / MS as f64;
        assert!((seen - expect_ms).abs() < 0.01 * expect_ms, "p{}: {seen} ms", q * 100.0);
    }

    #[test]
    fn one_connection_answers_one_after_the_other() {
        // Five at once, a millisecond each.
        let theory = run(Kind::Constant, ANCHOR, &paths(1, 1, true), [ANCHOR; 5].into_iter());
        assert_eq!(theory.ack_ns, [MS, 2 * MS, 3 * MS, 4 * MS, 5 * MS]);
        let two = run(Kind::Constant, ANCHOR, &paths(2, 1, true), [ANCHOR; 5].into_iter());
        assert_eq!(two.ack_ns, [MS, MS, 2 * MS, 2 * MS, 3 * MS]);
        let deep = run(Kind::Constant, ANCHOR, &paths(1, 4, false), [ANCHOR; 5].into_iter());
        assert_eq!(deep.ack_ns, [MS, MS, MS, MS, 2 * MS]);
    }

    /// Whoever measures a freeze from the moment of sending misses nine tenths of this.
    #[test]
    fn a_freeze_at_a_low_rate_is_the_triangle_of_those_who_waited() {
        let theory = run(Kind::Freeze, ms(4_000), &paths(64, 1, true), every_us(1_000, 20_000));
        assert_eq!(theory.due, 20_000);
        check(&theory, 0.5, 1.0);
        // 64 connections need 16 ms for the thousand that waited.
        check(&theory, 0.99, 904.0);
        check(&theory, 0.999, 993.0);
        assert!(theory.max_ns().unwrap() <= 1_001 * MS);
    }

    #[test]
    fn at_a_high_rate_those_who_waited_wait_for_each_other_too() {
        let high = || every_us(100, 200_000);
        let narrow = run(Kind::Freeze, ms(4_000), &paths(64, 1, true), high());
        // Behind each millisecond of the freeze stand 10 batches, and 64 a millisecond leave.
        check(&narrow, 0.95, 1_000.0 - 500.0 + 500.0 * 10.0 / 64.0);
        let wide = run(Kind::Freeze, ms(4_000), &paths(4, 16_000, false), high());
        check(&wide, 0.95, 502.0);
    }

    #[test]
    fn in_order_a_slow_answer_holds_up_those_behind_it() {
        let slow = Behaviour { kind: Kind::TwoValued, from: ANCHOR };
        let first_slow = (0..1_000).find(|&seq| slow.answered(ANCHOR, seq) > ms(1)).unwrap();
        let due = || every_us(100, first_slow + 11);
        let acks = |ordered| run(Kind::TwoValued, ANCHOR, &paths(1, 1_000, ordered), due()).ack_ns;
        let late = |acks: Vec<u64>| acks.iter().filter(|&&ns| ns > MS).count();
        assert_eq!((late(acks(false)), late(acks(true))), (1, 11));
    }

    #[test]
    fn connections_that_are_not_accepted_yet_hold_up_what_was_given_to_them() {
        let server = Behaviour { kind: Kind::SlowAccept, from: ms(100) };
        let accepted = Paths::accepted(&server, 3, ANCHOR);
        assert_eq!(accepted, [ms(100), ms(120), ms(140)]);
        let paths = Paths { accepted, ..self::paths(3, 1, true) };
        let theory = run(Kind::SlowAccept, ms(100), &paths, [ANCHOR; 4].into_iter());
        assert_eq!(theory.ack_ns, [101 * MS, 102 * MS, 121 * MS, 141 * MS]);
    }

    #[test]
    fn every_wave_pays_its_turnaround() {
        let far = Paths { turnaround_ns: MS / 10, ..paths(1, 1, true) };
        let theory = run(Kind::Constant, ANCHOR, &far, [ANCHOR; 3].into_iter());
        assert_eq!(theory.ack_ns, [MS, 2 * MS + MS / 10, 3 * MS + 2 * MS / 10]);
    }

    #[test]
    fn who_waits_behind_a_late_answer_waits_for_that_too() {
        let mut bytes = Vec::new();
        let (read, due, at) = (ms(0), ms(1), ms(4));
        crate::journal::Given { sequence: 0, looked: read, read, due, at }.write(&mut bytes);
        let journal = Journal::read(&bytes);
        let server = Behaviour { kind: Kind::Constant, from: ANCHOR };
        let window = Window { start: ANCHOR, end: Stamp(u64::MAX) };
        let late = Late { journal: &journal, sleeps: &Sleeps::default(), batch_ns: 0 };
        let theory = simulate_late(&server, late, &paths(1, 1, true), [ANCHOR; 2], window);
        assert_eq!(theory.ack_ns, [4 * MS, 5 * MS]);
    }

    #[test]
    fn who_is_woken_late_releases_late_and_sees_late_and_a_late_program_is_not_excused() {
        let server = Behaviour { kind: Kind::Constant, from: ANCHOR };
        let window = Window { start: ANCHOR, end: Stamp(u64::MAX) };
        let due = || [ms(1), ms(5), ms(20)].into_iter();
        let woken = |sleeps: &[(u64, u64)], given_ms: [u64; 3]| {
            let (mut account, mut bytes) = (Sleeps::default(), Vec::new());
            for &(from, woken) in sleeps {
                account.slept(ms(from), ms(woken));
            }
            for (sequence, at) in (0..).zip(given_ms.map(ms)) {
                let [looked, read, due] = [at; 3];
                crate::journal::Given { sequence, looked, read, due, at }.write(&mut bytes);
            }
            let late = Late { journal: &Journal::read(&bytes), sleeps: &account, batch_ns: 0 };
            let ack_ns = simulate_late(&server, late, &paths(4, 1, true), due(), window).ack_ns;
            let late_for = (0..).zip(due()).filter(|(seq, due)| late.was_late_for(*seq, *due));
            (ack_ns.iter().map(|ns| ns / MS).collect::<Vec<_>>(), late_for.count())
        };
        assert_eq!(woken(&[], [2, 6, 21]), (vec![1, 1, 1], 0));
        // It was to be woken at 5 to release, and at 21 for an answer.
        assert_eq!(woken(&[(3, 8), (21, 24)], [2, 9, 21]), (vec![1, 4, 4], 2));
        // The answer was there before it lay down: nobody had to wake it.
        assert_eq!(woken(&[(22, 30)], [2, 6, 21]), (vec![1, 1, 1], 0));
        // It sent late by itself, and slept until the late answer came: that stays its own.
        assert_eq!(woken(&[(21, 25)], [2, 6, 25]), (vec![1, 1, 1], 0));
    }

    #[test]
    fn what_piled_up_while_it_slept_leaves_one_after_the_other_and_nothing_else_does() {
        let server = Behaviour { kind: Kind::Constant, from: ANCHOR };
        let window = Window { start: ANCHOR, end: Stamp(u64::MAX) };
        let mut sleeps = Sleeps::default();
        sleeps.slept(ms(1), ms(5));
        let late = Late { journal: &Journal::default(), sleeps: &sleeps, batch_ns: 2 * MS };
        let ack_ms = |due_ms: &[u64]| {
            let due: Vec<Stamp> = due_ms.iter().map(|&due| ms(due)).collect();
            let ack_ns = simulate_late(&server, late, &paths(9, 1, true), due, window).ack_ns;
            ack_ns.iter().map(|ns| ns / MS).collect::<Vec<_>>()
        };
        // At 5, 7 and 9; the last waits for them though it was due when all were awake.
        assert_eq!(ack_ms(&[2, 3, 8]), [2, 4, 5]);
        // Nobody waits for those that came one by one.
        assert_eq!(ack_ms(&[4, 7, 7, 7]), [1, 1, 1, 2]);
    }

    /// A request that comes a tenth of a millisecond later than in theory, as every real one does,
    /// may miss its point of the grid: no percentile may hang on that.
    #[test]
    fn a_grid_of_bursts_moves_no_percentile_by_more_than_requests_are_late() {
        let server = Behaviour { kind: Kind::Bursts, from: ms(3) };
        for (step_us, count) in [(1_000, 3_000), (500, 6_000), (100, 30_000)] {
            let due: Vec<Stamp> = every_us(step_us, count).collect();
            let ack = |late_ns: u64| {
                let answered = |due: &Stamp| server.answered(due.plus(late_ns), 0).since(*due);
                let mut ack: Vec<u64> = due.iter().map(answered).collect();
                ack.sort_unstable();
                Theory { due: count, ack_ns: ack }
            };
            for q in [0.05, 0.5, 0.95, 0.99] {
                let moved = ack(100_000).ns_at(q).unwrap() - ack(0).ns_at(q).unwrap();
                assert!(moved <= 110_000, "{step_us} µs, p{}: {moved} ns", q * 100.0);
            }
        }
    }

    #[test]
    fn what_overflows_is_due_and_has_no_value() {
        let narrow = Paths { in_flight_max: 3, ..paths(1, 1, true) };
        let theory = run(Kind::Constant, ANCHOR, &narrow, [ANCHOR; 5].into_iter());
        assert_eq!((theory.due, theory.ack_ns.len()), (5, 3));
        assert_eq!((theory.ns_at(0.5), theory.ns_at(0.99)), (Some(3 * MS), None));
        assert_eq!(theory.max_ns(), None);
    }

    #[test]
    fn warm_up_queues_but_does_not_count() {
        let window = Window { start: ms(2), end: ms(3) };
        let server = Behaviour { kind: Kind::Constant, from: ANCHOR };
        let due = [ANCHOR, ANCHOR, ANCHOR, ms(2), ms(3)];
        let theory = simulate(&server, &paths(1, 1, true), due, window);
        assert_eq!((theory.due, theory.ack_ns), (1, vec![2 * MS]));
    }
}
