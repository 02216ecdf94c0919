//! How a race goes, on standard error: a live table on a terminal, a line a trial elsewhere, or
//! lines of JSON for whoever asks.
//!
//! `state.rs` is what is known, `board.rs` turns it into lines, `ink.rs` cuts and colours them,
//! `pace.rs` reads the gauge, `screen.rs` moves the cursor, `line.rs` is what a pipe gets, `feed.rs`
//! what a program does. Here is who paints, and when.

mod board;
mod feed;
mod ink;
mod line;
mod pace;
mod screen;
mod state;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tailrace_loadgen::gauge::Gauge;
use tailrace_loadgen::race::Spectator;
use tailrace_measure::record::{Arm, Experiment, Load, Trial};

use board::Paper;
pub(crate) use feed::is_asked;
use ink::Ink;
use pace::Pace;
use screen::Screen;
use state::{Live, State};

use crate::terminal;

/// How often the table is painted: twice as long as the gauge takes to change.
const TICK: Duration = Duration::from_millis(200);

/// The gauge of the trial that runs.
pub type Current = Arc<Mutex<Option<Arc<Gauge>>>>;

/// The race's spectator.
pub struct Progress {
    screen: Arc<Mutex<Screen>>,
    current: Current,
    state: Arc<Mutex<State>>,
    over: Arc<AtomicBool>,
    painter: Option<JoinHandle<()>>,
    /// Lines of JSON, and nothing else.
    json: bool,
}

impl Progress {
    /// Starts to paint; `current` also tells the signal handler which trial to end.
    pub fn start(experiment: &Experiment, current: Current) -> Self {
        Self::of(State::new(experiment), current)
    }

    /// The same for a load of so long on one address, which is no trial; none: there is no
    /// terminal to paint on.
    pub fn of_load(address: &str, length: Duration, gauge: &Arc<Gauge>) -> Option<Self> {
        let current = Arc::new(Mutex::new(Some(Arc::clone(gauge))));
        let is_watched = feed::is_asked() || Screen::is_there();
        is_watched.then(|| Self::of(State::of_load(address, length), current))
    }

    fn of(state: State, current: Current) -> Self {
        let screen = Arc::new(Mutex::new(Screen::default()));
        let state = Arc::new(Mutex::new(state));
        let over = Arc::new(AtomicBool::new(false));
        let json = feed::is_asked();
        let painter = (json || Screen::is_there()).then(|| {
            let painter = Painter {
                json,
                screen: Arc::clone(&screen),
                state: Arc::clone(&state),
                current: Arc::clone(&current),
                ink: Ink::of_environment(),
                began: Instant::now(),
                pace: None,
            };
            let over = Arc::clone(&over);
            std::thread::spawn(move || painter.paint(&over))
        });
        Self { screen, current, state, over, painter, json }
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
            if !self.json {
                open(&self.screen).show(Vec::new());
            }
        }
    }
}

impl Spectator for Progress {
    fn begins(&mut self, arm: &Arm, load: &Load, round: u32, gauge: &Arc<Gauge>) {
        open(&self.state).begins(arm, load, round);
        *open(&self.current) = Some(Arc::clone(gauge));
    }

    fn ended(&mut self, trial: &Trial) {
        open(&self.state).ended(trial);
        if self.json {
            eprintln!("{}", feed::ended(trial));
        } else if self.painter.is_none() {
            eprintln!("{}", line::of(trial));
        } else if line::stays(trial) {
            let width = terminal::size(&std::io::stderr()).map(|(width, _)| width);
            open(&self.screen).keep(&terminal::wrap(&line::of(trial), width, 2));
        }
    }
}

/// What a thread that panicked left behind is still worth showing.
fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks at the race and paints it, on a thread of its own.
struct Painter {
    json: bool,
    screen: Arc<Mutex<Screen>>,
    state: Arc<Mutex<State>>,
    current: Current,
    ink: Ink,
    began: Instant,
    pace: Option<Pace>,
}

impl Painter {
    fn paint(mut self, over: &AtomicBool) {
        while !over.load(Relaxed) {
            let (live, state) = self.look();
            if self.json {
                eprintln!("{}", feed::now(&state, live.as_ref()));
                std::thread::park_timeout(feed::TICK);
                continue;
            }
            let paper = paper(self.ink);
            let lines = board::draw(&state, live.as_ref(), self.began.elapsed(), paper);
            open(&self.screen).show(lines);
            std::thread::park_timeout(TICK);
        }
    }

    fn look(&mut self) -> (Option<Live>, State) {
        let gauge = open(&self.current).clone();
        if let Some(gauge) = gauge
            && !self.pace.as_ref().is_some_and(|pace| pace.follows(&gauge))
        {
            self.pace = Some(Pace::new(gauge));
        }
        let live = self.pace.as_mut().map(Pace::look);
        (live, open(&self.state).clone())
    }
}

/// Asked anew for each picture: windows change their size. Some terminals go to the next line when
/// the last column is written, and the cursor needs a line of its own: both stay free.
fn paper(ink: Ink) -> Paper {
    let (width, height) = terminal::size(&std::io::stderr()).unwrap_or_default();
    Paper { width: width.saturating_sub(1), height: height.saturating_sub(1), ink }
}
