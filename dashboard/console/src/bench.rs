//! The one run or scenario that may be under way: the program's own `run` or `demo` as a child,
//! what it says of its progress, how it ended. Lines are kept, so that a page that opens late sees
//! all of it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;
use tailrace_sys::{Signal, send};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::watch;

use crate::Program;
use crate::order::Sheet;

/// Lines kept of a run: hours of progress twice a second. Older ones of progress are dropped, the
/// trials' stay.
const LINES_MAX: usize = 20_000;
/// Bytes taken of the summary that the run prints: that of the largest experiment is below 1 MiB.
const SUMMARY_BYTES_MAX: u64 = 16 << 20;
/// Bytes of one line of progress.
const LINE_BYTES_MAX: usize = 64 << 10;

/// What is started.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Job<'a> {
    /// An experiment, which is recorded among the runs.
    Run(&'a Sheet),
    /// A scenario of the demo, by its name, with phases of so many milliseconds.
    Demo { scenario: &'a str, phase_ms: u64 },
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// See [`Job::Run`].
    Run,
    /// See [`Job::Demo`].
    Demo,
}

impl Job<'_> {
    fn kind(self) -> Kind {
        match self {
            Self::Run(_) => Kind::Run,
            Self::Demo { .. } => Kind::Demo,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Run(sheet) => sheet.name.clone(),
            Self::Demo { scenario, .. } => scenario.to_owned(),
        }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum Stand {
    /// Nothing was started yet.
    Idle,
    /// A run is under way.
    Running {
        /// Its number since the console was opened.
        number: u64,
        /// Whether it is an experiment or a scenario.
        kind: Kind,
        /// The experiment's or scenario's name.
        name: String,
        /// It was asked to stop.
        stopping: bool,
    },
    /// The last run has ended.
    Ended {
        /// Its number.
        number: u64,
        /// Whether it was an experiment or a scenario.
        kind: Kind,
        /// The experiment's or scenario's name.
        name: String,
        /// The program's exit code; none: a signal ended it.
        code: Option<i32>,
        /// The run's folder, when it got that far.
        run: Option<String>,
        /// What it said, when it failed.
        said: Vec<String>,
        /// What was expected and what came, as the summary has it.
        verdicts: Value,
        /// The run's sentences.
        sentences: Value,
        /// What came of a scenario; null of an experiment, whose result is on its own page.
        report: Value,
    },
}

/// Lines so far, and where the run stands.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    pub(crate) stand: Stand,
    /// Each is an object with a member `progress`.
    pub(crate) lines: Vec<Value>,
    /// Lines that were dropped before the first of `lines`.
    pub(crate) dropped: usize,
}

/// Starts, watches and stops.
pub(crate) struct Bench {
    program: Program,
    results: PathBuf,
    orders: tempfile::TempDir,
    board: Mutex<Board>,
    child: Mutex<Option<u32>>,
    /// Counts changes of the board.
    changed: watch::Sender<u64>,
}

impl Bench {
    pub(crate) fn new(program: Program, results: PathBuf) -> std::io::Result<Arc<Self>> {
        let board = Board { stand: Stand::Idle, lines: Vec::new(), dropped: 0 };
        Ok(Arc::new(Self {
            program,
            results,
            orders: tempfile::Builder::new().prefix("tailrace-console-").tempdir()?,
            board: Mutex::new(board),
            child: Mutex::new(None),
            changed: watch::Sender::new(0),
        }))
    }

    /// What is known, and a receiver that wakes when more is.
    pub(crate) fn look(&self) -> (Board, watch::Receiver<u64>) {
        let changed = self.changed.subscribe();
        (open(&self.board).clone(), changed)
    }

    /// Lines from a number on, and where the run stands.
    pub(crate) fn since(&self, number: u64, from: usize) -> (Stand, Vec<Value>, usize) {
        let board = open(&self.board);
        let same = matches!(&board.stand, Stand::Running { number: n, .. } | Stand::Ended { number: n, .. } if *n == number);
        let from = if same { from.max(board.dropped) } else { board.dropped };
        let lines = board.lines[from - board.dropped..].to_vec();
        (board.stand.clone(), lines, board.dropped + board.lines.len())
    }

    /// What the program says with these words, without running anything.
    ///
    /// # Errors
    /// What it said on standard error.
    pub(crate) async fn ask(&self, words: &[&str]) -> Result<Value, String> {
        let command = self.command(words).map_err(|error| error.to_string())?;
        answered(command).await
    }

    /// What would run for a sheet.
    ///
    /// # Errors
    /// What the program said on standard error.
    pub(crate) async fn plan(&self, sheet: &Sheet) -> Result<Value, String> {
        let command = self.of_sheet(sheet, &["--dry-run", "--json"]);
        answered(command.map_err(|error| error.to_string())?).await
    }

    fn command(&self, words: &[&str]) -> std::io::Result<Command> {
        let mut command = (self.program)()?;
        command.args(words).env("NO_COLOR", "1");
        Ok(command)
    }

    fn of_sheet(&self, sheet: &Sheet, words: &[&str]) -> std::io::Result<Command> {
        let mut command = self.command(&["run"])?;
        command.arg(self.write(sheet)?).args(&sheet.arguments).args(words);
        Ok(command)
    }

    /// An experiment is called like its file.
    fn write(&self, sheet: &Sheet) -> std::io::Result<PathBuf> {
        let path = self.orders.path().join(format!("{}.toml", sheet.name));
        std::fs::File::create(&path)?.write_all(sheet.text.as_bytes())?;
        Ok(path)
    }

    /// Starts a run or a scenario; its number.
    ///
    /// # Errors
    /// One is under way, or the program cannot be started.
    pub(crate) fn start(self: &Arc<Self>, job: Job<'_>) -> Result<u64, String> {
        let mut board = open(&self.board);
        let number = match &board.stand {
            Stand::Running { .. } => {
                return Err(
                    "a run is under way: two would spoil each other's figures; stop it or wait"
                        .into(),
                );
            }
            Stand::Idle => 1,
            Stand::Ended { number, .. } => number + 1,
        };
        let child =
            self.spawn(job).map_err(|error| format!("the program did not start: {error}"))?;
        *open(&self.child) = child.id();
        let (kind, name) = (job.kind(), job.name());
        let stand = Stand::Running { number, kind, name: name.clone(), stopping: false };
        *board = Board { stand, lines: Vec::new(), dropped: 0 };
        drop(board);
        self.tell();
        tokio::spawn(Arc::clone(self).follow(child, number, (kind, name)));
        Ok(number)
    }

    fn spawn(&self, job: Job<'_>) -> std::io::Result<Child> {
        let mut command = match job {
            Job::Run(sheet) => self.of_sheet(sheet, &["--json", "--results"])?,
            Job::Demo { scenario, phase_ms } => self.command(&[
                "demo",
                "--json",
                "--phase",
                &format!("{phase_ms}ms"),
                "--",
                scenario,
            ])?,
        };
        if let Job::Run(_) = job {
            command.arg(&self.results);
        }
        command.env("TAILRACE_PROGRESS", "json");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A console that is killed takes its run with it.
        tokio::process::Command::from(command).kill_on_drop(true).spawn()
    }

    /// Reads until the run has ended, then says how.
    async fn follow(self: Arc<Self>, mut child: Child, number: u64, (kind, name): (Kind, String)) {
        let summary = child.stdout.take().map(|out| tokio::spawn(read_summary(out)));
        let said = match child.stderr.take() {
            Some(errors) => self.read_progress(errors).await,
            None => Vec::new(),
        };
        let code = child.wait().await.ok().and_then(|status| status.code());
        *open(&self.child) = None;
        let summary = match summary {
            Some(reading) => reading.await.unwrap_or_default(),
            None => Value::Null,
        };
        let run = summary["run"].as_str().map(str::to_owned);
        let (verdicts, sentences) = (summary["verdicts"].clone(), summary["sentences"].clone());
        // One scenario was asked for, of a list.
        let report = if kind == Kind::Demo { summary[0].clone() } else { Value::Null };
        open(&self.board).stand =
            Stand::Ended { number, kind, name, code, run, said, verdicts, sentences, report };
        self.tell();
    }

    /// Keeps lines of progress; everything else is what the run says to a person.
    async fn read_progress(&self, errors: impl AsyncRead + Unpin) -> Vec<String> {
        let mut lines = BufReader::new(errors).lines();
        let mut said = Vec::new();
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str::<Value>(&line) {
                Ok(value) if value["progress"].is_string() && line.len() <= LINE_BYTES_MAX => {
                    open(&self.board).keep(value);
                    self.tell();
                }
                _ if said.len() < 200 => said.push(line),
                _ => {}
            }
        }
        said
    }

    /// Asks the run to end; what it measured is saved.
    pub(crate) fn stop(&self) -> bool {
        let Some(pid) = *open(&self.child) else { return false };
        if let Stand::Running { stopping, .. } = &mut open(&self.board).stand {
            *stopping = true;
        }
        self.tell();
        send(pid, Signal::Term).is_ok()
    }

    /// Asks it, and waits until it has.
    pub(crate) async fn stop_and_wait(&self) {
        let mut changed = self.changed.subscribe();
        self.stop();
        while matches!(open(&self.board).stand, Stand::Running { .. }) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn tell(&self) {
        self.changed.send_modify(|changes| *changes += 1);
    }
}

impl Board {
    fn keep(&mut self, line: Value) {
        self.lines.push(line);
        if self.lines.len() > LINES_MAX {
            self.lines.remove(0);
            self.dropped += 1;
        }
    }
}

/// The JSON that a command prints, or what it complains about.
async fn answered(mut command: Command) -> Result<Value, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::process::Command::from(command).output().await;
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return serde_json::from_slice(&output.stdout).map_err(|error| error.to_string());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

async fn read_summary(out: impl AsyncRead + Unpin) -> Value {
    let mut text = Vec::new();
    let whole = out.take(SUMMARY_BYTES_MAX).read_to_end(&mut text).await;
    whole.ok().and_then(|_| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
