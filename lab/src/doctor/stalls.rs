//! What must be measured: how late the generator's own waits end, for how long a core stands
//! still while somebody uses all of it, and what the hypervisor takes meanwhile.

use std::thread;

use anyhow::{Context, anyhow};
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::record::{Examined, Fitness};
use tailrace_measure::seals::{LATENESS_P50, STEAL};
use tailrace_render::format;
use tailrace_sys::poller::Poller;

use super::culprits::Others;
use super::{examined, judged, with};
use crate::machine::Surroundings;

/// Between two due times: denser than most loads, so that a wait of this length is usual.
const PERIOD_NS: u64 = 100_000;
/// Due times: a second and a half of them, enough for a p99.9 with ten above it.
const DUE: u64 = 15_000;
/// A p99 beyond it shows in the p99 of anything that answers within a millisecond.
const LATE_NS_P99: u64 = 100_000;
/// How long each core is kept busy.
const SPIN_NS: u64 = 1_000_000_000;
/// Cores that are tried: more take longer than anybody waits, and the first and the last, which
/// are used, are always among them.
const CORES_MAX: usize = 16;
/// From this length on a gap is counted.
const GAP_NS: u64 = 1_000_000;
/// A gap that changes a p99 of a usual window all by itself.
const GAP_NS_CARE: u64 = 20_000_000;

/// Timer, gaps and steal, in this order.
pub(super) fn examine(surroundings: &Surroundings) -> anyhow::Result<Vec<Examined>> {
    let before = tailrace_sys::proc::host_cpu();
    let late = on_core(&surroundings.generator_cores, lateness)??;
    let cores = tried(&tailrace_sys::allowed_cores());
    let of_cores: Vec<Busy> = cores.into_iter().map(busy).collect::<anyhow::Result<_>>()?;
    let after = tailrace_sys::proc::host_cpu();
    let share = before.ok().zip(after.ok()).map(|(before, after)| {
        let total_ns = after.total_ns.saturating_sub(before.total_ns).max(1);
        after.steal_ns.saturating_sub(before.steal_ns) as f64 / total_ns as f64
    });
    Ok(vec![timer(&late), hiccups(&of_cores), steal(share)])
}

/// The first ones, and always the last.
fn tried(cores: &[usize]) -> Vec<usize> {
    let Some((last, others)) = cores.split_last() else { return Vec::new() };
    others.iter().take(CORES_MAX - 1).chain([last]).copied().collect()
}

/// Runs it on a thread that is bound to these cores as the generator's is.
fn on_core<T: Send + 'static>(cores: &[usize], what: fn() -> T) -> anyhow::Result<T> {
    let cores = cores.to_vec();
    let thread = thread::Builder::new().name("doctor".into()).spawn(move || {
        if !cores.is_empty() {
            tailrace_sys::pin_current_thread(&cores).context("a thread could not be pinned")?;
        }
        tailrace_sys::set_timer_slack_min().context("the timer slack could not be set")?;
        anyhow::Ok(what())
    })?;
    thread.join().map_err(|_| anyhow!("a measuring thread panicked"))?
}

/// How late each wait ended, sorted, nanoseconds.
fn lateness() -> anyhow::Result<Vec<u64>> {
    let mut poller = Poller::new()?;
    let begin = now();
    let mut late = Vec::with_capacity(DUE as usize);
    for index in 1..=DUE {
        let due = begin.plus(index * PERIOD_NS);
        loop {
            let at = now();
            if at >= due {
                late.push(at.since(due));
                break;
            }
            poller.wait(due.since(at))?;
        }
    }
    late.sort_unstable();
    Ok(late)
}

/// The value below which this share lies.
fn quantile(sorted: &[u64], q: f64) -> u64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(0)
}

fn timer(late: &[u64]) -> Examined {
    let [p50, p99, most] = [0.5, 0.99, 1.0].map(|q| quantile(late, q));
    let fitness = match judged(p50 as f64, &LATENESS_P50) {
        Fitness::Good if p99 > LATE_NS_P99 => Fitness::Care,
        fitness => fitness,
    };
    let ns = |ns: u64| format::latency(Some(ns));
    let seen = format!("late by {} (p50), {} (p99), {} (most)", ns(p50), ns(p99), ns(most));
    let means = if fitness == Fitness::Good {
        "a schedule is kept on the generator's core; what lies within these of the floor is the \
         machine's"
    } else {
        "the generator is kept from its core, so percentiles of fast systems show that; stop other \
         work, or give the guest cores of its own"
    };
    let figures =
        [("late_p50_ns", p50 as f64), ("late_p99_ns", p99 as f64), ("late_max_ns", most as f64)];
    with(examined("timer", fitness, seen, means), figures)
}

/// When a busy core stood still.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Gaps {
    /// The longest, nanoseconds.
    longest_ns: u64,
    /// Of [`GAP_NS`] or longer.
    long: u64,
}

impl Gaps {
    fn add(&mut self, gap_ns: u64) {
        self.longest_ns = self.longest_ns.max(gap_ns);
        self.long += u64::from(gap_ns >= GAP_NS);
    }
}

