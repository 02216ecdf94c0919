//! How far a measurement is from theory, and what that is taken for. Theory is
//! [`crate::simulate`]'s; the shapes of what comes out are in `record/calibration.rs`. The
//! question of the ping-pong is in [`crate::ping_pong`].

use crate::quantile::rank;
use crate::record::{Cell, Measurement, Point, SUPPORT_MIN, Tally, Verdict};
use crate::theory::Theory;

/// The percentiles that are judged.
pub const JUDGED: [f64; 4] = [0.5, 0.95, 0.99, 0.999];

/// An error below this share of theory passes: ten times the resolution of a histogram.
pub const SHARE_MAX: f64 = 0.01;
/// And so does one below this, which is a wake-up or two on each side.
pub const ERROR_NS_MAX: u64 = 150_000;

/// A knee is looked for among so large a share of the ranks on the side of a percentile that has
/// fewer: a stall of the machine of a few milliseconds moves a percentile by about as many.
const BESIDE_SHARE: f64 = 0.05;
/// And at least among so many ranks on each side.
const BESIDE_MIN: u64 = 2;

/// What the machine and the trial say about one percentile.
#[derive(Debug, Clone, Copy, Default)]
pub struct Excuse {
    /// What the machine did to others at this percentile: what the floor needed on the same schedule.
    pub machine_ns: Option<u64>,
    /// Whether the trial's seal strikes this percentile.
    pub spoilt: bool,
    /// What theory says with each answer as late as the server's own clock recorded it.
    pub served_ns: Option<u64>,
    /// What theory says with that, and the generator woken as late as it was: with what had piled up
    /// leaving at once, and with each of it taking what a batch cost. The truth is in between.
    pub woken_ns: Option<(u64, u64)>,
    /// What is left to the generator when the server's own clock is believed.
    pub left_ns: Option<i64>,
}

/// What is left to the generator of an error: from the moment at which the server, by its own clock,
/// had answered so large a share of the batches, to that at which the generator had; and with it
/// whatever the generator itself did before, its lateness and the waiting for a connection at the same
/// percentile. Those are in the server's figure too, and no excuse.
#[must_use]
pub fn left_ns(measured_ns: u64, witnessed_ns: u64, own_ns: [Option<u64>; 2]) -> i64 {
    let own: u64 = own_ns.into_iter().flatten().sum();
    measured_ns.cast_signed() - witnessed_ns.cast_signed() + own.cast_signed()
}

/// Judges one percentile.
#[must_use]
pub fn point(theory: &Theory, q: f64, measured_ns: Option<u64>, excuse: Excuse) -> Point {
    let theory_ns = theory.ns_at(q);
    let error_ns = theory_ns.zip(measured_ns).map(|(t, m)| m.cast_signed() - t.cast_signed());
    let verdict = verdict(theory, q, (theory_ns, error_ns), excuse);
    let Excuse { served_ns, left_ns, .. } = excuse;
    let (woken_ns, worked_off_ns) = excuse.woken_ns.unzip();
    Point {
        q,
        theory_ns,
        measured_ns,
        error_ns,
        served_ns,
        woken_ns,
        worked_off_ns,
        left_ns,
        verdict,
    }
}

fn verdict(
    theory: &Theory,
    q: f64,
    (theory_ns, error_ns): (Option<u64>, Option<i64>),
    excuse: Excuse,
) -> Verdict {
    let (Some(theory_ns), Some(error_ns)) = (theory_ns, error_ns) else { return Verdict::Absent };
    let allowed = allowed_ns(theory_ns);
    if theory.due - rank(q, theory.due) < SUPPORT_MIN {
        return Verdict::TooFew;
    }
    if jumps(theory, q, allowed) {
        return Verdict::Knee;
    }
    let error = error_ns.unsigned_abs();
    let measured_ns = theory_ns.saturating_add_signed(error_ns);
    let machine = excuse.spoilt
        || excuse.machine_ns.is_some_and(|ns| error <= ns)
        || excuse.woken_ns.is_some_and(|between| is_between(measured_ns, between));
    match error {
        _ if error <= allowed => Verdict::Pass,
        _ if is_the_servers(measured_ns, allowed, excuse) => Verdict::Server,
        _ if machine => Verdict::Machine,
        _ => Verdict::Fail,
    }
}

