//! Servers of others by the real program: one in Python with a request shape of its own is
//! installed, raced and audited; what is wrong with one is told; the one that comes with the
//! program is raced as npm installs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tailrace_measure::record::{AuditSeal, Manifest, Summary};
use tempfile::TempDir;

use crate::stage::records::{only_run, read};
use crate::stage::{check_code, run, tailrace, told};

const TINY: [(&str, &str); 2] = [
    ("contestant.toml", include_str!("contestants/tiny/contestant.toml")),
    ("server.py", include_str!("contestants/tiny/server.py")),
];

const SHORT: [&str; 8] =
    ["--rounds", "1", "--rate", "200", "--high-rate", "300", "--window", "400ms"];

/// A folder with `contestants/tiny`, changed.
struct Stand {
    folder: TempDir,
}

impl Stand {
    fn with(changes: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tiny = folder.path().join("contestants/tiny");
        std::fs::create_dir_all(&tiny).unwrap();
        for (name, text) in TINY {
            let changed =
                changes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
            std::fs::write(tiny.join(name), changed).unwrap();
        }
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = tailrace(words);
        command.current_dir(self.path()).env("XDG_CACHE_HOME", self.path());
        // It may be installed, and still nobody asks npm for Chart.js.
        command.env_remove("TAILRACE_OFFLINE");
        command.env("TAILRACE_CHART_JS", self.path().join("contestants/tiny/server.py"));
        command
    }

    /// Races, expects this exit code, which only a machine too busy to measure may replace by 4,
    /// and returns what was said and the run's folder.
    fn race(&self, contestant: &str, code: i32) -> (String, Option<PathBuf>) {
        let output = run(&mut self.command(&[&["race", contestant][..], &SHORT].concat()));
        let said = told(&output);
        let too_busy = output.status.code() == Some(4) && said.contains("INVALID");
        assert!(output.status.code() == Some(code) || (code == 0 && too_busy), "{said}");
        (said, only_run(&self.path().join("results")))
    }

    fn installed(&self) -> String {
        std::fs::read_to_string(self.path().join("contestants/tiny/installed.txt")).unwrap()
    }
}

#[test]
fn a_server_with_a_shape_of_its_own_is_raced_and_audited() {
    let stand = Stand::with(&[]);
    let (_, folder) = stand.race("contestants/tiny", 0);
    let folder = folder.unwrap();
    let summary: Summary = read(&folder.join("summary.json"));
    let rows: Vec<_> = summary.rows.iter().filter(|row| row.arm == "tiny").collect();
    assert_eq!(rows.len(), 2, "low and high; it has no live feed");
    assert!(rows.iter().all(|row| row.audit == AuditSeal::Kept), "{rows:?}");
    let manifest: Manifest = read(&folder.join("manifest.json"));
    let [tiny] = manifest.contestants.as_slice() else { panic!("{:?}", manifest.contestants) };
    assert!(tiny.version.starts_with("Python 3"), "{tiny:?}");
    assert_eq!(tiny.command, ["python3", "server.py", "{{port}}"]);
    let files: Vec<&str> = tiny.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(files, ["contestant.toml", "server.py"]);
    assert!(tiny.files.iter().all(|file| file.sha256.len() == 64));
    assert_eq!(stand.installed(), "installed\n");
    let trial: Value = read(&folder.join("trials/tiny/high/1/trial.json"));
    assert!(trial["cost"]["server_cpu_us_per_metric"].as_f64().is_some_and(|us| us > 0.0));
}

#[test]
fn one_that_forgets_what_it_acknowledged_is_broken() {
    let stand = Stand::with(&[("\"HOLE\", \"0\"", "\"HOLE\", \"7\"")]);
    let (_, folder) = stand.race("tiny", 5);
    let summary: Summary = read(&folder.unwrap().join("summary.json"));
    assert!(summary.rows.iter().any(|row| row.audit == AuditSeal::Broken));
}

/// A shell starts the server as its child, and waits.
const BY_A_SHELL: &str = r#""sh", "-c", "python3 server.py {{port}} & echo $! >> pids; wait""#;

#[test]
fn who_says_that_there_is_no_audit_has_not_failed_and_children_are_counted_and_ended() {
    let none = "none = \"it keeps nothing\"";
    let direct = r#""python3", "server.py", "{{port}}""#;
    let stand = Stand::with(&[("get = \"/audit/{{run}}\"", none), (direct, BY_A_SHELL)]);
    let (_, folder) = stand.race("tiny", 0);
    let folder = folder.unwrap();
    let trial: Value = read(&folder.join("trials/tiny/low/1/trial.json"));
    assert_eq!(trial["seals"]["audit"], "NOT_AUDITED", "{trial}");
    assert!(trial.to_string().contains("it keeps nothing"), "{trial}");
    // A machine that stood still serves what was due in a short window after it.
    let cpu = ["low", "high"].map(|load| {
        let trial: Value = read(&folder.join(format!("trials/tiny/{load}/1/trial.json")));
        trial["cost"]["server_cpu_us_per_metric"].as_f64()
    });
    assert!(cpu.iter().any(|us| *us > Some(10.0)), "a shell that waits costs nothing: {cpu:?}");
    let pids = std::fs::read_to_string(stand.path().join("contestants/tiny/pids")).unwrap();
    let [pid] = pids.lines().collect::<Vec<_>>()[..] else { panic!("{pids:?}") };
    assert!(!Path::new("/proc").join(pid).exists(), "it is still there");
}

