//! Who ran on a core that somebody else wanted all of: what a stall has for its likely cause. Only
//! what the kernel counts as a thread is seen: no interrupt, no hypervisor, no thread that has ended.

use tailrace_render::format;
use tailrace_sys::threads::{Ran, Threads};

/// Less than this in a second is nobody's gap: the kernel's own housekeeping is below it.
const RAN_NS_PER_S_LEAST: u64 = 500_000;
/// More names than this say that the machine is busy, which another line says already.
const NAMED_MAX: usize = 2;

/// What others did on one core meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Others {
    /// Of a second, nanoseconds; whoever took most first.
    named: Vec<(Ran, u64)>,
}

impl Others {
    /// Watches one core while something of ours keeps it busy for so long.
    pub(super) fn beside<T>(core: usize, busy_ns: u64, work: impl FnOnce() -> T) -> (T, Self) {
        let before = Threads::read();
        let done = work();
        (done, Self::of(Threads::read().since(&before), core, busy_ns))
    }

    fn of(ran: Vec<Ran>, core: usize, busy_ns: u64) -> Self {
        let ourselves = std::process::id();
        let there = ran.into_iter().filter(|ran| ran.core == core && ran.pid != ourselves);
        let a_second = |ran: Ran| {
            let ns_per_s = u128::from(ran.ns) * 1_000_000_000 / u128::from(busy_ns.max(1));
            (ran, ns_per_s as u64)
        };
        let worth_it = there.map(a_second).filter(|(_, ns)| *ns >= RAN_NS_PER_S_LEAST);
        Self { named: worth_it.take(NAMED_MAX).collect() }
    }

    /// What they took of a second, nanoseconds.
    pub(super) fn ns_per_s(&self) -> u64 {
        self.named.iter().map(|(_, ns)| ns).sum()
    }

    /// Whether one of them is a thread of the kernel.
    pub(super) fn of_kernel(&self) -> bool {
        self.named.iter().any(|(ran, _)| ran.is_kernel)
    }

    /// In words; none: nobody is seen.
    pub(super) fn sentence(&self, core: usize) -> Option<String> {
        let each = self.named.iter().map(|(ran, ns)| {
            let whose = if ran.is_kernel {
                "a thread of the kernel".to_owned()
            } else {
                format!("process {}", ran.pid)
            };
            format!("`{}` ({whose}), {} a second", ran.name, format::latency(Some(*ns)))
        });
        let each: Vec<String> = each.collect();
        (!each.is_empty()).then(|| format!("on core {core} {}", each.join(", and ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(name: &str, is_kernel: bool, core: usize, ns: u64) -> Ran {
        Ran { pid: 1, name: name.into(), is_kernel, core, ns }
    }

    #[test]
    fn those_that_took_most_of_this_core_are_named() {
        let all = vec![
            ran("elsewhere", false, 1, 90_000_000),
            ran("cc1", false, 0, 20_000_000),
            ran("kdamond.0", true, 0, 16_000_000),
            ran("third", false, 0, 12_000_000),
            ran("housekeeping", true, 0, 1_000),
        ];
        let others = Others::of(all, 0, 2_000_000_000);
        assert_eq!(
            others.sentence(0).unwrap(),
            "on core 0 `cc1` (process 1), 10 ms a second, and `kdamond.0` (a thread of the kernel), \
             8.0 ms a second"
        );
        assert_eq!((others.ns_per_s(), others.of_kernel()), (18_000_000, true));
    }

    #[test]
    fn nobody_is_blamed_for_nothing() {
        let mine = Ran { pid: std::process::id(), ..ran("doctor", false, 0, 900_000_000) };
        let others = Others::of(vec![mine, ran("rcu", true, 0, 1_000)], 0, 1_000_000_000);
        assert_eq!((others.sentence(0), others.ns_per_s()), (None, 0));
    }
}
