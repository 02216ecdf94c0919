//! `tailrace doctor`: it says of each thing what it means, its exit code says whether one of them
//! spoils everything, and it leaves nothing behind.

use std::process::Command;

use tailrace_measure::record::{Diagnosis, Fitness};

use crate::stage::{run, tailrace, told};

fn examined(diagnosis: &Diagnosis, name: &str) -> Fitness {
    let item = diagnosis.items.iter().find(|item| item.name == name);
    item.unwrap_or_else(|| panic!("{name} was not looked at: {diagnosis:?}")).fitness
}

#[test]
fn the_doctor_measures_this_machine_and_changes_nothing() {
    let here = tempfile::tempdir().unwrap();
    let output = run(tailrace(["doctor", "--json"]).current_dir(here.path()));
    let diagnosis: Diagnosis = serde_json::from_slice(&output.stdout).unwrap();
    // How this machine does is its own affair; code and verdict must agree on it.
    assert_eq!(output.status.code(), Some(i32::from(!diagnosis.fit)), "{}", told(&output));
    let unfit = diagnosis.items.iter().any(|item| item.fitness == Fitness::Unfit);
    assert_eq!(diagnosis.fit, !unfit);
    assert!(diagnosis.items.iter().all(|item| !item.seen.is_empty() && item.means.len() > 10));
    for name in [
        "cores",
        "kernel",
        "preemption",
        "sockets",
        "clock",
        "memory",
        "timer",
        "hiccups",
        "steal",
        "redis",
        "postgres",
        "wrk",
    ] {
        examined(&diagnosis, name);
    }
    let timer = diagnosis.items.iter().find(|item| item.name == "timer").unwrap();
    let late = ["late_p50_ns", "late_p99_ns", "late_max_ns"].map(|name| timer.figures[name]);
    assert!(late[0] > 0.0 && late[0] <= late[1] && late[1] <= late[2], "{late:?}");
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 0);
}

#[test]
fn what_spoils_everything_is_said_and_ends_with_1() {
    let program = tailrace(["doctor", "--json"]);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -n 200; exec \"$0\" \"$@\""]).arg(program.get_program());
    command.args(program.get_args()).env_clear().env("PATH", "/nowhere");
    let output = run(&mut command);
    let diagnosis: Diagnosis = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert_eq!(examined(&diagnosis, "open files"), Fitness::Unfit);
    // What is optional and missing spoils nothing, and its sentence says how to get it.
    assert_eq!(examined(&diagnosis, "wrk"), Fitness::Missing);
    let wrk = diagnosis.items.iter().find(|item| item.name == "wrk").unwrap();
    assert!(wrk.means.contains("apt install wrk"), "{wrk:?}");
}
