//! Servers of known behaviour, as arithmetic: when each answer is given, as a function of when
//! its request came and of its place in the sequence. The server that lives by it
//! (`loadgen/targets/`) and the theory of what should be measured on it ([`crate::simulate`])
//! are the same function, so that they cannot disagree. It lacks sockets and sleeping.

use crate::clock::Stamp;

const MS: u64 = 1_000_000;

/// What a server that takes its time takes.
const ANSWER_NS: u64 = MS;
/// A fifth more: a difference that a comparison of two servers must find.
const SLOWER_NS: u64 = ANSWER_NS * 6 / 5;
/// A freeze long enough that whoever forgets those who waited is wrong by a factor of hundreds,
/// in periods long enough that it is rare.
const FREEZE_NS: u64 = 1_000 * MS;
const FREEZE_PERIOD_NS: u64 = 10_000 * MS;
/// Slow answers: more than one in a hundred, so that p99 is clearly among them.
const SLOW_SHARE: f64 = 0.02;
const SLOW_NS: u64 = 20 * MS;
/// The tail: Pareto with a finite mean and infinite variance, were it not cut. Where answers come
/// in order, one holds up all behind it: at 2,500 a second on a connection, cut here, no more than
/// a calibration lets one connection have in flight.
const TAIL_SHAPE: f64 = 2.0;
const TAIL_CUT_NS: u64 = 25 * MS;
/// Between two connections that are accepted: 64 of them take more than a second.
const ACCEPT_NS: u64 = 20 * MS;
/// Between two moments at which answers are given. So short that the answers of one moment
/// can be written one after the other well within what a calibration allows; and no simple fraction
/// of the distances that schedules have (it is √5/2 ms), so that requests fall on every place between
/// two moments. On a grid of 2 ms under 1,000 a second they fell on two, and where one of these was a
/// little before a moment, those who missed it by the time of their way waited for the next one: half
/// of all answers.
const BURST_NS: u64 = 1_118_034;
/// Everything random comes from here: the same on both sides, and in every run.
const SEED: u64 = 0x7461_696c_7261_6365;

/// The kinds of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Answers at once.
    AtOnce,
    /// Answers after a millisecond.
    Constant,
    /// Answers after 1.2 milliseconds.
    Slower,
    /// The same, but stands still for one second in every ten: what would be answered then is
    /// answered at its end.
    Freeze,
    /// Answers after a millisecond, or now and then after twenty.
    TwoValued,
    /// Answers after one millisecond to 25, by a Pareto distribution that is cut there.
    HeavyTail,
    /// Answers after a millisecond, but takes its time between accepting two connections.
    SlowAccept,
    /// Collects answers and gives them all at the next point of a grid.
    Bursts,
}

impl Kind {
    /// Every kind, by name.
    pub const NAMES: [(&'static str, Kind); 8] = [
        ("at-once", Kind::AtOnce),
        ("constant", Kind::Constant),
        ("slower", Kind::Slower),
        ("freeze", Kind::Freeze),
        ("two-valued", Kind::TwoValued),
        ("heavy-tail", Kind::HeavyTail),
        ("slow-accept", Kind::SlowAccept),
        ("bursts", Kind::Bursts),
    ];

    /// By name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        // Every kind is in the table.
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// A window must be whole multiples of this to be like every other: nothing for most.
    #[must_use]
    pub fn period_ns(self) -> Option<u64> {
        (self == Kind::Freeze).then_some(FREEZE_PERIOD_NS)
    }
}

/// A server's behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behaviour {
    /// Which.
    pub kind: Kind,
    /// A moment of the monotonic clock. A freeze begins then, and at every period before and
    /// after; slow accepting begins then; the grid of bursts goes through it.
    pub from: Stamp,
}

impl Behaviour {
    /// When a request that came at this moment is answered. `sequence` is its place in the
    /// schedule or, where none is told, in the order of arrival.
    #[must_use]
    pub fn answered(&self, arrived: Stamp, sequence: u64) -> Stamp {
        match self.kind {
            Kind::AtOnce => arrived,
            Kind::Freeze => self.thawed(arrived.plus(ANSWER_NS)),
            Kind::TwoValued if uniform(sequence) < SLOW_SHARE => arrived.plus(SLOW_NS),
            Kind::Constant | Kind::SlowAccept | Kind::TwoValued => arrived.plus(ANSWER_NS),
            Kind::Slower => arrived.plus(SLOWER_NS),
            Kind::HeavyTail => arrived.plus(tail_ns(uniform(sequence))),
            Kind::Bursts => self.grid(BURST_NS, arrived),
        }
    }

    /// When a connection that waits since then is accepted; `last` is when the one before was.
    #[must_use]
    pub fn accepted(&self, waiting_since: Stamp, last: Option<Stamp>) -> Stamp {
        if self.kind != Kind::SlowAccept {
            return waiting_since;
        }
        let earliest = last.map_or(Stamp(0), |last| last.plus(ACCEPT_NS));
        self.grid(ACCEPT_NS, waiting_since.max(earliest).max(self.from))
    }