#[test]
fn without_a_version_nothing_is_recorded_and_it_is_installed_once() {
    let stand = Stand::with(&[("\"python3\", \"--version\"", "\"false\"")]);
    for _ in 0..2 {
        let (said, folder) = stand.race("tiny", 3);
        assert!(said.contains("does not say its version"), "{said}");
        assert_eq!((folder, stand.installed().as_str()), (None, "installed\n"));
    }
    let lock = stand.path().join("contestants/tiny/server.py");
    std::fs::write(&lock, "another").unwrap();
    stand.race("tiny", 3);
    assert_eq!(stand.installed(), "installed\ninstalled\n", "another lock file");
}

#[test]
fn a_program_that_is_not_there_is_missed_before_the_race() {
    for (program, place) in [("./nosuch", "contestants/tiny"), ("nosuch", "PATH")] {
        let command = format!("\"{program}\", \"server.py\"");
        let stand = Stand::with(&[("\"python3\", \"server.py\"", &command)]);
        let (said, folder) = stand.race("tiny", 3);
        assert!(said.contains("cannot be started") && said.contains(place), "{said}");
        assert_eq!(folder, None);
    }
}

#[test]
fn what_an_installation_said_is_shown_when_it_fails_and_it_is_tried_again() {
    let command = "echo installed >> installed.txt";
    let failing = "echo no such package >&2; echo x >> installed.txt; exit 4";
    let stand = Stand::with(&[(command, failing)]);
    for tries in ["x\n", "x\nx\n"] {
        let (said, folder) = stand.race("tiny", 1);
        assert!(said.contains("no such package") && said.contains("exit status: 4"), "{said}");
        assert_eq!((folder, stand.installed().as_str()), (None, tries));
    }
    let mut offline = stand.command(&["race", "tiny"]);
    let said = run(offline.env("TAILRACE_OFFLINE", "1"));
    assert_eq!(said.status.code(), Some(3), "{}", told(&said));
}

#[test]
fn the_last_words_of_one_that_does_not_start_are_told() {
    let broken = Stand::with(&[("import json\n", "raise SystemExit('no database here')\n")]);
    let (said, _) = broken.race("tiny", 1);
    assert!(said.contains("no database here"), "{said}");
    let silent = Stand::with(&[("line = \"is up\"", "line = \"is down\"\ntimeout = \"300ms\"")]);
    let (said, _) = silent.race("tiny", 1);
    assert!(said.contains("did not say \"is down\" in time"), "{said}");
}

#[test]
fn a_mistake_is_told_where_it_is() {
    let stand = Stand::with(&[("promise = \"nothing\"", "promise = \"everything\"")]);
    let (said, _) = stand.race("contestants/tiny", 2);
    assert!(said.contains("contestants/tiny/contestant.toml:3:11: "), "{said}");
    assert!(said.contains("server-death"), "{said}");
    let (said, _) = stand.race("tiny", 2);
    assert!(said.contains("there is no pipeline \"tiny\"") && said.contains(":3:11: "), "{said}");
    let listed = told(&run(&mut stand.command(&["list"])));
    assert!(listed.contains(":3:11: ") && listed.contains("express-redis"), "{listed}");
}

#[test]
fn an_experiment_names_a_contestant_and_says_what_it_lacks() {
    let stand = Stand::with(&[("program = \"python3\"", "program = \"nosuchpython\"")]);
    let text = "question = \"Which?\"\nprediction = \"None.\"\n[arm]\n\
                pipeline = [\"http1-memory\", \"tiny\"]\n[load]\nrate = 100\n";
    std::fs::write(stand.path().join("which.toml"), text).unwrap();
    let output = run(&mut stand.command(&["run", "which.toml", "--dry-run", "--json"]));
    assert!(output.status.success(), "{}", told(&output));
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let left_out = plan["left_out"][0].as_str().unwrap();
    assert!(left_out.starts_with("tiny: nosuchpython is not installed; apt-get"), "{left_out}");
    let listed = run(&mut stand.command(&["list", "--json"]));
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let tiny = listed["contestants"].as_array().unwrap();
    let tiny = tiny.iter().find(|one| one["name"] == "tiny").unwrap();
    assert!(tiny["missing"].as_str().unwrap().contains("nosuchpython"), "{tiny}");
    let (said, _) = stand.race("tiny", 3);
    assert!(said.contains("nosuchpython is not installed"), "{said}");
}

/// As `cargo xtask test` provides them: node, npm, a network, redis-server.
#[test]
fn express_is_unpacked_installed_and_keeps_what_it_acknowledged() {
    let stand = Stand::with(&[]);
    let (said, folder) = stand.race("express-redis", 0);
    assert!(said.contains("npm ci"), "{said}");
    let folder = folder.unwrap();
    let summary: Summary = read(&folder.join("summary.json"));
    let rows: Vec<_> = summary.rows.iter().filter(|row| row.arm == "express-redis").collect();
    assert!(rows.iter().all(|row| row.audit == AuditSeal::Kept), "{rows:?}");
    let manifest: Manifest = read(&folder.join("manifest.json"));
    assert!(manifest.contestants[0].version.starts_with("express 5"), "{manifest:?}");
    let arm = |name: &str| manifest.experiment.arms.iter().find(|arm| arm.slug == name).cloned();
    assert!(arm("express-redis").unwrap().promise.contains("(Redis)"));
    let trial: Value = read(&folder.join("trials/express-redis/low/1/trial.json"));
    assert!(trial["cost"]["backend_cpu_us_per_metric"].as_f64().is_some_and(|us| us > 0.0));
    check_code(&["run", "--verify", "express"], 0);
}
