//! `tailrace race` from the command line to the files it leaves: complete, readable by the
//! published schemas, and whole up to the last finished trial however it ended.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::Value;
use tailrace_measure::record::{AuditSeal, Manifest, SCHEMA_VERSION, Trial};
use tailrace_sys::{Signal, send};

use crate::stage::records::{Raced, only_run, race, read};
use crate::stage::{Bound, Lines, PATIENCE, check_code, files_below, run, tailrace, told};

const SHORT: [&str; 8] =
    ["--rounds", "1", "--rate", "500", "--high-rate", "800", "--window", "400ms"];

#[test]
fn a_race_leaves_everything_that_the_format_promises() {
    let raced = race(&[&["http1-memory", "ws-memory"][..], &SHORT].concat());
    raced.expect_code(0);
    let printed: Value = serde_json::from_slice(&raced.output.stdout).unwrap();
    let stored: Value = read(&raced.folder.join("summary.json"));
    assert_eq!(printed, stored, "--json prints the summary");
    check_trials(&raced);
    check_files(&raced);
    check_schemas(&raced);
    check_report(&raced);
}

/// Every arm under every load, complete, with nothing lost.
fn check_trials(raced: &Raced) {
    let trials = raced.trials();
    let names: Vec<_> = trials.iter().map(|t| format!("{} {}", t.arm, t.load)).collect();
    let expected = ["floor low", "floor high"].map(String::from).into_iter();
    let pipelines = ["http1-memory", "ws-memory"].into_iter();
    let loads = ["low", "low-live", "high"];
    let expected = expected.chain(pipelines.flat_map(|p| loads.map(|load| format!("{p} {load}"))));
    assert_eq!(BTreeSet::from_iter(&names), BTreeSet::from_iter(&expected.collect::<Vec<_>>()));
    for trial in &trials {
        let name = (&trial.arm, &trial.load);
        assert_eq!(
            (trial.outcomes.acked, trial.ended_early.as_ref()),
            (trial.outcomes.scheduled, None)
        );
        assert!(trial.outcomes.scheduled > 0 && trial.faults.is_empty(), "{name:?}");
        let is_floor = trial.arm == "floor";
        let expected = if is_floor { AuditSeal::NotAudited } else { AuditSeal::Kept };
        assert_eq!(trial.seals.audit, expected, "{name:?}: {:?}", trial.ledger);
        assert!(trial.cost.server_cpu_us_per_metric.is_some_and(|us| us > 0.0), "{name:?}");
        assert!(trial.cost.sent_bytes_per_metric > 0.0, "{name:?}");
        let is_live = trial.load == "low-live";
        assert_eq!(trial.latencies.live.is_some(), is_live, "{name:?}");
        if is_live {
            assert!(trial.ledger.live_due > 0, "{name:?}");
            assert_eq!(trial.ledger.live_seen, trial.ledger.live_due, "{name:?}");
        }
        // A figure of a debug build must say so.
        let checks: Vec<_> = trial.seals.checks.iter().map(|c| c.sentence.as_str()).collect();
        assert!(checks.iter().any(|sentence| sentence.contains("debug build")), "{checks:?}");
    }
}

