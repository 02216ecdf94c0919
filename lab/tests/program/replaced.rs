//! A program whose file is replaced while it races, as the next build does: its servers are still
//! the program that measures them.

use std::process::{Command, Stdio};

use tailrace_measure::record::Manifest;

use crate::stage::records::{only_run, read};
use crate::stage::{Bound, Lines, tailrace};

#[test]
fn a_race_goes_on_when_the_programs_file_is_replaced() {
    let parent = tempfile::tempdir().unwrap();
    let (program, results) = (parent.path().join("program"), parent.path().join("results"));
    std::fs::copy(env!("CARGO_BIN_EXE_tailrace"), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(["race", "http1-memory", "--rounds", "2", "--rate", "200", "--high-rate", "300"]);
    command.args(["--window", "300ms", "--round-trip", "1ms", "--results"]).arg(&results);
    let of_tests = tailrace([""; 0]);
    command.envs(of_tests.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env_remove("TAILRACE_PROGRAM").stdin(Stdio::null()).stdout(Stdio::null());
    let mut race = Bound::start(command.stderr(Stdio::piped()));
    let lines = Lines::of(race.0.stderr.take().unwrap());
    lines.wait_for("a trial", |line| line.contains(" · low ·"));
    // Whoever started it now would get an end with this code.
    let other = parent.path().join("other");
    std::fs::write(&other, "#!/bin/sh\nexit 86\n").unwrap();
    std::fs::rename(&other, &program).unwrap();
    let code = race.wait().code();
    // A machine too busy to measure may end it with 4, a missing server never.
    assert!(matches!(code, Some(0 | 4)), "{code:?}: {:?}", lines.rest());
    let folder = only_run(&results).unwrap();
    let manifest: Manifest = read(&folder.join("manifest.json"));
    assert_eq!(manifest.command[0], "tailrace");
    let second = folder.join("trials/http1-memory/low/2/trial.json");
    assert!(second.exists(), "the second round ran with servers that were started later");
}
