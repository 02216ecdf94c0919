//! `tailrace compare`, `tailrace capacity` and experiments that decide, by the real program: which
//! words and files come out, never which figures.

use std::path::Path;

use serde_json::Value;
use tailrace_measure::record::{Capacity, ComparedBy, Manifest, RunComparison, Summary};

use crate::stage::records::{only_run, read};
use crate::stage::{check_code, run, tailrace, told};

/// A pipeline against itself, decided by a figure that no machine disturbs.
const ITSELF: &str = r#"question = "Is a pipeline different from itself?"
prediction = "No."
decide = true
window = "150ms"
warm_up = "50ms"

[[arm]]
slug = "one"
pipeline = "http1-memory"

[[arm]]
slug = "two"
pipeline = "http1-memory"

[[load]]
slug = "low"
rate = 300

[primary]
figure = "wire_bytes"
load = "low"
pairs = [["two", "one"]]
"#;

fn itself(folder: &Path) -> std::path::PathBuf {
    let (file, results) = (folder.join("itself.toml"), folder.join("results"));
    std::fs::write(&file, ITSELF).unwrap();
    let mut command = tailrace(["run"]);
    let output = run(command.arg(&file).arg("--results").arg(&results));
    assert!(matches!(output.status.code(), Some(0 | 4)), "{}", told(&output));
    results
}

#[test]
fn a_pipeline_is_not_different_from_itself() {
    let folder = tempfile::tempdir().unwrap();
    let results = itself(folder.path());
    let run_folder = only_run(&results).unwrap();
    let manifest: Manifest = read(&run_folder.join("manifest.json"));
    assert!(manifest.experiment.decide);
    assert!((6..=20).contains(&manifest.experiment.rounds), "{}", manifest.experiment.rounds);
    let summary: Summary = read(&run_folder.join("summary.json"));
    let answer = summary.answer.unwrap();
    // A machine that is busy with other tests may leave no round that counts.
    let rounds = answer.comparisons[0].ratio.as_ref().map_or(0, |ratio| ratio.rounds);
    if rounds >= 6 {
        assert!(answer.sentence.contains("`two` against `one`: no difference"), "{answer:?}");
    }

    let results = results.display().to_string();
    let arguments = ["compare", "latest:two", "latest:one", "--results", &results];
    let (table, _) = check_code(&arguments, 0);
    assert!(table.contains("paired by round") && table.contains("two ÷ one under low"), "{table}");
    let (json, _) = check_code(&[&arguments[..], &["--json"]].concat(), 0);
    let comparison: RunComparison = serde_json::from_str(&json).unwrap();
    assert_eq!((comparison.by, comparison.figures.len()), (ComparedBy::Round, 4));

    let (_, why) = check_code(&["compare", "latest", "latest", "--results", &results], 2);
    assert!(why.contains("divided by itself"), "{why}");
    let three = ["compare", "latest:three", "latest:one", "--results", &results];
    assert!(check_code(&three, 2).1.contains("it has floor, one, two"));
    let none = ["compare", "2001", "latest:one", "--results", &results];
    assert!(check_code(&none, 2).1.contains("no run \"2001\""));
}

/// A server of known behaviour as anybody's: it keeps nothing, so there is nothing to audit.
fn known(folder: &Path, kind: &str) {
    let folder = folder.join("contestants").join(kind);
    std::fs::create_dir_all(&folder).unwrap();
    let program = env!("CARGO_BIN_EXE_tailrace");
    let text = format!(
        r#"name = "{kind}"
title = "A server that is known to be {kind}"
promise = "nothing"

[program]
command = ["{program}", "serve", "known-http1-{kind}", "--open", "--ingest", "127.0.0.1:{{{{port}}}}"]
version = ["{program}", "--version"]

[ready]
line = "ready"

[request]
protocol = "http1"
method = "POST"
path = "/"
template = '{{"seq":{{{{seq}}}},"metric":{{{{metric}}}}}}'
ack = [200]

[audit]
none = "it keeps nothing"
"#
    );
    std::fs::write(folder.join("contestant.toml"), text).unwrap();
}