/// Exactly the files that `results/README.md` names, each whole.
fn check_files(raced: &Raced) {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/README.md");
    let format = std::fs::read_to_string(readme).unwrap();
    let tree = format.split("\n## ").next().unwrap();
    let files = files_below(&raced.folder);
    for file in &files {
        let name = file.file_name().unwrap().to_string_lossy();
        let is_plot = file.starts_with("plots");
        assert!(is_plot || tree.contains(&format!(" {name} ")), "{name} is not in the format");
    }
    let has = |path: &str| files.contains(&PathBuf::from(path));
    for name in ["manifest.json", "summary.json", "summary.csv", "report.html", "report.md"] {
        assert!(has(name), "{name} is missing");
    }
    for name in ["dots", "spectrum-low", "timeline-low", "cost"] {
        assert!(has(&format!("plots/{name}.svg")), "{name}.svg is missing");
        let png = std::fs::read(raced.folder.join(format!("plots/{name}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG"), "{name}.png");
    }
    for arm in ["http1-memory", "ws-memory"] {
        for name in
            ["trial.json", "ack.hlog", "service.hlog", "lateness.hlog", "live.hlog", "timeline.csv"]
        {
            assert!(has(&format!("trials/{arm}/low-live/1/{name}")), "{arm}: {name} is missing");
        }
    }
    let html = std::fs::read_to_string(raced.folder.join("report.html")).unwrap();
    assert!(html.contains("ws-memory") && html.contains("<svg"), "the report needs no other file");
}

/// Every JSON file against the schema that `tailrace schema` publishes for it.
fn check_schemas(raced: &Raced) {
    let folder = tempfile::tempdir().unwrap();
    check_code(&["schema", "--out", folder.path().to_str().unwrap()], 0);
    let schema = |name: &str| -> Value { read(&folder.path().join(format!("{name}.schema.json"))) };
    for name in ["manifest", "summary"] {
        check_schema(
            &read(&raced.folder.join(format!("{name}.json"))),
            &schema(name),
            &schema(name),
            name,
        );
    }
    for file in files_below(&raced.folder).iter().filter(|file| file.ends_with("trial.json")) {
        let place = file.display().to_string();
        check_schema(&read(&raced.folder.join(file)), &schema("trial"), &schema("trial"), &place);
    }
    let manifest: Manifest = raced.manifest();
    assert_eq!(manifest.schema_version, SCHEMA_VERSION);
    assert_eq!(manifest.command[0], "tailrace", "paths are nobody's business");
    assert_eq!(manifest.build.profile, "debug");
    let machine = &manifest.machine;
    assert_eq!(machine.generator_congestion_control.as_deref(), Some("reno"));
    assert!(machine.congestion_control.is_some());
}

/// The part of JSON Schema that such schemas use for structure: references, required and
/// unknown members, items, alternatives and types.
pub(crate) fn check_schema(value: &Value, schema: &Value, root: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference}"));
        return check_schema(value, target, root, place);
    }
    if let Some(either) = schema["anyOf"].as_array() {
        let fitting = either.iter().find(|one| one["type"] != "null");
        if !value.is_null() {
            check_schema(value, fitting.expect("an alternative"), root, place);
        }
        return;
    }
    check_type(value, &schema["type"], place);
    if let (Value::Object(members), Some(known)) = (value, schema["properties"].as_object()) {
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            assert!(members.contains_key(name), "{place} lacks {name}");
        }
        for (name, member) in members {
            let schema = known.get(name).unwrap_or_else(|| panic!("{place} has an unknown {name}"));
            check_schema(member, schema, root, &format!("{place}/{name}"));
        }
    }
    if let (Value::Array(items), Some(schema)) = (value, schema.get("items")) {
        for item in items {
            check_schema(item, schema, root, place);
        }
    }
}

fn check_type(value: &Value, expected: &Value, place: &str) {
    let actual = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |name: &Value| name == actual || (name == "number" && actual == "integer");
    let is_allowed = match expected {
        Value::Array(names) => names.iter().any(fits),
        Value::Null => true,
        name => fits(name),
    };
    assert!(is_allowed, "{place} is {actual}, expected {expected}");
}

/// `list` names the run, and `report` makes from the records what the race made.
fn check_report(raced: &Raced) {
    let results = raced.results.path().to_str().unwrap();
    let name = raced.folder.file_name().unwrap().to_str().unwrap();
    let (listed, _) = check_code(&["list", "--results", results], 0);
    assert!(listed.lines().any(|line| line == name), "{listed}");
    let made: Vec<u8> = std::fs::read(raced.folder.join("summary.json")).unwrap();
    for file in ["report.html", "report.md", "summary.json", "summary.csv"] {
        std::fs::remove_file(raced.folder.join(file)).unwrap();
    }
    std::fs::remove_dir_all(raced.folder.join("plots")).unwrap();
    let (table, _) = check_code(&["report", "latest", "--results", results], 0);
    assert!(table.contains("http1-memory") && table.contains("Open "), "{table}");
    assert_eq!(std::fs::read(raced.folder.join("summary.json")).unwrap(), made);
    check_files(raced);
    // By a beginning of its name, too.
    check_code(&["report", &name[..name.len() - 2], "--results", results, "--json"], 0);
}

