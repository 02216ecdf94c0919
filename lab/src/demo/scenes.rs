//! Which scenarios there are. What is expected stands here, before anything is measured; the file
//! of a scenario answers the same sentences in the same order. Read next: `stage.rs`.

use super::scenario::{Scenario, Series, Unit};
use super::{breaker, cache, degradation, end_to_end, limit, spike};

const fn series(key: &'static str, label: &'static str, unit: Unit) -> Series {
    Series { key, label, unit }
}

/// Every scenario, in the order in which they are best seen.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "spike",
        title: "Traffic spike",
        happens: "A server is first asked how much it takes. Then batches come at a seventh of \
                  that, suddenly ten times as many, then few again; each at the time that a \
                  schedule says, however slow the answers are.",
        look: "The slow 1 % against the rate: it goes on rising as long as the spike lasts, and is \
               not back at once when the spike is over.",
        teaches: "Above what a server takes, waiting grows with every second, and it must be \
                  worked off afterwards. A stopwatch that starts when a request is sent does not \
                  see it: latency counts from when the request was due.",
        expects: &[
            "Every batch that was due is acknowledged in the end.",
            "During the spike the slow 1 % takes at least five times as long as before.",
            "After the spike the backlog is worked off, and answers are as quick as before.",
        ],
        series: &[
            series("due", "due", Unit::PerS),
            series("acked", "acknowledged", Unit::PerS),
            series("p99", "slow 1 %, from due", Unit::Ns),
            series("waiting", "waiting", Unit::Count),
        ],
        length: (4, 4),
        needs_postgres: false,
        play: spike::play,
    },
    Scenario {
        name: "limit",
        title: "Rate limit",
        happens: "Two tenants send to one server, each with a key of its own. One may send so much \
                  and offers twenty times that; the other keeps to what it does.",
        look: "Refusals of the first, and that the second does not notice.",
        teaches: "A limit is kept by refusing at once, with the time to wait, and not by answering \
                  slowly. It belongs to the key's tenant, so one noisy tenant is nobody else's \
                  trouble.",
        expects: &[
            "As much is let in as the limit allows: the burst, then the rate, and no more.",
            "Whatever is refused is refused with status 429, and told when to come again.",
            "All of the other tenant's batches are acknowledged.",
        ],
        series: &[
            series("acked", "limited tenant, let in", Unit::PerS),
            series("refused", "limited tenant, refused", Unit::PerS),
            series("other", "other tenant, let in", Unit::PerS),
            series("other_p99", "other tenant's slow 1 %", Unit::Ns),
        ],
        length: (3, 2),
        needs_postgres: false,
        play: limit::play,
    },
    Scenario {
        name: "breaker",
        title: "Circuit breaker",
        happens: "While batches come and dashboards ask, the way to the store (a PostgreSQL of the \
                  demo's own) is frozen: questions go in and no answer comes out. Later it goes on.",
        look: "How long questions take: first until the server's patience ends, then nearly \
               nothing, because the breaker has opened. And that batches are acknowledged \
               throughout.",
        teaches: "Waiting for what is away costs more than saying so. A breaker turns a slow \
                  failure into a quick one, an old answer that says how old it is beats none, and \
                  a log between producers and the store lets ingestion go on.",
        expects: &[
            "Before the breaker opens, a question waits until the server's patience ends.",
            "While it is open, answers come at once: an old one that says so, or a refusal that \
             says when to come again.",
            "Every batch that was due meanwhile is acknowledged.",
            "Once the store goes on, the breaker closes by itself.",
            "In the end the store holds everything that was acknowledged, once.",
        ],
        series: &[
            series("acked", "acknowledged", Unit::PerS),
            series("kept", "question that takes kept answers", Unit::Ns),
            series("store", "question that insists on the store", Unit::Ns),
        ],
        length: (1, 15),
        needs_postgres: true,
        play: breaker::play,
    },
    Scenario {
        name: "cache",
        title: "Cache",
        happens: "One question of a dashboard is asked again and again by a schedule, first with \
                  the cache, then past it. Then one more metric of that name is committed.",
        look: "How long an answer takes with and without the cache.",
        teaches: "A cache answers the same question without the store. What makes it safe is that \
                  a commit makes exactly the answers stale that it changes.",
        expects: &[
            "At least nine answers in ten come from the cache.",
            "An answer from the cache is quicker than one from the store.",
            "A commit makes the answer stale: the next one from the store holds the new metric.",
        ],
        series: &[
            series("answers", "answers", Unit::PerS),
            series("p50", "typical answer", Unit::Ns),
            series("p99", "slow 1 %", Unit::Ns),
        ],
        length: (3, 4),
        needs_postgres: false,
        play: cache::play,
    },
    Scenario {
        name: "degradation",
        title: "Degradation",
        happens: "Batches come at an even rate. Then more dashboards than the server has seats ask \
                  expensive questions without a pause, and some subscribers of the live feed stop \
                  reading.",
        look: "Which answers get worse: coarser charts first, then refusals; not the \
               acknowledgements.",
        teaches: "Under load something must be given up, so decide beforehand what: reading before \
                  writing, detail before answers, and never silently.",
        expects: &[
            "Every batch that was due is acknowledged.",
            "Questions give way: some are answered coarser or refused, and each says so.",
            "A subscriber who reads sees every batch, whatever the others do.",
            "When the crowd has gone, answers are whole again.",
        ],
        series: &[
            series("acked", "acknowledged", Unit::PerS),
            series("ack_p99", "slow 1 % of acknowledgements", Unit::Ns),
            series("whole", "whole answers", Unit::PerS),
            series("coarser", "coarser answers", Unit::PerS),
            series("refused", "refused questions", Unit::PerS),
        ],
        length: (3, 4),
        needs_postgres: false,
        play: degradation::play,
    },
    Scenario {
        name: "end-to-end",
        title: "End to end",
        happens: "Among the batches of a fleet, one metric is marked and followed the whole way: \
                  due, sent, acknowledged by the log, seen live, committed to the store, found by \
                  a query.",
        look: "Which station takes how long: the acknowledgement is the quickest promise, the \
               store the slowest.",
        teaches: "\"It is in\" means something else at each station. Whoever says how fast a \
                  pipeline is must say to where.",
        expects: &[
            "The marked metric passes every station, and none before it was sent.",
            "Everything that was acknowledged is in the store, once: the audit is KEPT.",
        ],
        series: &[
            series("acked", "acknowledged", Unit::PerS),
            series("p50", "typical acknowledgement", Unit::Ns),
            series("p99", "slow 1 %", Unit::Ns),
        ],
        length: (2, 3),
        needs_postgres: false,
        play: end_to_end::play,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_short_and_told_apart() {
        for (index, scenario) in SCENARIOS.iter().enumerate() {
            assert!(SCENARIOS[..index].iter().all(|earlier| earlier.name != scenario.name));
            let seconds = scenario.seconds(std::time::Duration::from_secs(2));
            assert!(seconds <= 17.0 && !scenario.expects.is_empty(), "{}", scenario.name);
        }
    }
}
