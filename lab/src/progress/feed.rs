//! How a race goes, for a program: a line of JSON on standard error twice a second, and one for
//! each trial that ended. `TAILRACE_PROGRESS=json` asks for it; the lab console does.

use std::time::Duration;

use serde::Serialize;
use tailrace_measure::record::{Measurement, Trial};

use super::state::{Live, State};

/// Between two lines: what an eye follows, and little enough work for whoever shares the core.
pub(super) const TICK: Duration = Duration::from_millis(500);

/// The variable that asks for lines of JSON.
const ASKED: &str = "TAILRACE_PROGRESS";

/// Whether lines of JSON are wanted.
pub(crate) fn is_asked() -> bool {
    std::env::var(ASKED).is_ok_and(|form| form == "json")
}

/// One line. Figures of a trial that runs are rough; those of a trial that ended are its own.
#[derive(Serialize)]
#[serde(tag = "progress", rename_all = "snake_case")]
enum Line<'a> {
    /// What runs, and how much of the whole is over.
    Now {
        arm: Option<&'a str>,
        load: Option<&'a str>,
        round: u32,
        rounds: u32,
        runs: bool,
        done_s: f64,
        planned_s: f64,
        scheduled: u64,
        answered: u64,
        failed: u64,
        due_per_s: Option<f64>,
        answered_per_s: Option<f64>,
        p50_ns: Option<u64>,
        p99_ns: Option<u64>,
        lateness_p99_ns: Option<u64>,
    },
    /// A trial ended.
    Trial {
        arm: &'a str,
        load: &'a str,
        round: u32,
        scheduled: u64,
        answered: u64,
        p50_ns: Option<u64>,
        p99_ns: Option<u64>,
        measurement: Measurement,
        ended_early: Option<&'a str>,
    },
}

/// What is known now.
pub(super) fn now(state: &State, live: Option<&Live>) -> String {
    let (arm, load) = state.running.map_or((None, None), |(arm, load)| {
        (Some(state.arms[arm].as_str()), Some(state.loads[load].as_str()))
    });
    let live_trial = live.filter(|_| state.runs());
    let reading = live_trial.map(|live| &live.reading);
    let line = Line::Now {
        arm,
        load,
        round: state.round,
        rounds: state.rounds,
        runs: state.runs(),
        done_s: state.done(live).as_secs_f64(),
        planned_s: state.planned().as_secs_f64(),
        scheduled: reading.map_or(0, |reading| reading.scheduled),
        answered: reading.map_or(0, |reading| reading.acked),
        failed: reading.map_or(0, |reading| reading.failed),
        due_per_s: live_trial.and_then(|live| live.due_per_s),
        answered_per_s: live_trial.and_then(|live| live.answered_per_s),
        p50_ns: reading.and_then(|reading| reading.p50_ns),
        p99_ns: reading.and_then(|reading| reading.p99_ns),
        lateness_p99_ns: reading.and_then(|reading| reading.lateness_p99_ns),
    };
    written(&line)
}

/// A trial that ended.
pub(super) fn ended(trial: &Trial) -> String {
    let ack = &trial.latencies.ack;
    written(&Line::Trial {
        arm: &trial.arm,
        load: &trial.load,
        round: trial.round,
        scheduled: trial.outcomes.scheduled,
        answered: trial.outcomes.acked,
        p50_ns: ack.ns_at(0.5),
        p99_ns: ack.ns_at(0.99),
        measurement: trial.seals.measurement,
        ended_early: trial.ended_early.as_deref(),
    })
}

/// Texts and numbers always serialize.
fn written(line: &Line<'_>) -> String {
    serde_json::to_string(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tailrace_measure::record::Experiment;

    use super::*;

    #[test]
    fn before_anything_runs_nothing_is_claimed() {
        let line: Value =
            serde_json::from_str(&now(&State::new(&Experiment::default()), None)).unwrap();
        assert_eq!(line["progress"], "now");
        assert_eq!((&line["arm"], &line["p99_ns"]), (&Value::Null, &Value::Null));
        assert_eq!(line["runs"], false);
    }
}
