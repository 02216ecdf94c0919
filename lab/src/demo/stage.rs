//! What scenarios stand on: how long a phase is, whom to tell, whether to stop, and how punctual
//! the generator was. Whoever waits here wakes up when the demo is asked to end. Read next:
//! `load.rs`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tailrace_loadgen::gauge::Gauge;
use tailrace_measure::quantile::distribution;
use tailrace_measure::record::Measurement;
use tailrace_measure::recorder::Measured;
use tailrace_measure::seals::{LATENESS_P50, RELEASED_ON_TIME};
use tailrace_render::format::{latency, share};

use super::print::Report;
use super::scenario::{Outcome, Scenario, Values};
use super::tell::Teller;
use crate::interrupt;

/// Between two looks: soon enough to stop by, and what an eye follows.
pub(super) const TICK: Duration = Duration::from_millis(250);

/// The demo was asked to end.
#[derive(Debug, thiserror::Error)]
#[error("the demo was stopped")]
pub(super) struct Stopped;

/// What a scenario is played on.
pub(super) struct Stage {
    /// Length of a phase.
    pub(super) phase: Duration,
    /// Set when the demo is asked to end.
    pub(super) stop: Arc<AtomicBool>,
    /// Which pipeline the scenario runs on, for the report.
    pub(super) played_on: String,
    teller: Option<Teller>,
    /// Those of loads under way, which a signal ends.
    gauges: Arc<Mutex<Vec<Arc<Gauge>>>>,
    punctual: Punctual,
}

/// How the generator kept its schedule, over all loads of a scenario.
#[derive(Debug, Default, Clone, Copy)]
struct Punctual {
    scheduled: u64,
    on_time: u64,
    lateness_p50_ns: u64,
    lateness_p99_ns: u64,
}

/// Whether the instrument is to be believed.
#[derive(Debug, Serialize)]
pub(super) struct Instrument {
    verdict: Measurement,
    lateness_p99_ns: u64,
    pub(super) sentence: String,
}

impl Stage {
    /// Listens for Ctrl-C and SIGTERM from now on.
    ///
    /// # Errors
    /// Signals cannot be caught.
    pub(super) fn new(phase: Duration) -> std::io::Result<Self> {
        let gauges: Arc<Mutex<Vec<Arc<Gauge>>>> = Arc::default();
        let running = Arc::clone(&gauges);
        let stop = interrupt::flag(move || {
            open(&running).iter().for_each(|gauge| gauge.stop());
        })?;
        let (played_on, punctual) = (String::new(), Punctual::default());
        Ok(Self { phase, stop, played_on, teller: None, gauges, punctual })
    }

    /// Plays one.
    ///
    /// # Errors
    /// A part did not start or failed; [`Stopped`].
    pub(super) fn play(&mut self, scenario: &'static Scenario) -> anyhow::Result<Report> {
        self.check()?;
        self.teller = Some(Teller::new(scenario, self.phase));
        self.punctual = Punctual::default();
        let outcome: Outcome = (scenario.play)(self)?;
        self.check()?;
        let about = (std::mem::take(&mut self.played_on), self.punctual.judged(), self.t_s());
        Ok(Report::new(scenario, outcome, about))
    }

    /// Seconds since the scenario began.
    pub(super) fn t_s(&self) -> f64 {
        self.teller.as_ref().map_or(0.0, Teller::t_s)
    }

    /// Tells what begins.
    ///
    /// # Errors
    /// [`Stopped`].
    pub(super) fn step(&self, text: &str) -> Result<(), Stopped> {
        self.check()?;
        self.teller.iter().for_each(|teller| teller.step(text));
        Ok(())
    }

    /// Tells how it goes.
    pub(super) fn point(&self, values: &Values) {
        self.teller.iter().for_each(|teller| teller.point(values));
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`Stopped`].
    pub(super) fn check(&self) -> Result<(), Stopped> {
        if self.stop.load(Relaxed) { Err(Stopped) } else { Ok(()) }
    }

    /// Calls `look` every [`TICK`] until it says that it is over, or so much time is; whether it
    /// said so.
    ///
    /// # Errors
    /// [`Stopped`], and what `look` fails with.
    pub(super) fn until(
        &self,
        limit: Duration,
        mut look: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<bool> {
        let deadline = Instant::now() + limit;
        loop {
            self.check()?;
            if look()? {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            std::thread::sleep(left.min(TICK));
        }
    }

    /// A gauge that ends with the demo.
    pub(super) fn gauge(&self) -> Arc<Gauge> {
        let gauge = Arc::new(Gauge::default());
        open(&self.gauges).push(Arc::clone(&gauge));
        // Asked to end a moment ago: the handler did not see this one.
        if self.stop.load(Relaxed) {
            gauge.stop();
        }
        gauge
    }

    /// Notes how punctual the generator was under a load that is over.
    pub(super) fn note(&mut self, measured: &Measured) {
        let lateness = distribution(&measured.lateness, 0);
        let punctual = &mut self.punctual;
        punctual.scheduled += lateness.count;
        punctual.on_time += measured.window_outcomes.released_on_time;
        let worst = |mine: &mut u64, q| *mine = (*mine).max(lateness.ns_at(q).unwrap_or(0));
        worst(&mut punctual.lateness_p50_ns, 0.5);
        worst(&mut punctual.lateness_p99_ns, 0.99);
    }
}

impl Punctual {
    fn judged(self) -> Instrument {
        let on_time = self.on_time as f64 / self.scheduled.max(1) as f64;
        let p50 = self.lateness_p50_ns as f64;
        let below = |limit: Option<f64>| limit.is_some_and(|limit| on_time < limit);
        let above = |limit: Option<f64>| limit.is_some_and(|limit| p50 > limit);
        let (verdict, told) = if below(RELEASED_ON_TIME.invalid) || above(LATENESS_P50.invalid) {
            (Measurement::Invalid, "its times are not to be believed; what was counted is")
        } else if below(RELEASED_ON_TIME.suspect) || above(LATENESS_P50.suspect) {
            (Measurement::Suspect, "its times are to be taken with care")
        } else {
            (Measurement::Valid, "its times are those of the server")
        };
        let sentence = format!(
            "The generator released {} of the requests within 10 ms of their time, 99 % of them \
             within {}: {told}.",
            share(self.on_time, self.scheduled),
            latency(Some(self.lateness_p99_ns))
        );
        Instrument { verdict, lateness_p99_ns: self.lateness_p99_ns, sentence }
    }
}

/// A panic while holding one of these locks leaves a list: still usable.
pub(super) fn open<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_generator_is_not_believed() {
        let check = |on_time, lateness_p50_ns, expect: Measurement| {
            let punctual =
                Punctual { scheduled: 10_000, on_time, lateness_p50_ns, lateness_p99_ns: 5 };
            assert_eq!(punctual.judged().verdict, expect, "{on_time} {lateness_p50_ns}");
        };
        check(10_000, 1_000, Measurement::Valid);
        check(9_980, 1_000, Measurement::Suspect);
        check(10_000, 500_000, Measurement::Suspect);
        check(9_000, 1_000, Measurement::Invalid);
        check(10_000, 2_000_000, Measurement::Invalid);
    }
}