    /// That moment or, if it falls into a freeze, the freeze's end.
    fn thawed(&self, at: Stamp) -> Stamp {
        let into = (at.0 + FREEZE_PERIOD_NS - self.from.0 % FREEZE_PERIOD_NS) % FREEZE_PERIOD_NS;
        if into < FREEZE_NS { at.plus(FREEZE_NS - into) } else { at }
    }

    /// The first point of a grid that is not before that moment.
    fn grid(&self, step_ns: u64, at: Stamp) -> Stamp {
        let past = (at.0 + step_ns - self.from.0 % step_ns) % step_ns;
        if past == 0 { at } else { at.plus(step_ns - past) }
    }
}

/// Between 0 and 1, the same for a sequence for ever: `SplitMix64`'s output for that index.
fn uniform(sequence: u64) -> f64 {
    let mut z = SEED.wrapping_add(sequence.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// The quantile of a Pareto distribution from [`ANSWER_NS`] on that is cut at [`TAIL_CUT_NS`].
fn tail_ns(u: f64) -> u64 {
    let beyond = (ANSWER_NS as f64 / TAIL_CUT_NS as f64).powf(TAIL_SHAPE);
    (ANSWER_NS as f64 * (1.0 - u * (1.0 - beyond)).powf(-1.0 / TAIL_SHAPE)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(kind: Kind, from_ms: u64) -> Behaviour {
        Behaviour { kind, from: Stamp(from_ms * MS) }
    }

    #[test]
    fn answers_are_given_when_the_name_says() {
        let check = |behaviour: Behaviour, arrived_us: u64, answered_us: u64| {
            let answered = behaviour.answered(Stamp(arrived_us * 1_000), 0);
            assert_eq!(answered, Stamp(answered_us * 1_000), "{behaviour:?} at {arrived_us}");
        };
        check(at(Kind::AtOnce, 0), 7, 7);
        check(at(Kind::Constant, 0), 7, 1_007);
        check(at(Kind::Slower, 0), 7, 1_207);
        let freeze = at(Kind::Freeze, 24_000);
        check(freeze, 3_998_000, 3_999_000);
        check(freeze, 3_999_000, 5_000_000);
        check(freeze, 4_500_000, 5_000_000);
        check(freeze, 4_999_000, 5_000_000);
        check(freeze, 4_999_500, 5_000_500);
        check(freeze, 34_100_000, 35_000_000);
        let bursts = at(Kind::Bursts, 1_001);
        for (arrived_ns, answered_ns) in
            [(0, 0), (1, BURST_NS), (BURST_NS, BURST_NS), (BURST_NS + 1, 2 * BURST_NS)]
        {
            let at = |ns: u64| Stamp(1_001 * MS + ns);
            assert_eq!(bursts.answered(at(arrived_ns), 0), at(answered_ns));
        }
    }

    #[test]
    fn connections_are_accepted_one_at_each_point_of_the_grid() {
        let slow = at(Kind::SlowAccept, 1_007);
        let first = slow.accepted(Stamp(3 * MS), None);
        assert_eq!(first, Stamp(1_007 * MS));
        let second = slow.accepted(Stamp(3 * MS), Some(first));
        assert_eq!(second, Stamp(1_027 * MS));
        assert_eq!(slow.accepted(Stamp(1_100 * MS), Some(second)), Stamp(1_107 * MS));
        assert_eq!(at(Kind::Constant, 5_000).accepted(Stamp(7), Some(Stamp(9))), Stamp(7));
    }

    #[test]
    fn sequences_decide_and_shares_are_kept() {
        let n = 1_000_000;
        let delays = |kind| {
            let known = at(kind, 0);
            let mut all: Vec<u64> = (0..n).map(|seq| known.answered(Stamp(0), seq).0).collect();
            all.sort_unstable();
            all
        };
        let two = delays(Kind::TwoValued);
        let slow = two.iter().filter(|&&ns| ns == SLOW_NS).count() as f64 / n as f64;
        assert!((slow - SLOW_SHARE).abs() < 5.0 * (SLOW_SHARE / n as f64).sqrt(), "{slow}");
        let tail = delays(Kind::HeavyTail);
        let value = |q: f64| tail[(q * n as f64) as usize] as f64 / MS as f64;
        // A Pareto of that shape, cut where a share of 1/25² would lie beyond.
        for q in [0.5f64, 0.99, 0.999] {
            let expect = (1.0 - q * (1.0 - 1.0 / 625.0)).powf(-0.5);
            assert!((value(q) / expect - 1.0).abs() < 0.06, "{q}: {}", value(q));
        }
        assert!(tail[0] >= ANSWER_NS && tail[n as usize - 1] <= TAIL_CUT_NS);
    }

    #[test]
    fn names_find_their_kind() {
        for (name, kind) in Kind::NAMES {
            assert_eq!((Kind::find(name), kind.name()), (Some(kind), name));
        }
        assert_eq!(Kind::find("quick"), None);
    }
}
