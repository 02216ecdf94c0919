//! How a load goes, on standard error: the live table of a race on a terminal, a line now and then
//! elsewhere. The figures are the gauge's and rough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tailrace_loadgen::gauge::{Gauge, Reading};
use tailrace_render::format::{count, latency, rate};

use crate::progress::Progress;

/// How often a pipe gets a line.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Tells how a load goes until it is dropped: by a table where there is a terminal, by lines
/// elsewhere.
pub(crate) struct Live {
    _table: Option<Progress>,
    _lines: Option<Lines>,
}

impl Live {
    /// Starts to tell, of a load that takes about so long.
    ///
    /// # Errors
    /// No thread could be started.
    pub(crate) fn start(url: &str, gauge: &Arc<Gauge>, length: Duration) -> std::io::Result<Self> {
        let table = Progress::of_load(url, length, gauge);
        let lines = table.is_none().then(|| Lines::start(gauge, length)).transpose()?;
        Ok(Self { _table: table, _lines: lines })
    }
}

/// A thread that writes lines.
struct Lines {
    over: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
}

impl Lines {
    fn start(gauge: &Arc<Gauge>, length: Duration) -> std::io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let (gauge, end) = (Arc::clone(gauge), Arc::clone(&over));
        let writer = std::thread::Builder::new().name("progress".into());
        let writer = writer.spawn(move || tell(&gauge, &end, length))?;
        Ok(Self { over, writer: Some(writer) })
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        if let Some(writer) = self.writer.take() {
            writer.thread().unpark();
            // One that panicked has nothing more to say.
            writer.join().unwrap_or_default();
        }
    }
}

/// Looks at the gauge again and again.
fn tell(gauge: &Gauge, over: &AtomicBool, length: Duration) {
    let began = Instant::now();
    let (mut before, mut due) = ((Duration::ZERO, 0), LINE_EVERY);
    loop {
        while began.elapsed() < due {
            if over.load(Relaxed) {
                return;
            }
            std::thread::park_timeout(due.saturating_sub(began.elapsed()));
        }
        due += LINE_EVERY;
        let (elapsed, reading) = (began.elapsed(), gauge.read());
        let answered = reading.acked + reading.failed;
        let span = elapsed.saturating_sub(before.0).as_secs_f64();
        let now_per_s = answered.saturating_sub(before.1) as f64 / span;
        before = (elapsed, answered);
        eprintln!("{}: {}", place(&reading, elapsed, length), text(&reading, now_per_s));
    }
}

/// How far it is: a load begins when its connections stand, and ends when its answers have come.
fn place(reading: &Reading, elapsed: Duration, length: Duration) -> String {
    let (seconds, all) = (elapsed.as_secs_f64(), length.as_secs_f64());
    match reading.scheduled {
        0 => format!("{seconds:.0} s, connections are being opened"),
        _ if elapsed > length => format!("{seconds:.0} s, the last answers are still due"),
        _ => format!("{seconds:.0} of {all:.0} s"),
    }
}

fn text(reading: &Reading, now_per_s: f64) -> String {
    let Reading { acked, failed, p50_ns, p99_ns, .. } = *reading;
    format!(
        "{} answered · {} now · {} unanswered · {} refused or broken · p50 ≈ {} · p99 ≈ {}",
        count(acked + failed),
        rate(now_per_s),
        count(reading.in_flight()),
        count(failed),
        latency(p50_ns),
        latency(p99_ns)
    )
}
