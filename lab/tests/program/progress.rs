//! What is seen of a race while it runs: a table on a terminal (made by `script`), a line a trial
//! elsewhere.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::stage::{Bound, Lines, Server, records, run, told};

/// A short race of one pipeline and the floor: five trials.
const RACE: &str = "--rounds 1 --window 300ms --rate 200 --high-rate 300 http1-memory";
const TRIALS: usize = 5;

/// A race at a terminal.
fn at_a_terminal(results: &Path, race: &str) -> Command {
    by_a_terminal(&format!("race --results {} {race}", results.display()))
}

/// The program at a terminal of 100 columns.
fn by_a_terminal(words: &str) -> Command {
    let program = env!("CARGO_BIN_EXE_tailrace");
    let line = format!("stty cols 100 rows 30; exec {program} {words}");
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.env("TERM", "xterm").env("LC_ALL", "C.UTF-8").env("TAILRACE_OFFLINE", "1");
    command
}

#[test]
fn a_terminal_gets_a_table_that_leaves_nothing_behind() {
    let results = tempfile::tempdir().unwrap();
    let output = run(at_a_terminal(results.path(), RACE).env("NO_COLOR", "1"));
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in ["▶ http1-memory", "running", "waiting", "round 1 of 1", " left", "in flight"] {
        assert!(seen.contains(part), "{part} is missing: {}", told(&output));
    }
    assert!(!seen.contains("\x1b[1m") && !seen.contains("\x1b[32m"), "NO_COLOR: {seen}");
    let (_, after) = seen.rsplit_once("\x1b[J").unwrap();
    assert!(after.contains("low rate: 200/s") && !after.contains(['▶', '░', '\x1b']), "{after}");
    let table = after.split("\nOpen ").next().unwrap();
    let widest = table.lines().map(|line| line.trim_end().chars().count()).max();
    assert!(widest <= Some(100), "{table}");
}

#[test]
fn a_load_has_the_same_table() {
    let server = Server::start("http1-memory", &[]);
    let url = format!("http://{}/health", server.observer);
    let words =
        format!("load {url} --rate 200 --duration 600ms --warm-up 0s --connections 2 --threads 2");
    let output = run(by_a_terminal(&words).env("NO_COLOR", "1"));
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in ["▶ http://", "running", "in flight", "lateness p99", " left"] {
        assert!(seen.contains(part), "{part} is missing: {}", told(&output));
    }
    let (_, after) = seen.rsplit_once("\x1b[J").unwrap();
    assert!(after.contains("outcomes: ") && !after.contains('▶'), "{after}");
}

/// The signal reaches everything in the terminal's foreground: the servers must live on, or the
/// trial's audit could not be made.
#[test]
fn control_c_at_a_terminal_ends_the_trial_and_not_its_server() {
    let results = tempfile::tempdir().unwrap();
    let mut command = at_a_terminal(results.path(), &RACE.replace("300ms", "60s"));
    let mut child = Bound::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut keyboard = child.0.stdin.take().unwrap();
    let seen = Lines::of(child.0.stdout.take().unwrap());
    seen.wait_for("an answer", |line| line.contains("in flight") && !line.contains("p50 –"));
    keyboard.write_all(b"\x03").unwrap();
    let status = child.wait();
    let rest = seen.rest().join("\n");
    assert_eq!(status.code(), Some(130), "{rest}");
    let (_, after) = rest.rsplit_once("\x1b[J").unwrap();
    let plain = rest.replace("\x1b[K", " ");
    let words: Vec<&str> = plain.split_whitespace().collect();
    assert!(words.join(" ").contains("ended early: it was interrupted"), "{rest}");
    assert!(after.contains("KEPT") && !after.contains("not audited"), "{after}");
}

#[test]
fn a_pipe_gets_a_line_a_trial() {
    let raced = records::race(&RACE.split(' ').collect::<Vec<_>>());
    let said = String::from_utf8_lossy(&raced.output.stderr).into_owned();
    let trials = said.lines().filter(|line| line.contains(" · round 1 · acked "));
    assert_eq!(trials.count(), TRIALS, "{said}");
    assert!(!said.contains('\x1b') && !said.contains('▶'), "{said}");
}
