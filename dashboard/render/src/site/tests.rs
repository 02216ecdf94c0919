//! A whole site of the fixture: what stands in its scripts, how large they are, what is copied.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tailrace_measure::record::{AuditSeal, Measurement, QUANTILES};

use super::buckets::tests::unpacked;
use super::{Charts, Entry, RUN_BYTES_MAX, Site, place};
use crate::{RunData, fixture};

const NAME: &str = "2026-03-01T10-00-00Z-race-3f9a1c";

/// The data of a run, as its script gives it to a page.
fn written(run: &RunData) -> (String, Value) {
    let (out, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Site::at(out.path().to_owned()).write_run(NAME, run, from.path()).unwrap();
    let script = fs::read_to_string(out.path().join("data").join(format!("{NAME}.js"))).unwrap();
    let value = value_of(&script);
    (script, value)
}

pub(super) fn value_of(script: &str) -> Value {
    let (_, json) = script.split_once(" = ").unwrap();
    serde_json::from_str(json.trim_end().trim_end_matches(';')).unwrap()
}

/// The rank rule of the records, on what a page gets.
fn quantile(spectrum: &Value, q: f64) -> Option<u64> {
    let pairs = unpacked(spectrum["buckets"].as_str().unwrap());
    let recorded: u64 = pairs.iter().map(|(_, count)| count).sum();
    let n = recorded + spectrum["unanswered"].as_u64().unwrap();
    let rank = ((q * n as f64 * (1.0 - 1e-12)).ceil() as u64).min(n);
    let mut seen = 0;
    pairs.iter().find(|(_, count)| (seen += count, seen >= rank).1).map(|(value, _)| *value)
}

/// Every recorded percentile of every trial comes out of the buckets again.
fn check_percentiles(run: &RunData, data: &Value) {
    for (trial, data) in run.trials.iter().zip(data["trials"].as_array().unwrap()) {
        assert_eq!(data["arm"], trial.trial.arm);
        for q in QUANTILES {
            let latencies = &trial.trial.latencies;
            assert_eq!(quantile(&data["ack"], q), latencies.ack.ns_at(q), "ack {q}");
            assert_eq!(quantile(&data["lateness"], q), latencies.lateness.ns_at(q), "lateness {q}");
        }
    }
}

#[test]
fn a_page_gets_every_percentile_and_stays_small() {
    let run = fixture::run();
    let (script, data) = written(&run);
    check_percentiles(&run, &data);
    assert!(script.len() <= RUN_BYTES_MAX, "{}", script.len());
    let live = data["trials"].as_array().unwrap().iter().filter(|trial| !trial["live"].is_null());
    assert_eq!(live.count(), 15);
    assert_eq!(data["manifest"]["run"], run.manifest.run);
    let invalid = run.trials.iter().filter(|t| t.trial.seals.measurement == Measurement::Invalid);
    let told = data["trials"].as_array().unwrap().iter().filter(|t| t["measurement"] == "INVALID");
    assert_eq!(told.clone().count(), invalid.count());
    assert!(told.clone().all(|trial| !trial["checks"].as_array().unwrap().is_empty()));
    let faults = data["trials"].as_array().unwrap().iter().filter_map(|t| t["faults"].as_array());
    assert_eq!(faults.map(Vec::len).sum::<usize>(), 2);
    check_large(run);
}

/// Twice as many trials are as small, and their percentiles as exact.
fn check_large(mut run: RunData) {
    let once = run.trials.clone();
    run.trials.extend(once);
    let (script, data) = written(&run);
    assert!(script.len() <= RUN_BYTES_MAX, "{}", script.len());
    assert!(data["coarseness"].as_u64().unwrap() > 0);
    check_percentiles(&run, &data);
}

#[test]
fn names_from_results_are_only_ever_text() {
    let mut run = fixture::unmeasured();
    let hostile = "</script><img src=x onerror=alert(1)>";
    run.manifest.experiment.question = hostile.into();
    run.manifest.experiment.arms[1].slug = hostile.into();
    let (script, data) = written(&run);
    assert!(!script.contains('<'));
    assert_eq!(data["manifest"]["experiment"]["question"], hostile);
}

#[test]
fn the_list_has_the_newest_first_and_what_cannot_be_read() {
    let out = tempfile::tempdir().unwrap();
    let site = Site::at(out.path().to_owned());
    let mut run = fixture::unmeasured();
    run.summary.rows[1].audit = AuditSeal::Broken;
    run.summary.rows[2].measurement = Measurement::Suspect;
    let entries = [
        Entry::unreadable("old", "of another version".into()),
        Entry::recorded(NAME, &run.manifest, &run.summary),
    ];
    let charts = Charts::Missing("npm is not installed".into());
    site.write_list(&entries, &[], &charts).unwrap();
    let script = fs::read_to_string(out.path().join("data/runs.js")).unwrap();
    let list = value_of(&script);
    assert_eq!(list["runs"][0]["name"], NAME);
    assert_eq!(list["runs"][0]["audit"], "BROKEN");
    assert_eq!(list["runs"][0]["measurement"], "SUSPECT");
    assert_eq!(list["runs"][1]["problem"], "of another version");
    assert_eq!(list["charts"]["missing"], "npm is not installed");
}

/// Folder `from` with the files of a run and some that are none.
fn run_folder(from: &Path) {
    let trial = from.join("trials/ws-memory/low/1");
    fs::create_dir_all(&trial).unwrap();
    for name in ["summary.json", "report.html", "notes.txt", ".hidden.json"] {
        fs::write(from.join(name), name).unwrap();
    }
    fs::write(trial.join("ack.hlog"), "ack").unwrap();
    std::os::unix::fs::symlink("/proc/self/environ", from.join("link.json")).unwrap();
}

#[test]
fn a_runs_files_are_copied_and_nothing_else_is() {
    let (out, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run_folder(from.path());
    let site = Site::at(out.path().to_owned());
    site.write_run(NAME, &fixture::unmeasured(), from.path()).unwrap();
    let script = fs::read_to_string(out.path().join("data").join(format!("{NAME}.js"))).unwrap();
    let files = ["report.html", "summary.json", "trials/ws-memory/low/1/ack.hlog"];
    assert_eq!(value_of(&script)["files"], serde_json::json!(files));
    for file in files {
        assert!(out.path().join("files").join(NAME).join(file).is_file(), "{file}");
    }
    assert!(!out.path().join("files").join(NAME).join("link.json").exists());
}

#[test]
fn data_is_fresh_until_the_summary_changes() {
    let (out, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run_folder(from.path());
    let site = Site::at(out.path().to_owned());
    assert!(!site.is_fresh(NAME, from.path()));
    site.write_run(NAME, &fixture::unmeasured(), from.path()).unwrap();
    assert!(site.is_fresh(NAME, from.path()));
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    let summary = fs::File::options().append(true).open(from.path().join("summary.json")).unwrap();
    summary.set_modified(later).unwrap();
    assert!(!site.is_fresh(NAME, from.path()));
}

#[test]
fn pages_ask_no_other_host_and_have_a_policy() {
    let out = tempfile::tempdir().unwrap();
    Site::at(out.path().to_owned()).write_pages().unwrap();
    for page in ["index.html", "run.html", "compare.html", "calibration.html"] {
        let text = fs::read_to_string(out.path().join(page)).unwrap();
        assert!(text.contains("Content-Security-Policy") && !text.contains("//"), "{page}");
        let scripts = text.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let sheets = text.split("rel=\"stylesheet\" href=\"").skip(1);
        let sheets = sheets.filter_map(|rest| rest.split('"').next());
        for path in scripts.chain(sheets) {
            assert!(out.path().join(path).is_file(), "{page} wants {path}");
        }
    }
}

#[test]
fn places_are_safe_and_differ() {
    assert_eq!(place("2026-11-21T04-02-56Z-race-546b19"), "2026-11-21T04-02-56Z-race-546b19");
    assert_eq!(place("../a b"), "_2e._2fa_20b");
    assert_ne!(place("a_2e"), place("a."));
    assert_eq!(place("ü"), "_c3_bc");
}
