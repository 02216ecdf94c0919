//! How a load goes, on standard error: a line that changes on a terminal, a line now and then
//! elsewhere. The figures are the gauge's and rough.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tailrace_loadgen::gauge::{Gauge, Reading};
use tailrace_render::format::{count, latency, rate};

/// How often a terminal's line changes, and how often another place gets a line.
const TICK: Duration = Duration::from_millis(250);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Tells how a load goes until it is dropped.
pub(super) struct Live {
    over: Arc<AtomicBool>,
    painter: Option<JoinHandle<()>>,
}

impl Live {
    /// Starts to tell, of a load that takes about so long.
    ///
    /// # Errors
    /// No thread could be started.
    pub(super) fn start(gauge: &Arc<Gauge>, length: Duration) -> std::io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let (gauge, end) = (Arc::clone(gauge), Arc::clone(&over));
        let painter = std::thread::Builder::new().name("progress".into());
        let painter = painter.spawn(move || {
            if std::io::stderr().is_terminal() {
                paint(&gauge, &end, length);
            } else {
                tell(&gauge, &end, length);
            }
        })?;
        Ok(Self { over, painter: Some(painter) })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        if let Some(painter) = self.painter.take() {
            painter.thread().unpark();
            // One that panicked has nothing more to say.
            painter.join().unwrap_or_default();
        }
    }
}

fn paint(gauge: &Gauge, over: &AtomicBool, length: Duration) {
    let style = ProgressStyle::with_template("{bar:16} {wide_msg}");
    let bar = ProgressBar::new(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    each(gauge, over, TICK, |elapsed, text| {
        bar.set_position(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        bar.set_message(text);
    });
    bar.finish_and_clear();
}

fn tell(gauge: &Gauge, over: &AtomicBool, length: Duration) {
    each(gauge, over, LINE_EVERY, |elapsed, text| {
        eprintln!("{:.0} of {:.0} s: {text}", elapsed.as_secs_f64(), length.as_secs_f64());
    });
}

/// Looks at the gauge again and again.
fn each(gauge: &Gauge, over: &AtomicBool, every: Duration, mut say: impl FnMut(Duration, String)) {
    let began = Instant::now();
    let (mut before, mut due) = ((Duration::ZERO, 0), every);
    loop {
        while began.elapsed() < due {
            if over.load(Relaxed) {
                return;
            }
            std::thread::park_timeout(due.saturating_sub(began.elapsed()));
        }
        due += every;
        let (elapsed, reading) = (began.elapsed(), gauge.read());
        let answered = reading.acked + reading.failed;
        let span = elapsed.saturating_sub(before.0).as_secs_f64();
        let now_per_s = answered.saturating_sub(before.1) as f64 / span;
        before = (elapsed, answered);
        say(elapsed, text(&reading, now_per_s));
    }
}

fn text(reading: &Reading, now_per_s: f64) -> String {
    let Reading { scheduled, acked, failed, p50_ns, p99_ns, .. } = *reading;
    let waiting = scheduled.saturating_sub(acked + failed);
    format!(
        "{} answered · {} now · {} unanswered · {} refused or broken · p50 ≈ {} · p99 ≈ {}",
        count(acked + failed),
        rate(now_per_s),
        count(waiting),
        count(failed),
        latency(p50_ns),
        latency(p99_ns)
    )
}