/// Whether the server's own clock explains it: by theory with its answers as late as they were, or by
/// when it had answered. Both are measured in the same trial.
fn is_the_servers(measured_ns: u64, allowed_ns: u64, excuse: Excuse) -> bool {
    let by_theory =
        excuse.served_ns.is_some_and(|ns| measured_ns.abs_diff(ns) <= self::allowed_ns(ns));
    by_theory || excuse.left_ns.is_some_and(|left| left.unsigned_abs() <= allowed_ns)
}

/// Whether it is within what is allowed of anything between two theories.
fn is_between(measured_ns: u64, (at_least, at_most): (u64, u64)) -> bool {
    let least = at_least.saturating_sub(allowed_ns(at_least));
    (least..=at_most.saturating_add(allowed_ns(at_most))).contains(&measured_ns)
}

/// The error that passes.
#[must_use]
pub fn allowed_ns(theory_ns: u64) -> u64 {
    ((theory_ns as f64 * SHARE_MAX) as u64).max(ERROR_NS_MAX)
}

/// Whether two neighbouring ranks beside a percentile differ by more than may be erred: then
/// one batch more or less above it decides, and no instrument can be blamed.
fn jumps(theory: &Theory, q: f64, allowed_ns: u64) -> bool {
    let at = rank(q, theory.due);
    let beside = (theory.due as f64 * q.min(1.0 - q) * BESIDE_SHARE) as u64;
    let beside = beside.max(BESIDE_MIN);
    let ranks = at.saturating_sub(beside).max(1)..(at + beside).min(theory.due);
    ranks.into_iter().any(|rank| {
        let values = theory.ns_at_rank(rank).zip(theory.ns_at_rank(rank + 1));
        values.is_none_or(|(one, next)| next - one > allowed_ns)
    })
}

/// Judges a count of batches.
#[must_use]
pub fn count(theory: u64, measured: u64) -> Verdict {
    let within = theory.abs_diff(measured) as f64 <= theory as f64 * SHARE_MAX;
    if within { Verdict::Pass } else { Verdict::Fail }
}

