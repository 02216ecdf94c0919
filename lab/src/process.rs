//! A child of this program that says on one line that it is ready, ends when its standard input
//! does, and never outlives the thread that started it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use serde::de::DeserializeOwned;

/// A child that does not say within this time that it is ready has failed.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
/// A child that does not end within this time after its input was closed is killed.
const END_TIMEOUT: Duration = Duration::from_secs(3);

/// A running child. Dropping it ends it.
pub(crate) struct Process<R> {
    child: Child,
    /// Closing it asks the child to end.
    input: Option<ChildStdin>,
    /// What it wrote to standard error.
    errors: File,
    /// What it said when it was ready.
    pub(crate) ready: R,
}

/// A child that did not become ready.
pub(crate) struct NotReady {
    /// Why.
    pub(crate) why: anyhow::Error,
    /// Its last words.
    pub(crate) said: String,
    /// How it ended.
    pub(crate) status: ExitStatus,
}

impl<R: DeserializeOwned> Process<R> {
    /// Starts it on these cores (none: anywhere) and waits until it is ready. Standard input,
    /// output and error of the command are set here.
    ///
    /// # Errors
    /// It cannot be started; the inner one: it did not become ready, and is gone.
    pub(crate) fn start(
        mut command: Command,
        cores: &[usize],
    ) -> anyhow::Result<Result<Self, NotReady>> {
        let errors = tempfile::tempfile()?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors.try_clone()?);
        let mut child =
            tailrace_sys::spawn_bound(&mut command, (!cores.is_empty()).then_some(cores))
                .context("the process could not be started")?;
        let input = child.stdin.take();
        match wait_ready(&mut child) {
            Ok(ready) => Ok(Ok(Self { child, input, errors, ready })),
            Err(why) => {
                child.kill().unwrap_or_default();
                let status = child.wait()?;
                Ok(Err(NotReady { why, said: tail(errors), status }))
            }
        }
    }
}

impl<R> Process<R> {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended and its last words, if it is gone.
    pub(crate) fn death(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        let said = self.errors.try_clone().map(tail).unwrap_or_default();
        Some(format!("({status}); it said: {said}"))
    }
}

/// Reads the readiness line; a thread of its own, because a pipe has no time limit.
fn wait_ready<R: DeserializeOwned>(child: &mut Child) -> anyhow::Result<R> {
    let output = child.stdout.take().context("it has no standard output")?;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        // Nobody listens after the time limit; then nobody needs the line.
        tell.send(read.map(|_| line)).unwrap_or_default();
    });
    let line = told
        .recv_timeout(READY_TIMEOUT)
        .map_err(|_| anyhow!("it was not ready within {} s", READY_TIMEOUT.as_secs()))??;
    if line.is_empty() {
        bail!("it ended before it was ready");
    }
    serde_json::from_str(&line).with_context(|| format!("it said {line:?} instead of being ready"))
}

/// The last lines of what a child wrote to standard error.
fn tail(mut errors: File) -> String {
    let mut text = String::new();
    let read = errors
        .seek(SeekFrom::Start(0))
        .and_then(|_| errors.take(1 << 20).read_to_string(&mut text));
    if read.is_err() || text.is_empty() {
        return "nothing".into();
    }
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}

impl<R> Drop for Process<R> {
    fn drop(&mut self) {
        self.input = None;
        let deadline = Instant::now() + END_TIMEOUT;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                _ => return,
            }
        }
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}
