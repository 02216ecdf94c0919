//! What a scenario is, and what comes out of one. Read next: `scenes.rs`, which there are.

use serde::Serialize;
use tailrace_backend::Found;
use tailrace_render::format::{count, latency, rate};

use super::stage::Stage;

/// A scenario as it is told before it is played.
#[derive(Serialize)]
pub(super) struct Scenario {
    /// What to play it by.
    pub(super) name: &'static str,
    /// In a few words.
    pub(super) title: &'static str,
    /// What is done.
    pub(super) happens: &'static str,
    /// What to look at meanwhile.
    pub(super) look: &'static str,
    /// What it teaches.
    pub(super) teaches: &'static str,
    /// What should be true.
    pub(super) expects: &'static [&'static str],
    /// What is shown over time.
    pub(super) series: &'static [Series],
    /// How long it takes: so many phases, and so many seconds that do not depend on them.
    #[serde(skip)]
    pub(super) length: (u32, u32),
    /// Whether it needs a PostgreSQL of its own.
    #[serde(skip)]
    pub(super) needs_postgres: bool,
    /// Plays it.
    #[serde(skip)]
    pub(super) play: fn(&mut Stage) -> anyhow::Result<Outcome>,
}

/// One curve.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Series {
    /// The name of its values in lines of progress.
    pub(super) key: &'static str,
    /// For people.
    pub(super) label: &'static str,
    /// Of its values.
    pub(super) unit: Unit,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    /// Nanoseconds.
    Ns,
    /// Things a second.
    PerS,
    /// Things.
    Count,
}

/// What came out.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What was seen of each expectation, and whether it was so.
    pub(super) checks: Vec<(bool, String)>,
    /// What else is worth saying.
    pub(super) sentences: Vec<String>,
    /// The figures behind both.
    pub(super) figures: Vec<Figure>,
    /// The curves as they were measured, where that is more than what was told meanwhile.
    pub(super) points: Vec<Point>,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figure {
    /// What it is.
    pub(super) name: String,
    /// None: there is none, as of a percentile of nothing.
    pub(super) value: Option<f64>,
    /// Its unit.
    pub(super) unit: Unit,
}

/// A moment of the curves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Point {
    /// Seconds since the scenario began.
    pub(super) t_s: f64,
    /// By the key of the series.
    pub(super) values: Values,
}

/// Values by the keys of series.
pub(super) type Values = std::collections::BTreeMap<&'static str, Option<f64>>;

impl Outcome {
    /// Notes a figure.
    pub(super) fn figure(&mut self, name: &str, value: Option<f64>, unit: Unit) {
        self.figures.push(Figure { name: name.into(), value, unit });
    }

    /// Notes a time.
    pub(super) fn time(&mut self, name: &str, ns: Option<u64>) {
        self.figure(name, ns.map(|ns| ns as f64), Unit::Ns);
    }

    /// Notes a number of things.
    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.figure(name, Some(number as f64), Unit::Count);
    }

    /// Answers the next expectation.
    pub(super) fn check(&mut self, holds: bool, seen: impl Into<String>) {
        self.checks.push((holds, seen.into()));
    }

    /// Adds a sentence.
    pub(super) fn say(&mut self, sentence: impl Into<String>) {
        self.sentences.push(sentence.into());
    }
}

impl Unit {
    /// A figure for people.
    pub(super) fn text(self, value: Option<f64>) -> String {
        match (self, value) {
            (_, None) => latency(None),
            (Self::Ns, Some(ns)) => latency(Some(ns as u64)),
            (Self::PerS, Some(per_s)) => rate(per_s),
            (Self::Count, Some(number)) => count(number.round() as u64),
        }
    }
}

impl Scenario {
    /// Why it cannot be played here; none: it can.
    pub(super) fn missing(&self) -> Option<String> {
        match Found::postgres(None) {
            Found::Missing(_) if self.needs_postgres => Some(
                "it needs a PostgreSQL of its own, and none is installed (Debian: apt-get install \
                 postgresql)"
                    .into(),
            ),
            _ => None,
        }
    }

    /// About how long it takes.
    pub(super) fn seconds(&self, phase: std::time::Duration) -> f64 {
        let (phases, fixed) = self.length;
        f64::from(phases) * phase.as_secs_f64() + f64::from(fixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_units() {
        let check = |unit: Unit, value, expect| assert_eq!(unit.text(value), expect);
        check(Unit::Ns, Some(1_300_000.0), "1.3 ms");
        check(Unit::PerS, Some(20.4), "20/s");
        check(Unit::Count, Some(7.0), "7");
        check(Unit::Ns, None, "–");
    }
}
