//! `tailrace run` by the real program: what comes with it is right, a small experiment is played
//! and judged, and mistakes are answered where they are.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tailrace_lab::run::shipped::SHIPPED;
use tailrace_measure::record::{Flush, Judgment, Manifest, Summary};

use crate::stage::records::{only_run, read};
use crate::stage::{check_code, run, tailrace, told};

/// A whole experiment that takes seconds.
const SMALL: &str = r#"question = "Does a flush for each answer cost anything?"
prediction = "It costs a system call."
about = "A test.\n\nTwo paragraphs."
rounds = 1
window = "400ms"
warm_up = "100ms"

[[arm]]
pipeline = "ws-memory"
flush = ["batch", "each"]

[[load]]
slug = "bursts"
rate = 1000
arrivals = "burst:10"

[primary]
figure = "cpu"
load = "bursts"

[[expect]]
that = "One round decides nothing"
figure = "cpu"
arm = "ws-memory-each"
against = "ws-memory-batch"
load = "bursts"
ratio = { above = 1 }

[[expect]]
that = "Nothing is lost"
arm = "ws-memory-each"
load = "bursts"
audit = "kept"
"#;

fn small(folder: &Path) -> String {
    let path = folder.join("small.toml");
    std::fs::write(&path, SMALL).unwrap();
    path.display().to_string()
}

#[test]
fn a_small_experiment_is_played_judged_and_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let (file, results) = (small(folder.path()), folder.path().join("results"));
    let mut command = tailrace(["run", &file, "--json", "--set", "load.rate=500", "--results"]);
    let output = run(command.arg(&results));
    assert!(output.status.success() || output.status.code() == Some(4), "{}", told(&output));
    let run = only_run(&results).unwrap();
    let name = run.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.contains("-small-"), "{name}");

    let manifest: Manifest = read(&run.join("manifest.json"));
    let experiment = manifest.experiment;
    assert_eq!(experiment.prediction, "It costs a system call.");
    assert_eq!(experiment.about, "A test.\n\nTwo paragraphs.");
    let source = experiment.source.unwrap();
    assert_eq!((&*source.file, &*source.set), ("small.toml", &["load.rate=500".to_owned()][..]));
    let slugs: Vec<&str> = experiment.arms.iter().map(|arm| &*arm.slug).collect();
    assert_eq!(slugs, ["floor", "ws-memory-batch", "ws-memory-each"]);
    assert_eq!(experiment.arms[2].flush, Flush::Each);

    let summary: Summary = read(&run.join("summary.json"));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, serde_json::to_value(&summary).unwrap(), "--json prints the summary");
    let verdicts: Vec<Judgment> = summary.verdicts.iter().map(|one| one.verdict).collect();
    assert_eq!(verdicts, [Judgment::CannotTell, Judgment::Confirmed], "{:?}", summary.verdicts);
    assert!(summary.answer.unwrap().sentence.starts_with("CPU per metric under `bursts` (500/s)"));
    let scheduled = summary.rows.iter().map(|row| row.scheduled).max();
    assert!(scheduled.is_none_or(|count| count == 0 || count == 200), "{scheduled:?}");

    for report in ["report.html", "report.md"] {
        let text = std::fs::read_to_string(run.join(report)).unwrap();
        for word in ["It costs a system call.", "CANNOT TELL", "CONFIRMED", "Nothing is lost"] {
            assert!(text.contains(word), "{word:?} is not in {report}");
        }
    }
}

#[test]
fn what_comes_with_the_program_is_what_is_in_the_folder_and_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../experiments");
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let names: BTreeSet<String> =
        files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let shipped: BTreeSet<String> = SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names, shipped);

    let (verified, _) = check_code(&["run", "--verify"], 0);
    let (listed, _) = check_code(&["run", "--list", "--json"], 0);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    for (index, (name, _)) in SHIPPED.iter().enumerate() {
        assert!(verified.contains(&format!("{name}: ")), "{name} is not in {verified}");
        let one = &listed[index];
        assert_eq!(one["name"], *name);
        assert!(one["question"].as_str().unwrap().ends_with('?'), "{one}");
        // Two minutes each is what the folder promises.
        assert!(one["estimated_s"].as_u64().unwrap() <= 120, "{one}");
    }
    let (all, _) = check_code(&["list", "--json"], 0);
    let all: Value = serde_json::from_str(&all).unwrap();
    assert_eq!(all["experiments"].as_array().unwrap().len(), SHIPPED.len());
}

#[test]
fn a_dry_run_says_what_would_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = small(folder.path());
    let (said, _) = check_code(&["run", &file, "--dry-run", "--rounds", "4", "--seed", "9"], 0);
    let expect = "small: Does a flush for each answer cost anything?

arm              pipeline   how
floor            floor      4 × 16, 1 a batch as JSON
ws-memory-batch  ws-memory  4 × 16, 1 a batch as JSON
ws-memory-each   ws-memory  4 × 16, 1 a batch as JSON, a flush an answer

load             rate       how
bursts           1 000/s    bursts of 10, warm-up 100 ms, window 400 ms

3 arms × 1 load × 4 rounds, about ";
    // Thin spaces part thousands.
    let said: String = said.chars().map(|c| if c == '\u{202f}' { ' ' } else { c }).collect();
    assert!(said.starts_with(expect), "{said}");
    assert!(said.trim_end().ends_with("; seed 9"), "{said}");
    let (json, _) = check_code(&["run", &file, "--dry-run", "--json"], 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["rounds"], &json["loads"][0]["rate_per_s"]), (&1.into(), &1000.0.into()));
    assert!(std::fs::read_dir(folder.path()).unwrap().count() == 1, "nothing was written");
}

#[test]
fn mistakes_end_with_code_2_and_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.toml");
    std::fs::write(&path, SMALL.replace("ws-memory\"\nflush", "ws-nemory\"\nflush")).unwrap();
    let wrong = path.display().to_string();
    for arguments in [&["run", &wrong][..], &["run", "--verify", "protocols", &wrong]] {
        let (_, said) = check_code(arguments, 2);
        for word in ["wrong.toml:9:12: ", "\"ws-nemory\"", "http1-memory", "ws-memory"] {
            assert!(said.contains(word), "{word:?} is not in {said}");
        }
    }
    let (_, said) = check_code(&["run", "protokols"], 2);
    assert!(said.contains("protocols") && said.contains("price-of-redis"), "{said}");
    let (_, said) = check_code(&["run"], 2);
    assert!(said.contains("--list"), "{said}");
    let (_, said) = check_code(&["run", "protocols", "--set", "round=1"], 2);
    assert!(said.contains("--set round=1") && said.contains("`rounds`"), "{said}");
    let (_, said) = check_code(&["run", "elsewhere/mine.toml"], 2);
    assert!(said.contains("cannot read elsewhere/mine.toml"), "{said}");
}
