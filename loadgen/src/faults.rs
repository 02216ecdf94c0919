//! Faults made on purpose: a server, a worker or a backend of this run is frozen or killed at a
//! time that is fixed beforehand. Only processes that were started for the run can be chosen; a
//! Redis that was given by address cannot. A worker or PostgreSQL that was killed is started again,
//! after a time that was given or at the end of the window: what it leaves must be found.

use std::fmt;
use std::str::FromStr;

use tailrace_measure::clock::Stamp;
use tailrace_measure::record::FaultEvent;
use tailrace_producers::parse_duration;
use tailrace_sys::{Signal, proc, send};

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
    /// The run's own PostgreSQL, all of its processes.
    Postgres,
    /// The first of the workers that run in processes of their own.
    Worker,
}

impl Target {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::Worker => "worker",
        }
    }

    /// Whether the runner starts it again within a trial.
    fn comes_back(self) -> bool {
        matches!(self, Self::Postgres | Self::Worker)
    }

    /// The processes that a signal goes to, now.
    fn pids(self, launched: &dyn Launched) -> Vec<u32> {
        match self {
            Self::Server => vec![launched.server_pid()],
            Self::Redis => launched.backend_pid().into_iter().collect(),
            // One process a connection: freezing the first one stops nobody.
            Self::Postgres => launched.store_pid().map(proc::family).unwrap_or_default(),
            Self::Worker => launched.worker_pids().into_iter().take(1).collect(),
        }
    }
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// SIGSTOP, and SIGCONT after so long.
    Stop {
        /// How long.
        for_ns: u64,
    },
    /// SIGKILL, and a new start after so long; none: at the end of the window, of those that come
    /// back at all.
    Kill {
        /// How long it is away.
        for_ns: Option<u64>,
    },
}

/// A text that is no fault.
#[derive(Debug, thiserror::Error)]
#[error(
    "{seen:?} is not a fault ({why}); write, for example, redis:stop:3s@2s, \
         server:kill@1s or worker:kill:2s@1s"
)]
pub struct ParseFaultError {
    seen: String,
    why: String,
}

/// As it is written, with all times in milliseconds.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |ns: u64| ns / 1_000_000;
        f.write_str(self.target.name())?;
        match self.action {
            Action::Kill { for_ns: None } => f.write_str(":kill")?,
            Action::Kill { for_ns: Some(for_ns) } => write!(f, ":kill:{}ms", ms(for_ns))?,
            Action::Stop { for_ns } => write!(f, ":stop:{}ms", ms(for_ns))?,
        }
        write!(f, "@{}ms", ms(self.at_ns))
    }
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
        Some("postgres") => Target::Postgres,
        Some("worker") => Target::Worker,
        _ => return Err("the target is server, redis, postgres or worker".into()),
    };
    let action = match (parts.next(), parts.next()) {
        (Some("kill"), None) => Action::Kill { for_ns: None },
        (Some("kill"), Some(length)) if target.comes_back() => {
            Action::Kill { for_ns: Some(ns(length)?) }
        }
        (Some("kill"), Some(_)) => {
            return Err("only worker and postgres are started again within a trial".into());
        }
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
    what: What,
}

/// What is done in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Stop,
    Continue,
    Kill,
    Revive,
}

impl What {
    fn signal(self) -> Option<Signal> {
        match self {
            Self::Stop => Some(Signal::Stop),
            Self::Continue => Some(Signal::Cont),
            Self::Kill => Some(Signal::Kill),
            Self::Revive => None,
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Stop => "stopped",
            Self::Continue => "continued",
            Self::Kill => "killed",
            Self::Revive => "started again",
        }
    }
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
    pub fn new(faults: &[Fault], window: (Stamp, Stamp)) -> Self {
        let window_start = window.0;
        let mut steps: Vec<Step> = faults.iter().flat_map(|f| f.steps(window)).collect();
        steps.sort_by_key(|step| step.at);
        Self { steps, next: 0, window_start, events: Vec::new() }
    }

    /// When the next step is due.
    pub fn next_at(&self) -> Option<Stamp> {
        self.steps.get(self.next).map(|step| step.at)
    }

    /// Does what is due by now.
    pub fn apply_due(&mut self, at: Stamp, launched: &mut dyn Launched) {
        while let Some(step) = self.steps.get(self.next).copied().filter(|step| step.at <= at) {
            self.next += 1;
            self.apply(step, at, launched);
        }
    }

    /// The trial is over: nothing that was frozen stays frozen, nor killed what comes back.
    pub fn release(&mut self, at: Stamp, launched: &mut dyn Launched) {
        for step in self.steps.split_off(self.next) {
            if matches!(step.what, What::Continue | What::Revive) {
                self.apply(step, at, launched);
            }
        }
    }

    fn apply(&mut self, step: Step, at: Stamp, launched: &mut dyn Launched) {
        let (name, done) = (step.target.name(), step.what.done());
        let did = match step.what.signal() {
            Some(signal) => signalled(&step.target.pids(launched), signal),
            None => launched.revive(step.target).map(|()| true),
        };
        let what = match did {
            Ok(true) => format!("{name} {done}"),
            Ok(false) => format!("{name} was not started here, so nothing was done"),
            Err(error) => format!("{name} could not be {done}: {error}"),
        };
        let at_ns = at.0.cast_signed() - self.window_start.0.cast_signed();
        self.events.push(FaultEvent { at_ns, what });
    }
}

impl Fault {
    fn steps(&self, (start, end): (Stamp, Stamp)) -> Vec<Step> {
        let target = self.target;
        let at = start.plus(self.at_ns);
        let step = |at, what| Step { at, target, what };
        match self.action {
            Action::Kill { for_ns } if target.comes_back() => {
                let back = for_ns.map_or(end.max(at), |for_ns| at.plus(for_ns));
                vec![step(at, What::Kill), step(back, What::Revive)]
            }
            Action::Kill { .. } => vec![step(at, What::Kill)],
            Action::Stop { for_ns } => {
                vec![step(at, What::Stop), step(at.plus(for_ns), What::Continue)]
            }
        }
    }
}

/// Sends to all; false: there is nobody. The first must be there, of the others some may have ended.
fn signalled(pids: &[u32], signal: Signal) -> Result<bool, String> {
    let Some((first, others)) = pids.split_first() else { return Ok(false) };
    send(*first, signal).map_err(|error| error.to_string())?;
    for pid in others {
        // A connection's process may have ended meanwhile.
        let _ = send(*pid, signal);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_faults_and_says_what_is_wrong() {
        let stop: Fault = "redis:stop:3s@2s".parse().unwrap();
        assert_eq!(stop.action, Action::Stop { for_ns: 3_000_000_000 });
        assert_eq!((stop.target, stop.at_ns), (Target::Redis, 2_000_000_000));
        let killed = |text: &str| text.parse::<Fault>().unwrap().action;
        assert_eq!(killed("server:kill@500ms"), Action::Kill { for_ns: None });
        assert_eq!(killed("worker:kill:2s@1s"), Action::Kill { for_ns: Some(2_000_000_000) });
        for text in ["redis:stop:3000ms@2000ms", "worker:kill:5ms@20ms", "postgres:kill@1ms"] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        for bad in ["", "redis:stop@1s", "disk:kill@1s", "server:kill", "server:kill:1s@1s"] {
            let error = bad.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains("write, for example"), "{error}");
        }
    }
}
