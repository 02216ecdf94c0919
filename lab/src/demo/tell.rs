//! A scenario while it runs, on standard error: a line for each step, or lines of JSON for
//! whoever asked for them, such as the lab console. Read next: `print.rs`, for afterwards.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::scenario::{Scenario, Values};
use crate::progress;

/// One line. Times are seconds since the scenario began.
#[derive(Serialize)]
#[serde(tag = "progress", rename_all = "snake_case")]
enum Line<'a> {
    /// Something begins.
    Step { scenario: &'a str, text: &'a str, done_s: f64, planned_s: f64 },
    /// How it goes.
    Point { scenario: &'a str, t_s: f64, planned_s: f64, values: &'a Values },
}

/// Tells of one scenario.
pub(super) struct Teller {
    json: bool,
    scenario: &'static str,
    began: Instant,
    planned_s: f64,
}

impl Teller {
    /// Of a scenario that begins now.
    pub(super) fn new(scenario: &Scenario, phase: Duration) -> Self {
        Self {
            json: progress::is_asked(),
            scenario: scenario.name,
            began: Instant::now(),
            planned_s: scenario.seconds(phase),
        }
    }

    /// Seconds since the scenario began.
    pub(super) fn t_s(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Something begins.
    pub(super) fn step(&self, text: &str) {
        let (scenario, done_s, planned_s) = (self.scenario, self.t_s(), self.planned_s);
        if self.json {
            written(&Line::Step { scenario, text, done_s, planned_s });
        } else {
            eprintln!("{scenario} {done_s:4.1} s: {text}");
        }
    }

    /// How it goes; a person is told afterwards.
    pub(super) fn point(&self, values: &Values) {
        if self.json {
            let (scenario, t_s, planned_s) = (self.scenario, self.t_s(), self.planned_s);
            written(&Line::Point { scenario, t_s, planned_s, values });
        }
    }
}

/// Texts and numbers always serialize; nobody may have to read them.
fn written(line: &Line<'_>) {
    eprintln!("{}", serde_json::to_string(line).unwrap_or_default());
}
