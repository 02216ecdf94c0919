//! How a race goes, on standard error: a bar on a terminal, a line a trial elsewhere.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tailrace_loadgen::gauge::Gauge;
use tailrace_loadgen::race::Spectator;
use tailrace_measure::record::{Arm, AuditSeal, Experiment, Load, Measurement, Trial};
use tailrace_render::format::{latency, rate};

/// How often the bar looks at the gauge.
const TICK: Duration = Duration::from_millis(200);

/// The gauge of the trial that runs.
pub type Current = Arc<Mutex<Option<Arc<Gauge>>>>;

/// The race's spectator.
pub struct Progress {
    bar: ProgressBar,
    current: Current,
    label: Arc<Mutex<String>>,
    over: Arc<AtomicBool>,
    painter: Option<JoinHandle<()>>,
    rounds: u32,
}

impl Progress {
    /// Starts to paint; `current` also tells the signal handler which trial to end.
    pub fn start(experiment: &Experiment, current: Current) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new(planned_ms(experiment)).with_style(style())
        } else {
            ProgressBar::hidden()
        };
        let label = Arc::new(Mutex::new(String::new()));
        let over = Arc::new(AtomicBool::new(false));
        let painter = (!bar.is_hidden()).then(|| {
            let parts = (bar.clone(), Arc::clone(&current), Arc::clone(&label), Arc::clone(&over));
            std::thread::spawn(move || paint(&parts.0, &parts.1, &parts.2, &parts.3))
        });
        Self { bar, current, label, over, painter, rounds: experiment.rounds }
    }

    /// Clears the bar.
    pub fn finish(mut self) {
        self.over.store(true, Relaxed);
        if let Some(painter) = self.painter.take() {
            painter.thread().unpark();
            // A painter that panicked has nothing more to say.
            painter.join().unwrap_or_default();
        }
        self.bar.finish_and_clear();
    }
}

impl Spectator for Progress {
    fn begins(&mut self, arm: &Arm, load: &Load, round: u32, gauge: &Arc<Gauge>) {
        // Rounds may follow until it is decided.
        let (slug, rounds) = (&arm.slug, self.rounds.max(round));
        let text = format!("{slug} · round {round} of {rounds} · {}", rate(load.rate_per_s));
        *self.label.lock().unwrap_or_else(PoisonError::into_inner) = text;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(gauge));
    }

    fn ended(&mut self, trial: &Trial) {
        self.bar.inc(trial.window_ns / 1_000_000);
        let ack = &trial.latencies.ack;
        let seals = seals(trial);
        let line = format!(
            "{} · {} · round {} · acked {} of {} · p50 {} · p99 {}{seals}",
            trial.arm,
            trial.load,
            trial.round,
            trial.outcomes.acked,
            trial.outcomes.scheduled,
            latency(ack.ns_at(0.5)),
            latency(ack.ns_at(0.99)),
        );
        if self.bar.is_hidden() {
            eprintln!("{line}");
        } else if !seals.is_empty() {
            self.bar.println(line);
        }
    }
}

/// Only what is not as it should be.
fn seals(trial: &Trial) -> String {
    let mut text = String::new();
    if trial.seals.measurement != Measurement::Valid {
        text.push_str(&format!(" · {:?}", trial.seals.measurement).to_uppercase());
        let worst = trial.seals.checks.iter().max_by_key(|check| check.verdict);
        text.push_str(&worst.map(|check| format!(" ({})", check.name)).unwrap_or_default());
    }
    if trial.seals.audit == AuditSeal::Broken {
        text.push_str(" · audit BROKEN");
    }
    if let Some(why) = &trial.ended_early {
        text = text + " · ended early: " + why;
    }
    text
}

/// The bar counts the windows' milliseconds, so that its time left is honest about long loads.
fn planned_ms(experiment: &Experiment) -> u64 {
    let per_arm = |arm: &Arm| -> u64 {
        let loads = experiment.loads.iter().filter(|load| !arm.floor || load.feed_one_in.is_none());
        loads.map(|load| load.window_ms).sum()
    };
    u64::from(experiment.rounds) * experiment.arms.iter().map(per_arm).sum::<u64>()
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:24} {msg} · {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn paint(bar: &ProgressBar, current: &Current, label: &Mutex<String>, over: &AtomicBool) {
    while !over.load(Relaxed) {
        let gauge = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let text = label.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(reading) = gauge.map(|gauge| gauge.read()) {
            let (p50, p99) = (latency(reading.p50_ns), latency(reading.p99_ns));
            bar.set_message(format!("{text} · p50 ≈ {p50} · p99 ≈ {p99}"));
        }
        std::thread::park_timeout(TICK);
    }
}