/// A race that would take minutes, and its lines on standard error.
fn start_long_race(results: &Path) -> (Bound, Lines) {
    let mut command = tailrace(["race", "http1-redis", "--rounds", "20", "--results"]);
    command.arg(results).args(["--rate", "200", "--high-rate", "300", "--window", "300ms"]);
    // What a killed race leaves behind in the temporary folder goes away with this one.
    command.env("TMPDIR", results.parent().unwrap());
    let mut race = Bound::start(command.stdout(Stdio::null()).stderr(Stdio::piped()));
    let lines = Lines::of(race.0.stderr.take().unwrap());
    (race, lines)
}

/// Processes whose parent is this one.
fn children(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap();
    let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // After the name in parentheses: state, then the parent.
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        rest.split(' ').nth(1) == Some(&parent.to_string())
    };
    pids.filter(is_child).collect()
}

/// What is readable when the process has ended, and does not mistake another one for it.
pub(crate) fn handle(pid: u32) -> OwnedFd {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a pid");
    pidfd_open(pid, PidfdFlags::empty()).expect("a process")
}

pub(crate) fn ends_in_time(process: &OwnedFd) -> bool {
    let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&patience)).expect("poll") == 1
}

/// Trials that are complete on disk, read strictly.
fn complete(folder: &Path) -> Vec<Trial> {
    let files = files_below(folder);
    files
        .iter()
        .filter(|file| file.ends_with("trial.json"))
        .map(|f| read(&folder.join(f)))
        .collect()
}

fn check_readable(results: &Path, finished: usize) {
    let folder = only_run(results).expect("a run");
    let trials = complete(&folder);
    assert!(trials.len() >= finished, "{} of {finished} trials are on disk", trials.len());
    let results = results.to_str().unwrap();
    let (summary, _) = check_code(&["report", "latest", "--json", "--results", results], 0);
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let of_rows = summary["rows"].as_array().unwrap().iter().map(|row| row["trials"].as_u64());
    let of_rows: Option<u64> = of_rows.sum();
    // The trials with a subscriber are shown in the rows of those without.
    let plain = trials.iter().filter(|trial| trial.load != "low-live").count();
    assert_eq!(of_rows, Some(plain as u64), "{summary}");
    assert!(folder.join("report.html").exists());
}

#[test]
fn a_killed_race_leaves_whole_trials_and_no_process() {
    let parent = tempfile::tempdir().unwrap();
    let results = parent.path().join("results");
    let (race, lines) = start_long_race(&results);
    lines.wait_for("a trial of http1-redis", |line| line.starts_with("http1-redis · low ·"));
    let pids = children(race.0.id());
    let processes: Vec<OwnedFd> = pids.iter().map(|pid| handle(*pid)).collect();
    assert_eq!(processes.len(), 2, "a server and its Redis: {pids:?}");
    send(race.0.id(), Signal::Kill).unwrap();
    for (process, pid) in processes.iter().zip(&pids) {
        assert!(ends_in_time(process), "process {pid} outlived its race");
    }
    drop(race);
    check_readable(&results, 1);
}

#[test]
fn an_interrupted_race_saves_what_it_measured() {
    let parent = tempfile::tempdir().unwrap();
    let results = parent.path().join("results");
    let (mut race, lines) = start_long_race(&results);
    lines.wait_for("a trial of http1-redis", |line| line.starts_with("http1-redis · low ·"));
    let processes: Vec<OwnedFd> = children(race.0.id()).into_iter().map(handle).collect();
    send(race.0.id(), Signal::Term).unwrap();
    assert_eq!(race.wait().code(), Some(130), "{:?}", lines.rest());
    assert!(processes.iter().all(ends_in_time));
    let folder = only_run(&results).unwrap();
    assert!(folder.join("report.html").exists() && folder.join("summary.json").exists());
    check_readable(&results, 2);
}

#[test]
fn the_table_stands_on_standard_output_and_progress_elsewhere() {
    let results = tempfile::tempdir().unwrap();
    let mut command = tailrace(["race", "http1-memory", "--results"]);
    let output = run(command.arg(results.path()).args(SHORT));
    let (table, progress) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() || output.status.code() == Some(4), "{}", told(&output));
    assert!(table.contains("http1-memory") && table.contains("report.html"), "{table}");
    let page = results.path().join("site/run.html");
    assert!(page.is_file() && table.contains(&format!("Open file://{}?run=", page.display())));
    assert!(!table.contains("· round 1"), "{table}");
    assert!(progress.contains("http1-memory · low · round 1"), "{progress}");
}
