//! `tailrace replay`: the same arms, loads, seed and due times once more, and a verdict that its
//! exit code repeats. What cannot be run as it was is refused before anything starts.

use std::path::Path;

use serde_json::{Value, json};
use tailrace_measure::record::{Experiment, Manifest, Reproduced, Reproduction, Trial};

use crate::spin::{HAS_A_CORE, refused_on_one_core};
use crate::stage::records::{Raced, race, read};
use crate::stage::{check_code, run, tailrace, told};

const SHORT: [&str; 9] =
    ["http1-memory", "--rounds", "1", "--rate", "300", "--high-rate", "500", "--window", "300ms"];

/// Due times and order of every trial, in the order of the disk.
fn plans(raced: &Raced, run: &Path) -> Vec<(String, String, u32, String)> {
    let Experiment { arms, loads, .. } = raced.manifest().experiment;
    let mut plans = Vec::new();
    for (arm, load) in arms.iter().flat_map(|arm| loads.iter().map(move |load| (arm, load))) {
        let file = run.join("trials").join(&arm.slug).join(&load.slug).join("1/trial.json");
        if file.exists() {
            let Trial { arm, load, order, schedule_sha256, .. } = read(&file);
            plans.push((arm, load, order, schedule_sha256));
        }
    }
    plans
}

#[test]
fn a_run_is_run_again_as_it_was_and_judged() {
    let spin = if *HAS_A_CORE { &["--spin"][..] } else { &[] };
    let raced = race(&[&SHORT[..], &["--arrivals", "ramp:1-3", "--seed", "77"], spin].concat());
    let mut command = tailrace(["replay", "latest", "--json", "--results"]);
    let output = run(command.arg(raced.results.path()));
    let judged: Reproduction = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", told(&output)));
    let then = raced.manifest();
    assert_eq!(judged.recorded, then.run);
    let folder = raced.results.path().join(&judged.again);
    let now: Manifest = read(&folder.join("manifest.json"));
    assert_eq!(now.experiment, then.experiment);
    assert!(now.experiment.loads.iter().all(|load| load.spin == *HAS_A_CORE));
    assert_eq!(now.attempts_before, 1);
    let plans_then = plans(&raced, &raced.folder);
    assert_eq!(plans_then.len(), 5);
    assert_eq!(plans(&raced, &folder), plans_then);
    assert!(folder.join("report.html").exists());
    // One round decides nothing.
    assert_eq!(judged.verdict, Reproduced::CannotTell, "{}", judged.sentence);
    assert!(!judged.sentence.is_empty() && judged.comparison.figures.len() == 8);
    assert_eq!(output.status.code(), Some(4), "{}", told(&output));
}

#[test]
fn what_cannot_be_run_as_it_was_is_refused_with_a_sentence() {
    let raced = race(&SHORT);
    let path = raced.folder.join("manifest.json");
    let manifest: Value = read(&path);
    let name = raced.folder.file_name().unwrap().to_str().unwrap();
    let refused = |change: &dyn Fn(&mut Value), code: i32, expect: &str| {
        let mut changed = manifest.clone();
        change(&mut changed);
        std::fs::write(&path, changed.to_string()).unwrap();
        let results = raced.results.path().to_str().unwrap();
        let (_, told) = check_code(&["replay", name, "--results", results], code);
        assert!(told.contains("cannot be replayed") && told.contains(expect), "{told}");
    };
    refused(&|m| m["schema_version"] = json!(1), 2, "has schema version 1");
    let arm =
        |m: &mut Value, pipeline: &str| m["experiment"]["arms"][1]["pipeline"] = json!(pipeline);
    refused(&|m| arm(m, "express-of-mine"), 2, "which is not known here");
    refused(&|m| m["experiment"]["arms"][0]["floor"] = json!(false), 2, "it has no floor");
    let mut spun = manifest.clone();
    spun["experiment"]["loads"][0]["spin"] = json!(true);
    std::fs::write(&path, spun.to_string()).unwrap();
    let results = raced.results.path().to_str().unwrap();
    refused_on_one_core(&["replay", name, "--results", results], "its generator spun on a core");
    let given = json!([{ "name": "redis", "description": "given", "private": false }]);
    refused(&|m| m["backends"] = given.clone(), 2, "give one like it with --redis");
    let runs = std::fs::read_dir(raced.results.path()).unwrap();
    let runs = runs.filter(|entry| entry.as_ref().unwrap().path().join("manifest.json").exists());
    assert_eq!(runs.count(), 1, "nothing was started");
}