/// Reads the clock without a pause: whatever lies between two readings was taken away.
fn gaps() -> Gaps {
    let (begin, mut gaps) = (now(), Gaps::default());
    let mut last: Stamp = begin;
    while last.since(begin) < SPIN_NS {
        let at = now();
        gaps.add(at.since(last));
        last = at;
    }
    gaps
}

/// A core that was kept busy.
struct Busy {
    core: usize,
    gaps: Gaps,
    others: Others,
}

fn busy(core: usize) -> anyhow::Result<Busy> {
    let (gaps, others) = Others::beside(core, SPIN_NS, || on_core(&[core], gaps));
    Ok(Busy { core, gaps: gaps?, others })
}

fn hiccups(of_cores: &[Busy]) -> Examined {
    let longest_ns = of_cores.iter().map(|one| one.gaps.longest_ns).max().unwrap_or(0);
    let long: u64 = of_cores.iter().map(|one| one.gaps.long).sum();
    let ns = |ns: u64| format::latency(Some(ns));
    let each: Vec<String> = of_cores
        .iter()
        .map(|one| format!("core {} {}", one.core, ns(one.gaps.longest_ns)))
        .collect();
    let seen = format!(
        "longest in {} each: {}; {long} of {} or more",
        ns(SPIN_NS),
        each.join(", "),
        ns(GAP_NS)
    );
    let (fitness, means) = match longest_ns {
        _ if longest_ns >= GAP_NS_CARE => (
            Fitness::Care,
            "a core stood still for so long that one such gap decides a p99; something else runs \
             here or on the host",
        ),
        _ if longest_ns >= GAP_NS => (
            Fitness::Care,
            "a p99.9 or a maximum of this size cannot be blamed on any software; p50 and p99 can be \
             measured",
        ),
        _ => (Fitness::Good, "nothing took a core away for a millisecond"),
    };
    let others_ns = of_cores.iter().map(|one| one.others.ns_per_s()).max().unwrap_or(0);
    let figures = [
        ("gap_ns_max", longest_ns as f64),
        ("gaps_over_1ms", long as f64),
        ("others_share_max", others_ns as f64 / 1e9),
    ];
    let means = format!("{means}{}", cause(of_cores));
    with(examined("hiccups", fitness, seen, &means), figures)
}

/// Whoever ran on the cores that stood still; empty: none did, or nobody is seen.
fn cause(of_cores: &[Busy]) -> String {
    let stalled: Vec<&Busy> = of_cores.iter().filter(|one| one.gaps.long > 0).collect();
    if stalled.is_empty() {
        return String::new();
    }
    let seen: Vec<String> =
        stalled.iter().filter_map(|one| one.others.sentence(one.core)).collect();
    if seen.is_empty() {
        return "; no other thread ran there for long, so it was an interrupt or the host".into();
    }
    let advice = if stalled.iter().any(|one| one.others.of_kernel()) {
        "; what a thread of the kernel does is set by whoever runs the machine"
    } else {
        ""
    };
    format!("; likely cause: {}{advice}", seen.join("; "))
}

fn steal(share: Option<f64>) -> Examined {
    let Some(share) = share else {
        let means = "what the hypervisor takes is not told; lateness and the floor arm show it";
        return examined("steal", Fitness::Care, "unknown".into(), means);
    };
    let fitness = judged(share, &STEAL);
    let seen = format!("{:.1} % meanwhile", share * 100.0);
    let means = if fitness == Fitness::Good {
        "the hypervisor admits to taking nothing worth mentioning"
    } else {
        STEAL.advice
    };
    with(examined("steal", fitness, seen, means), [("steal_share", share)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_counted_from_a_millisecond_on() {
        let mut gaps = Gaps::default();
        for gap_ns in [10, GAP_NS - 1, GAP_NS, 3 * GAP_NS] {
            gaps.add(gap_ns);
        }
        assert_eq!(gaps, Gaps { longest_ns: 3 * GAP_NS, long: 2 });
        let of = |gaps: Gaps| hiccups(&[Busy { core: 0, gaps, others: Others::default() }]);
        let stalled = of(gaps);
        assert_eq!(stalled.fitness, Fitness::Care);
        assert!(stalled.means.ends_with("an interrupt or the host"), "{}", stalled.means);
        let quiet = of(Gaps { longest_ns: 900_000, long: 0 });
        assert_eq!(quiet.fitness, Fitness::Good);
        assert_eq!(quiet.means, "nothing took a core away for a millisecond");
    }

    #[test]
    fn the_timer_is_judged_by_its_middle_first() {
        let late = |middle: u64, slow: u64| {
            let mut late = vec![middle; 900];
            late.extend(vec![slow; 100]);
            timer(&late).fitness
        };
        assert_eq!(late(4_000, 12_000), Fitness::Good);
        assert_eq!(late(4_000, 120_000), Fitness::Care);
        assert_eq!(late(1_100_000, 1_900_000), Fitness::Unfit, "as a runtime's timer wheel is");
    }

    #[test]
    fn many_cores_are_not_all_tried_but_the_used_ones_are() {
        let all: Vec<usize> = (0..64).collect();
        let tried = tried(&all);
        assert_eq!((tried.len(), tried[0], tried[CORES_MAX - 1]), (CORES_MAX, 0, 63));
        assert_eq!(super::tried(&[3]), [3]);
    }
}