#[test]
fn a_fifth_more_of_a_millisecond_is_not_mistaken_for_less() {
    let folder = tempfile::tempdir().unwrap();
    let text = ITSELF
        .replace("\"one\"\npipeline = \"http1-memory\"", "\"constant\"\npipeline = \"constant\"")
        .replace("\"two\"\npipeline = \"http1-memory\"", "\"slower\"\npipeline = \"slower\"")
        .replace("\"wire_bytes\"", "\"p50\"")
        .replace("[\"two\", \"one\"]", "[\"slower\", \"constant\"]");
    std::fs::write(folder.path().join("fifth.toml"), text).unwrap();
    known(folder.path(), "constant");
    known(folder.path(), "slower");
    let output = run(tailrace(["run", "fifth.toml"]).current_dir(folder.path()));
    assert!(matches!(output.status.code(), Some(0 | 4)), "{}", told(&output));
    let summary: Summary =
        read(&only_run(&folder.path().join("results")).unwrap().join("summary.json"));
    for row in &summary.rows {
        assert!(row.acked > 0, "what is never acknowledged cannot be found slower: {row:?}");
    }
    let answer = summary.answer.unwrap();
    // A machine that is busy with other tests may leave no round that counts, or move both by more
    // than a fifth; it does not turn them round.
    assert!(!answer.sentence.contains("lower than `constant`"), "{answer:?}");
    if answer.sentence.contains("higher than `constant`") {
        assert!(answer.comparisons[0].ratio.as_ref().unwrap().mean > 1.05, "{answer:?}");
    }
}

#[test]
fn a_search_keeps_its_whole_curve() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = tailrace(["capacity", "ws-memory", "--slo", "ack p50 < 5s", "--json"]);
    command.args(["--from", "200", "--most", "300", "--window", "300ms", "--results"]);
    let output = run(command.arg(folder.path()));
    // What a busy machine could not decide is an answer too.
    assert!(matches!(output.status.code(), Some(0 | 4)), "{}", told(&output));
    let run_folder = only_run(folder.path()).unwrap();
    let name = run_folder.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.contains("-capacity-"), "{name}");
    let capacity: Capacity = read(&run_folder.join("capacity.json"));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, serde_json::to_value(&capacity).unwrap());
    assert_eq!(capacity.objectives, ["ack p50 < 5.0 s", "answered >= 99.9 %"]);
    assert_eq!(capacity.rungs.len(), 1, "twice 200 is above the highest rate");
    let trials = capacity.rungs[0].trials.len();
    let csv = std::fs::read_to_string(run_folder.join("capacity.csv")).unwrap();
    assert_eq!(csv.lines().count(), trials + 1, "{csv}");
    assert!(run_folder.join("trials/ws-memory/r200/1/trial.json").exists());
    let picture = std::fs::read_to_string(run_folder.join("capacity.svg")).unwrap();
    assert!(picture.contains("ws-memory: latency against rate"));
}

#[test]
fn objectives_that_cannot_be_decided_are_refused_at_once() {
    let check = |more: &[&str], words: &[&str]| {
        let (_, why) = check_code(&[&["capacity"][..], more].concat(), 2);
        assert!(words.iter().all(|word| why.contains(word)), "{why}");
    };
    check(&["ws-memory", "--slo", "ack p98 < 1ms"], &["p98", "p99.9", "answered >= SHARE"]);
    check(&["ws-memory", "--slo", "ack p99.9 < 1ms"], &["at least 10000 batches", "--window"]);
    check(&["nothing", "--slo", "ack p50 < 1ms"], &["ws-memory"]);
    check(&["ws-memory", "--slo", "ack p50 < 1ms", "--http2"], &["--http2", "name a URL"]);
    let url = "http://127.0.0.1:1/";
    check(&[url, "--slo", "live p50 < 1ms"], &["no live feed"]);
    check(&[url, "--slo", "ack p50 < 1ms", "--batch", "2"], &["--body"]);
    let live = ["ws-memory", "--slo", "live p50 < 1ms", "--threads", "2"];
    check(&live, &["leave out --threads"]);
}
