//! What every test needs: the program as a process that cannot outlive its test, a Redis, the
//! components that `cargo xtask test` provides, and clients that share no line with the
//! program (`http`, `ws`). What a race wrote is read in `records`.

pub(crate) mod http;
pub(crate) mod records;
pub(crate) mod ws;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tailrace_backend::{Persistence, PrivateRedis};
use tailrace_sys::{Signal, send, spawn_bound};

/// Far longer than anything takes on a busy machine; reaching it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program, without what the caller's environment would change.
pub(crate) fn tailrace<S: AsRef<std::ffi::OsStr>>(
    arguments: impl IntoIterator<Item = S>,
) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailrace"));
    command.args(arguments).stdin(Stdio::null()).env("NO_COLOR", "1");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TAILRACE_") {
            command.env_remove(name);
        }
    }
    // A race must not wait for npm here; the site's own tests do.
    command.env("TAILRACE_OFFLINE", "1");
    command
}

/// A Redis of the test's own.
pub(crate) fn redis() -> PrivateRedis {
    PrivateRedis::start(Persistence::None, None)
        .unwrap_or_else(|e| panic!("{e}\nrun the tests with: cargo xtask test -p tailrace"))
}

/// A component that `cargo xtask test` provides, or its namesake on PATH.
pub(crate) fn component(variable: &str, program: &str) -> Command {
    let path = std::env::var_os(variable).map_or_else(|| PathBuf::from(program), PathBuf::from);
    let usable = Command::new(&path).arg("--version").output().is_ok();
    assert!(
        usable,
        "{} cannot be started, and {variable} names nothing better; run the tests with: cargo \
         xtask test -p tailrace",
        path.display()
    );
    Command::new(path)
}

/// A child that is killed when it is dropped, or when its test's thread ends.
pub(crate) struct Bound(pub(crate) Child);

impl Bound {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(spawn_bound(command, None).unwrap_or_else(|e| panic!("{command:?}: {e}")))
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        in_time(self.0.id(), || self.0.wait().expect("waiting for a child"))
    }

    /// The lines of its standard output, which must be piped, as they come. The thread that
    /// reads them ends with the child.
    pub(crate) fn lines(&mut self) -> Lines {
        Lines::of(self.0.stdout.take().expect("standard output is not piped"))
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lines of a pipe, read by a thread, so that they can be waited for with a limit.
pub(crate) struct Lines(mpsc::Receiver<String>);

impl Lines {
    pub(crate) fn of(pipe: impl std::io::Read + Send + 'static) -> Self {
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines() {
                let Ok(line) = line else { break };
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        Self(told)
    }

    /// The next line that fits, with all that came before it left out.
    pub(crate) fn wait_for(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        loop {
            match self.0.recv_timeout(PATIENCE) {
                Ok(line) if fits(&line) => return line,
                Ok(_) => {}
                Err(why) => panic!("waited for {what}: {why}"),
            }
        }
    }

    /// Every line until the end.
    pub(crate) fn rest(self) -> Vec<String> {
        self.0.iter().collect()
    }
}

/// Runs a program to its end and returns what it said; one that hangs is killed and fails.
pub(crate) fn run(command: &mut Command) -> Output {
    run_with_input(command, &[])
}

/// The same, with something on its standard input.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn_bound(command, None).unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let pid = child.id();
    in_time(pid, || {
        // A program that does not read its input may have closed it already.
        let _ = child.stdin.take().expect("piped").write_all(input);
        child.wait_with_output().expect("waiting for a child")
    })
}

/// Waits for a process; one that hangs is killed, and that is a failure.
fn in_time<T>(pid: u32, wait: impl FnOnce() -> T) -> T {
    let (ended, end) = mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let is_late = end.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
        is_late.then(|| send(pid, Signal::Kill))
    });
    let waited = wait();
    drop(ended);
    let killed = watchdog.join().expect("the watchdog");
    assert!(killed.is_none(), "process {pid} did not end within {PATIENCE:?}");
    waited
}

/// Everything that a program said, for messages.
pub(crate) fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\nstdout: {}\nstderr: {}", output.status, text(&output.stdout), text(&output.stderr))
}

/// Runs the program and expects this exit code; returns what it said on both streams.
pub(crate) fn check_code(arguments: &[&str], code: i32) -> (String, String) {
    let output = run(&mut tailrace(arguments));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout), text(output.stderr))
}

/// `tailrace serve` on free ports. Dropped, it is asked to end by closing its input, which is
/// how a race ends its servers too.
pub(crate) struct Server {
    child: Bound,
    input: Option<ChildStdin>,
    pub(crate) pid: u32,
    pub(crate) ingest: SocketAddr,
    pub(crate) observer: SocketAddr,
}

impl Server {
    pub(crate) fn start(pipeline: &str, more: &[&str]) -> Self {
        Self::behind(&["--open"], pipeline, more)
    }

    /// For those who show a key of this file.
    pub(crate) fn with_keys(keys: &Path, pipeline: &str, more: &[&str]) -> Self {
        Self::behind(&["--keys", keys.to_str().expect("UTF-8")], pipeline, more)
    }

    fn behind(access: &[&str], pipeline: &str, more: &[&str]) -> Self {
        let mut command = tailrace(["serve", pipeline, "--with-parent"]);
        command.args(access);
        command.args(["--ingest", "127.0.0.1:0", "--observer", "127.0.0.1:0"]).args(more);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Bound::start(&mut command);
        let line = child.lines().wait_for("the readiness line", |_| true);
        let ready: Value = serde_json::from_str(&line).expect("the readiness line is JSON");
        assert_eq!(ready["ready"], pipeline);
        assert_eq!(ready["pid"], child.0.id());
        let address = |name: &str| ready[name].as_str().expect(name).parse().expect(name);
        Self {
            input: child.0.stdin.take(),
            pid: child.0.id(),
            ingest: address("ingest"),
            observer: address("observer"),
            child,
        }
    }

    /// Closes its input and waits for its end; says how it ended.
    pub(crate) fn end(mut self) -> ExitStatus {
        drop(self.input.take());
        self.child.wait()
    }

    /// Asks it to end by SIGTERM, its input open, and waits for its end; says how it ended.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        send(self.pid, Signal::Term).expect("it runs");
        self.child.wait()
    }

    /// Resident memory, in bytes.
    pub(crate) fn rss_bytes(&self) -> u64 {
        tailrace_sys::proc::rss_bytes(self.pid).expect("reading /proc")
    }

    /// Everything that was acknowledged so far, by name of metric.
    fn aggregates(&self) -> Vec<Value> {
        // The log takes batches in behind the acknowledgement; an audit waits for that.
        let nobody = "0".repeat(32);
        assert_eq!(http::get(self.observer, &format!("/v1/audit/{nobody}")).status, 200);
        let page = http::get(self.observer, "/v1/aggregates");
        assert_eq!(page.status, 200, "{page:?}");
        page.json()["names"].as_array().expect("names").clone()
    }

    /// What the values of a name came to; null when there are none.
    pub(crate) fn aggregate(&self, name: &str) -> Value {
        let found = self.aggregates().into_iter().find(|entry| entry["name"] == name);
        found.unwrap_or(Value::Null)
    }

    /// How many values there are, of all names together.
    pub(crate) fn aggregated(&self) -> u64 {
        let counts = self.aggregates();
        counts.iter().map(|entry| entry["count"].as_u64().expect("count")).sum()
    }
}

/// Files of a folder and those below, as paths relative to it, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap_or_else(|e| panic!("{}: {e}", next.display()))
        {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(folder).expect("below").to_owned());
            }
        }
    }
    files.sort();
    files
}