/// How many verdicts of each kind.
#[must_use]
pub fn tally(cells: &[Cell]) -> Tally {
    let mut tally = Tally::default();
    for cell in cells {
        tally.invalid_trials += u64::from(cell.seal == Measurement::Invalid);
        let points = cell.points.iter().map(|point| point.verdict);
        for verdict in points.chain([cell.released_verdict]) {
            match verdict {
                Verdict::Pass => tally.passed += 1,
                // Nothing where something should be is no excuse.
                Verdict::Fail | Verdict::Absent => tally.failed += 1,
                Verdict::Knee => tally.knees += 1,
                Verdict::TooFew => tally.too_few += 1,
                Verdict::Server => tally.server += 1,
                Verdict::Machine => tally.machine += 1,
            }
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn theory(ack_ns: impl Iterator<Item = u64>) -> Theory {
        let ack_ns: Vec<u64> = ack_ns.collect();
        Theory { due: ack_ns.len() as u64, ack_ns }
    }

    fn check(theory: &Theory, q: f64, measured_ns: u64, expect: Verdict) {
        let seen = point(theory, q, Some(measured_ns), Excuse::default());
        assert_eq!(seen.verdict, expect, "{seen:?}");
    }

    #[test]
    fn one_percent_or_a_wake_up_or_two_pass() {
        let flat = theory([MS].into_iter().cycle().take(100_000));
        check(&flat, 0.5, MS + ERROR_NS_MAX, Verdict::Pass);
        check(&flat, 0.5, MS + ERROR_NS_MAX + 1, Verdict::Fail);
        check(&flat, 0.5, MS - ERROR_NS_MAX - 1, Verdict::Fail);
        let slow = theory([1_000 * MS].into_iter().cycle().take(100_000));
        check(&slow, 0.99, 1_010 * MS, Verdict::Pass);
        check(&slow, 0.99, 1_011 * MS, Verdict::Fail);
        assert_eq!(point(&flat, 0.5, None, Excuse::default()).verdict, Verdict::Absent);
    }

    #[test]
    fn a_percentile_beside_a_jump_is_not_judged() {
        // One in a hundred is slow, but for a few.
        let knee = |slow: usize| {
            theory((0..10_000).map(move |n| if n < 10_000 - slow { MS } else { 20 * MS }))
        };
        for slow in [96, 100, 104] {
            check(&knee(slow), 0.99, 7 * MS, Verdict::Knee);
        }
        check(&knee(200), 0.99, 20 * MS, Verdict::Pass);
        check(&knee(200), 0.95, MS, Verdict::Pass);
        check(&knee(10), 0.99, MS, Verdict::Pass);
        // A slope is no jump.
        let slope = theory((0..100_000).map(|n| n * 10_000));
        check(&slope, 0.5, 500 * MS, Verdict::Pass);
        check(&slope, 0.999, 900 * MS, Verdict::Fail);
    }

    #[test]
    fn few_above_it_and_the_machine_are_told() {
        let few = theory([MS].into_iter().cycle().take(5_000));
        check(&few, 0.999, 9 * MS, Verdict::TooFew);
        let many = theory([MS].into_iter().cycle().take(50_000));
        let judged = |excuse| point(&many, 0.999, Some(3 * MS), excuse).verdict;
        let floor = |ns| Excuse { machine_ns: Some(ns), ..Excuse::default() };
        assert_eq!(judged(floor(MS)), Verdict::Fail);
        assert_eq!(judged(floor(2 * MS)), Verdict::Machine);
        assert_eq!(judged(Excuse { spoilt: true, ..Excuse::default() }), Verdict::Machine);
    }

    #[test]
    fn late_wake_ups_explain_what_theory_makes_of_them_and_no_more() {
        let many = theory([MS].into_iter().cycle().take(50_000));
        let judged = |q, measured_ns, between| {
            let excuse = Excuse { woken_ns: Some(between), ..Excuse::default() };
            point(&many, q, Some(measured_ns), excuse).verdict
        };
        let most = 3 * MS - ERROR_NS_MAX;
        assert_eq!(judged(0.99, 3 * MS, (2 * MS, most)), Verdict::Machine);
        assert_eq!(judged(0.99, 3 * MS, (2 * MS, most - 1)), Verdict::Fail);
        assert_eq!(judged(0.99, 3 * MS, (4 * MS, 5 * MS)), Verdict::Fail, "it must have been seen");
        assert_eq!(judged(0.5, MS, (4 * MS, 5 * MS)), Verdict::Pass, "it needs no excuse");
    }

    #[test]
    fn what_the_servers_clock_explains_is_the_servers_and_nothing_else() {
        let many = theory([MS].into_iter().cycle().take(50_000));
        let judged = |excuse| point(&many, 0.999, Some(3 * MS), excuse).verdict;
        let served = |ns| Excuse { served_ns: Some(ns), ..Excuse::default() };
        assert_eq!(judged(served(3 * MS - ERROR_NS_MAX)), Verdict::Server);
        assert_eq!(judged(served(2 * MS)), Verdict::Fail);
        // The server had answered 2.9 ms after batches were due; the rest is the way back.
        let witness =
            |own| Excuse { left_ns: Some(left_ns(3 * MS, 2_900_000, own)), ..Excuse::default() };
        assert_eq!(judged(witness([None, None])), Verdict::Server);
        // It got them late, because the generator had sent them late.
        assert_eq!(judged(witness([Some(MS), None])), Verdict::Fail);
        assert_eq!(judged(witness([Some(0), Some(MS)])), Verdict::Fail);
        // Within what is allowed nobody needs an excuse.
        assert_eq!(point(&many, 0.5, Some(MS), served(9 * MS)).verdict, Verdict::Pass);
    }

    #[test]
    fn counts_may_err_by_a_hundredth() {
        assert_eq!(count(10_000, 9_900), Verdict::Pass);
        assert_eq!(count(10_000, 9_899), Verdict::Fail);
    }
}
