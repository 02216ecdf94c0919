//! What a comparison may be built of, beside its pipelines: shapes of traffic, distances, stores.
//! The lab console offers these; everything here is written as an experiment writes it. Read next:
//! `registry.rs`, for the pipelines themselves.

use serde::Serialize;
use tailrace_contract::limits::BATCH_METRICS_MAX;
use tailrace_measure::record::StoreKind;

use crate::registry::{LogKind, PIPELINES};

/// One thing to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// As an experiment writes it.
    pub value: &'static str,
    /// For people.
    pub text: &'static str,
}

/// Everything to choose from.
#[derive(Debug, Clone, Serialize)]
pub struct Choices {
    /// When batches are due.
    pub arrivals: Vec<Choice>,
    /// Distances, milliseconds there and back; others are as good.
    pub round_trips_ms: Vec<Choice>,
    /// Where batches end up.
    pub stores: Vec<Choice>,
    /// Metrics in a batch, at most.
    pub batch_metrics_max: usize,
    /// Pipelines that a first comparison has.
    pub compared: Vec<&'static str>,
}

/// Shapes of traffic, the plainest first.
const ARRIVALS: [Choice; 6] = [
    choice("poisson", "at random (Poisson)"),
    choice("constant", "evenly"),
    choice("burst:32", "in bursts of 32"),
    choice("ramp:1-10", "ever more, up to ten times as many"),
    choice("steps:1,10,1", "few, ten times as many, few"),
    choice("on-off:200ms/800ms", "for 0.2 s, then not for 0.8 s"),
];

/// Round trips that are met.
const ROUND_TRIPS_MS: [Choice; 4] = [
    choice("1", "the same city"),
    choice("20", "the same country"),
    choice("100", "across an ocean"),
    choice("250", "around the world"),
];

const fn choice(value: &'static str, text: &'static str) -> Choice {
    Choice { value, text }
}

impl Choices {
    /// What this program knows.
    pub fn known() -> Self {
        let memory = PIPELINES.iter().filter(|one| one.log() == Some(LogKind::Memory));
        let names: Vec<&str> = memory.map(|pipeline| pipeline.name).collect();
        // The plainest transport and the one least like it, without a crash in between.
        let compared = names.first().into_iter().chain(names.last()).copied().collect();
        let stores = [(StoreKind::Sqlite, "SQLite"), (StoreKind::Postgres, "PostgreSQL")];
        Self {
            arrivals: ARRIVALS.to_vec(),
            round_trips_ms: ROUND_TRIPS_MS.to_vec(),
            stores: stores.map(|(kind, text)| choice(kind.name(), text)).to_vec(),
            batch_metrics_max: BATCH_METRICS_MAX,
            compared,
        }
    }
}

#[cfg(test)]
mod tests {
    use tailrace_loadgen::experiment::parse_arrivals;

    use super::*;

    #[test]
    fn what_is_offered_is_understood() {
        let known = Choices::known();
        for Choice { value, .. } in known.arrivals {
            assert!(parse_arrivals(value).is_ok(), "{value}");
        }
        for Choice { value, .. } in known.round_trips_ms {
            assert!(tailrace_link::parse_round_trip(&format!("{value}ms")).is_ok(), "{value}");
        }
        assert_eq!(known.compared.len(), 2);
        assert!(known.compared.iter().all(|name| crate::registry::find(name).is_ok()));
    }
}
