//! A child of this program that says on one line that it is ready, ends when its standard input
//! does, and never outlives the thread that started it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use serde::de::DeserializeOwned;
use tailrace_sys::{Signal, send_group};

/// A child that does not say within this time that it is ready has failed.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
/// A child that does not end within this time after its input was closed is killed.
const END_TIMEOUT: Duration = Duration::from_secs(3);
/// Between looks at a child that ends by itself, which takes about a second.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running child. Dropping it ends it.
pub(crate) struct Process<R> {
    child: Child,
    ends_by: EndsBy,
    /// Closing it asks the child to end.
    input: Option<ChildStdin>,
    /// What it wrote to standard error.
    errors: File,
    /// What it said when it was ready.
    pub(crate) ready: R,
}

/// How a child is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndsBy {
    /// Its standard input ends.
    Input,
    /// SIGTERM, to the process group that it leads.
    Signal,
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
        command: Command,
        cores: &[usize],
    ) -> anyhow::Result<Result<Self, NotReady>> {
        Self::start_when(command, cores, EndsBy::Input, wait_ready)
    }
}

impl<R> Process<R> {
    /// The same for one that says otherwise that it is ready.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn start_when(
        mut command: Command,
        cores: &[usize],
        ends_by: EndsBy,
        ready: impl FnOnce(&mut Child) -> anyhow::Result<R>,
    ) -> anyhow::Result<Result<Self, NotReady>> {
        let errors = tempfile::tempfile()?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors.try_clone()?);
        let mut child =
            tailrace_sys::spawn_bound(&mut command, (!cores.is_empty()).then_some(cores))
                .context("the process could not be started")?;
        let input = child.stdin.take();
        match ready(&mut child) {
            Ok(ready) => Ok(Ok(Self { child, ends_by, input, errors, ready })),
            Err(why) => {
                ends_by.kill(&mut child);
                let status = child.wait()?;
                Ok(Err(NotReady { why, said: tail(errors), status }))
            }
        }
    }

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
        if self.ends_by == EndsBy::Signal {
            send_group(self.child.id(), Signal::Term).unwrap_or_default();
        }
        let deadline = Instant::now() + END_TIMEOUT;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                _ => break,
            }
        }
        self.ends_by.kill(&mut self.child);
        self.child.wait().map(drop).unwrap_or_default();
    }
}

impl EndsBy {
    /// Ends a child at once, with what it started where that is in its group. Nobody may be left.
    fn kill(self, child: &mut Child) {
        match self {
            Self::Input => child.kill().unwrap_or_default(),
            Self::Signal => send_group(child.id(), Signal::Kill).unwrap_or_default(),
        }
    }
}

/// How a child that leads its own process group ended; none when it took too long and was killed
/// with all that it started.
pub(crate) fn within(mut child: Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= limit {
            send_group(child.id(), Signal::Kill)?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;

    use super::*;

    #[test]
    fn what_takes_too_long_is_killed_with_what_it_started() {
        let mut slow = Command::new("sh");
        slow.args(["-c", "sleep 60 & sleep 60"]).process_group(0);
        let ended = within(slow.spawn().unwrap(), Duration::ZERO).unwrap();
        assert_eq!(ended, None);
    }
}
