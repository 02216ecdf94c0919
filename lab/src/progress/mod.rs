//! How a race goes, on standard error: a live table on a terminal, a line a trial elsewhere.
//!
//! `state.rs` is what is known, `board.rs` turns it into lines, `ink.rs` cuts and colours them,
//! `pace.rs` reads the gauge, `line.rs` is what a pipe gets. Here is who paints, and when.

mod board;
mod ink;
mod line;
mod pace;
mod state;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tailrace_loadgen::gauge::Gauge;
use tailrace_loadgen::race::Spectator;
use tailrace_measure::record::{Arm, Experiment, Load, Trial};

use board::Paper;
use ink::Ink;
use pace::Pace;
use state::State;

use crate::terminal;

/// How often the table is painted: twice as long as the gauge takes to change.
const TICK: Duration = Duration::from_millis(200);

/// The gauge of the trial that runs.
pub type Current = Arc<Mutex<Option<Arc<Gauge>>>>;

/// The race's spectator.
pub struct Progress {
    screen: ProgressBar,
    current: Current,
    state: Arc<Mutex<State>>,
    over: Arc<AtomicBool>,
    painter: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts to paint; `current` also tells the signal handler which trial to end.
    pub fn start(experiment: &Experiment, current: Current) -> Self {
        // It hides itself where there is no terminal, or one that cannot move its cursor.
        let screen = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let state = Arc::new(Mutex::new(State::new(experiment)));
        let over = Arc::new(AtomicBool::new(false));
        let painter = (!screen.is_hidden()).then(|| {
            screen.set_style(style());
            let painter = Painter {
                screen: screen.clone(),
                state: Arc::clone(&state),
                current: Arc::clone(&current),
                ink: Ink::of_environment(),
                began: Instant::now(),
                pace: None,
            };
            let over = Arc::clone(&over);
            std::thread::spawn(move || painter.paint(&over))
        });
        Self { screen, current, state, over, painter }
    }

    /// Clears the table.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for Progress {
    /// Also when the race failed: an error is told on a clean screen.
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        if let Some(painter) = self.painter.take() {
            painter.thread().unpark();
            // A painter that panicked has nothing more to say.
            painter.join().unwrap_or_default();
        }
        self.screen.finish_and_clear();
    }
}

impl Spectator for Progress {
    fn begins(&mut self, arm: &Arm, load: &Load, round: u32, gauge: &Arc<Gauge>) {
        open(&self.state).begins(arm, load, round);
        *open(&self.current) = Some(Arc::clone(gauge));
    }

    fn ended(&mut self, trial: &Trial) {
        open(&self.state).ended(trial);
        if self.screen.is_hidden() {
            eprintln!("{}", line::of(trial));
        } else if line::stays(trial) {
            let width = terminal::size(&std::io::stderr()).map(|(width, _)| width);
            self.screen.println(terminal::wrap(&line::of(trial), width, 2));
        }
    }
}

/// What a thread that panicked left behind is still worth showing.
fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lines come ready: nothing of a bar's own is wanted.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Looks at the race and paints it, on a thread of its own.
struct Painter {
    screen: ProgressBar,
    state: Arc<Mutex<State>>,
    current: Current,
    ink: Ink,
    began: Instant,
    pace: Option<Pace>,
}

impl Painter {
    fn paint(mut self, over: &AtomicBool) {
        while !over.load(Relaxed) {
            let lines = self.lines();
            self.screen.set_message(lines.join("\n"));
            std::thread::park_timeout(TICK);
        }
    }

    fn lines(&mut self) -> Vec<String> {
        let gauge = open(&self.current).clone();
        if let Some(gauge) = gauge
            && !self.pace.as_ref().is_some_and(|pace| pace.follows(&gauge))
        {
            self.pace = Some(Pace::new(gauge));
        }
        let live = self.pace.as_mut().map(Pace::look);
        let state = open(&self.state).clone();
        board::draw(&state, live.as_ref(), self.began.elapsed(), paper(self.ink))
    }
}

/// What a terminal writes behind the last line when somebody presses Ctrl-C, and the column that
/// must stay free because some terminals go to the next line when it is written. A line more than
/// was drawn would be left behind.
const FREE_COLUMNS: usize = "^C".len() + 1;

/// Asked anew for each picture: windows change their size.
fn paper(ink: Ink) -> Paper {
    let (width, height) = terminal::size(&std::io::stderr()).unwrap_or_default();
    Paper { width: width.saturating_sub(FREE_COLUMNS), height, ink }
}
