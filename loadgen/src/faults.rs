//! Faults made on purpose: a server or backend of this run is frozen or killed at a time that is
//! fixed beforehand. Only processes that were started for the run can be chosen; a Redis that
//! was given by address cannot.

use std::str::FromStr;

use tailrace_measure::clock::Stamp;
use tailrace_measure::record::FaultEvent;
use tailrace_producers::parse_duration;
use tailrace_sys::{Signal, send};

use crate::arena::Launched;

/// One fault of an arm's trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Whom it hits.
    pub target: Target,
    /// What happens.
    pub action: Action,
    /// When, from the start of the window.
    pub at_ns: u64,
}

/// Whom a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The server under test.
    Server,
    /// Its private Redis.
    Redis,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// SIGSTOP, and SIGCONT after so long.
    Stop {
        /// How long.
        for_ns: u64,
    },
    /// SIGKILL.
    Kill,
}

/// A text that is no fault.
#[derive(Debug, thiserror::Error)]
#[error("{seen:?} is not a fault ({why}); write, for example, redis:stop:3s@2s or server:kill@1s")]
pub struct ParseFaultError {
    seen: String,
    why: String,
}

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|why| ParseFaultError { seen: text.to_owned(), why })
    }
}

fn parse(text: &str) -> Result<Fault, String> {
    let (what, at) = text.split_once('@').ok_or("no @ with the time in the window")?;
    let mut parts = what.split(':');
    let target = match parts.next() {
        Some("server") => Target::Server,
        Some("redis") => Target::Redis,
        _ => return Err("the target is server or redis".into()),
    };
    let action = match (parts.next(), parts.next()) {
        (Some("kill"), None) => Action::Kill,
        (Some("stop"), Some(length)) => Action::Stop { for_ns: ns(length)? },
        _ => return Err("the action is kill, or stop with a length".into()),
    };
    Ok(Fault { target, action, at_ns: ns(at)? })
}

fn ns(text: &str) -> Result<u64, String> {
    let length = parse_duration(text).map_err(|e| e.to_string())?;
    u64::try_from(length.as_nanos()).map_err(|_| "is too long".into())
}

/// One signal that is due.
#[derive(Debug, Clone, Copy)]
struct Step {
    at: Stamp,
    target: Target,
    signal: Signal,
    what: &'static str,
}

/// The steps of a trial's faults, in order, and what was done so far.
pub struct Script {
    steps: Vec<Step>,
    next: usize,
    window_start: Stamp,
    /// What was done.
    pub events: Vec<FaultEvent>,
}

impl Script {
    /// Lays the faults out on a trial's clock.
    pub fn new(faults: &[Fault], window_start: Stamp) -> Self {
        let mut steps: Vec<Step> = faults.iter().flat_map(|f| f.steps(window_start)).collect();
        steps.sort_by_key(|step| step.at);
        Self { steps, next: 0, window_start, events: Vec::new() }
    }

    /// When the next step is due.
    pub fn next_at(&self) -> Option<Stamp> {
        self.steps.get(self.next).map(|step| step.at)
    }

    /// Does what is due by now.
    pub fn apply_due(&mut self, at: Stamp, launched: &dyn Launched) {
        while let Some(step) = self.steps.get(self.next).copied().filter(|step| step.at <= at) {
            self.next += 1;
            self.apply(step, at, launched);
        }
    }

    /// The trial is over: nothing that was frozen stays frozen.
    pub fn release(&mut self, at: Stamp, launched: &dyn Launched) {
        for step in self.steps.split_off(self.next) {
            if matches!(step.signal, Signal::Cont) {
                self.apply(step, at, launched);
            }
        }
    }

    fn apply(&mut self, step: Step, at: Stamp, launched: &dyn Launched) {
        let pid = match step.target {
            Target::Server => Some(launched.server_pid()),
            Target::Redis => launched.backend_pid(),
        };
        let name = match step.target {
            Target::Server => "server",
            Target::Redis => "redis",
        };
        let what = match pid.map(|pid| send(pid, step.signal)) {
            Some(Ok(())) => format!("{name} {}", step.what),
            Some(Err(error)) => format!("{name} could not be {}: {error}", step.what),
            None => format!("{name} was not started here, so nothing was done"),
        };
        let at_ns = at.0.cast_signed() - self.window_start.0.cast_signed();
        self.events.push(FaultEvent { at_ns, what });
    }
}

impl Fault {
    fn steps(&self, start: Stamp) -> Vec<Step> {
        let target = self.target;
        let at = start.plus(self.at_ns);
        match self.action {
            Action::Kill => vec![Step { at, target, signal: Signal::Kill, what: "killed" }],
            Action::Stop { for_ns } => vec![
                Step { at, target, signal: Signal::Stop, what: "stopped" },
                Step { at: at.plus(for_ns), target, signal: Signal::Cont, what: "continued" },
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_faults_and_says_what_is_wrong() {
        let stop: Fault = "redis:stop:3s@2s".parse().unwrap();
        assert_eq!(stop.action, Action::Stop { for_ns: 3_000_000_000 });
        assert_eq!((stop.target, stop.at_ns), (Target::Redis, 2_000_000_000));
        assert_eq!("server:kill@500ms".parse::<Fault>().unwrap().action, Action::Kill);
        for bad in ["", "redis:stop@1s", "disk:kill@1s", "server:kill", "server:kill:1s@1s"] {
            let error = bad.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains("write, for example"), "{error}");
        }
    }
}
