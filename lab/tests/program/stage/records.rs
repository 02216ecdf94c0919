//! What a race wrote, read by the program's own strict types, which refuse unknown fields.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde::de::DeserializeOwned;
use tailrace_measure::record::{
    Arm, AuditSeal, Experiment, Load, Manifest, Measurement, Summary, Trial,
};
use tempfile::TempDir;

use super::{run, tailrace, told};

/// A finished race.
pub(crate) struct Raced {
    pub(crate) output: Output,
    pub(crate) folder: PathBuf,
    pub(crate) results: TempDir,
}

/// Runs `tailrace race … --json` into a folder of its own.
pub(crate) fn race(arguments: &[&str]) -> Raced {
    let results = tempfile::tempdir().expect("a folder");
    let mut command = tailrace(["race", "--json", "--results"]);
    command.arg(results.path()).args(arguments);
    let output = run(&mut command);
    let folder = only_run(results.path()).unwrap_or_else(|| panic!("no run: {}", told(&output)));
    Raced { output, folder, results }
}

/// The one run of a results folder.
pub(crate) fn only_run(results: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(results).ok()?.map(|entry| entry.expect("an entry").path());
    // The site stands beside them.
    let mut runs = entries.filter(|entry| entry.join("manifest.json").exists());
    let run = runs.next();
    assert_eq!(runs.next(), None, "more than one run");
    run
}

pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

impl Raced {
    pub(crate) fn manifest(&self) -> Manifest {
        read(&self.folder.join("manifest.json"))
    }

    pub(crate) fn summary(&self) -> Summary {
        read(&self.folder.join("summary.json"))
    }

    pub(crate) fn trial_folder(&self, arm: &str, load: &str) -> PathBuf {
        self.folder.join("trials").join(arm).join(load).join("1")
    }

    pub(crate) fn trial(&self, arm: &str, load: &str) -> Trial {
        read(&self.trial_folder(arm, load).join("trial.json"))
    }

    /// Every trial on disk; each must account for all that was due.
    pub(crate) fn trials(&self) -> Vec<Trial> {
        let Experiment { arms, loads, .. } = self.manifest().experiment;
        let mut trials = Vec::new();
        for Arm { slug: arm, .. } in &arms {
            for Load { slug: load, .. } in &loads {
                if self.trial_folder(arm, load).join("trial.json").exists() {
                    trials.push(self.trial(arm, load));
                }
            }
        }
        for trial in &trials {
            let outcomes = [&trial.outcomes, &trial.ledger.outcomes];
            assert!(
                outcomes.iter().all(|o| o.balances()),
                "{} {}: {outcomes:?}",
                trial.arm,
                trial.load
            );
        }
        trials
    }

    /// The exit code that the seals on disk call for; the program must have ended with it.
    pub(crate) fn check_code(&self) -> i32 {
        let rows = self.summary().rows;
        let cut_short = self.trials().iter().any(|trial| trial.ended_early.is_some());
        let code = if rows.iter().any(|row| row.audit == AuditSeal::Broken) {
            5
        } else if rows.iter().any(|row| row.trials_valid == 0) {
            4
        } else {
            i32::from(cut_short)
        };
        assert_eq!(self.output.status.code(), Some(code), "{}", told(&self.output));
        code
    }

    /// A code that only a machine too busy to measure may replace by 4.
    pub(crate) fn expect_code(&self, expected: i32) {
        let code = self.check_code();
        let is_invalid = |trial: &Trial| trial.seals.measurement == Measurement::Invalid;
        let excused = code == 4 && self.trials().iter().any(is_invalid);
        assert!(code == expected || excused, "{code}: {}", told(&self.output));
    }
}
