//! What is seen of a race while it runs: a table on a terminal (made by `script`), a line a trial
//! elsewhere.

use std::path::Path;
use std::process::Command;

use crate::stage::{records, run, told};

/// A short race of one pipeline and the floor: five trials.
const RACE: &str = "--rounds 1 --window 300ms --rate 200 --high-rate 300 http1-memory";
const TRIALS: usize = 5;

/// A race at a terminal of 100 columns.
fn at_a_terminal(results: &Path, race: &str) -> Command {
    let (program, results) = (env!("CARGO_BIN_EXE_tailrace"), results.display());
    let line = format!("stty cols 100 rows 30; exec {program} race --results {results} {race}");
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
fn a_pipe_gets_a_line_a_trial() {
    let raced = records::race(&RACE.split(' ').collect::<Vec<_>>());
    let said = String::from_utf8_lossy(&raced.output.stderr).into_owned();
    let trials = said.lines().filter(|line| line.contains(" · round 1 · acked "));
    assert_eq!(trials.count(), TRIALS, "{said}");
    assert!(!said.contains('\x1b') && !said.contains('▶'), "{said}");
}
