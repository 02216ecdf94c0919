//! The one table of thresholds: which figure makes a measurement SUSPECT or INVALID. The same table
//! stands in the documentation. Read [`crate::seals`] for how they are applied.

/// From where on a figure spoils a measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Stable name, in JSON.
    pub name: &'static str,
    /// SUSPECT beyond it.
    pub suspect: Option<f64>,
    /// INVALID beyond it.
    pub invalid: Option<f64>,
    /// `ns`, `share`, `ratio` or `batches`.
    pub unit: &'static str,
    /// What the figure is, for people.
    pub what: &'static str,
    /// Likely cause and what to try, for people.
    pub advice: &'static str,
}

const fn threshold(
    name: &'static str,
    (suspect, invalid): (Option<f64>, Option<f64>),
    unit: &'static str,
    what: &'static str,
    advice: &'static str,
) -> Threshold {
    Threshold { name, suspect, invalid, unit, what, advice }
}

/// The generator's lateness in a percentile of ack; INVALID holds for that percentile only.
pub const LATENESS_OF_ACK: Threshold = threshold(
    "lateness_of_ack",
    (Some(0.25), Some(0.50)),
    "share",
    "the generator's own lateness, as a share of ack",
    "the percentile shows the generator more than the system; lower the rate, or give the \
     generator a core of its own",
);
/// How late the generator typically is.
pub const LATENESS_P50: Threshold = threshold(
    "lateness_p50",
    (Some(100_000.0), Some(1_000_000.0)),
    "ns",
    "typical lateness of the generator (p50)",
    "it was kept from its core; give it a core of its own, stop other work, or lower the rate",
);
/// Batches released within 10 ms of their due time; the only figure that is bad when small.
pub const RELEASED_ON_TIME: Threshold = threshold(
    "released_on_time",
    (Some(0.999), Some(0.99)),
    "share",
    "batches released within 10 ms of their due time",
    "the generator or the whole machine stood still for a while; stop other work and run again",
);
/// Time for which a pinned thread was ready but did not run.
pub const RUN_QUEUE_DELAY: Threshold = threshold(
    "run_queue_delay",
    (Some(0.02), Some(0.10)),
    "share",
    "time waiting for a core",
    "something else ran on that core; stop it, or pin to a free one",
);
/// Time that the hypervisor gave to other guests.
pub const STEAL: Threshold = threshold(
    "steal",
    (Some(0.01), Some(0.05)),
    "share",
    "processor time stolen by other virtual machines",
    "the host is busy; run again at another time or on another host",
);
/// How busy the generator was, without spinning.
pub const GENERATOR_CORE: Threshold = threshold(
    "generator_core",
    (Some(0.70), Some(0.90)),
    "share",
    "the generator's use of its core",
    "it is close to its own limit and may be what is measured; lower the rate or enlarge batches",
);
/// The p50 of ack in the second half of the window against the first. One trial decides nothing:
/// see [`crate::seals::drifted`].
pub const HALVES_P50: Threshold = threshold(
    "halves_p50",
    (Some(1.5), None),
    "ratio",
    "p50 of the second half of the window against the first",
    "the system was still warming up or wearing out; lengthen the warm-up or the window",
);
/// Growth of the backlog over the last half of the window, as a share of the batches due.
pub const BACKLOG_GROWTH: Threshold = threshold(
    "backlog_growth",
    (Some(0.01), None),
    "batches",
    "overloaded: growth of the backlog in the last half of the window",
    "more was due than the system answered, so latencies depend on how long that lasted; lower \
     the rate to see its latency",
);
/// What a live subscriber costs: ack p50 or server CPU with it against without.
pub const FEED_COST: Threshold = threshold(
    "feed_cost",
    (Some(1.10), None),
    "ratio",
    "cost of the live subscriber, with against without",
    "live figures come from a system that the subscriber slowed down; sample fewer batches",
);

/// Every check, in the order of the documentation.
pub const THRESHOLDS: [Threshold; 9] = [
    LATENESS_OF_ACK,
    LATENESS_P50,
    RELEASED_ON_TIME,
    RUN_QUEUE_DELAY,
    STEAL,
    GENERATOR_CORE,
    HALVES_P50,
    BACKLOG_GROWTH,
    FEED_COST,
];
