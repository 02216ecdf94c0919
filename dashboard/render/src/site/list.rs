//! The list of runs: enough of each to choose one, and the runs that cannot be read with the
//! reason.

use serde::Serialize;
use tailrace_measure::record::{
    AuditSeal, Judged, Judgment, Machine, Manifest, Measurement, Summary,
};

use super::listed::Listed;
use crate::table::judgment;

/// A run in the list.
pub type Entry = Listed<RunLine>;

/// What the list says of it.
#[derive(Debug, Clone, Serialize)]
pub struct RunLine {
    experiment: String,
    question: String,
    /// The primary figure's answer, or the first sentence, or what came of the expectations.
    answer: Option<String>,
    /// On what was expected, in declared order.
    verdicts: Vec<Judgment>,
    started_utc: String,
    machine: Machine,
    revision: String,
    debug_build: bool,
    arms: Vec<String>,
    rounds: u32,
    attempts_before: u32,
    /// Whether it has a bare echo: without one it stands beside no other run.
    floor: bool,
    measurement: Option<Measurement>,
    audit: Option<AuditSeal>,
    broken: Vec<String>,
}

impl Entry {
    /// A run with its records. `name` is its folder's.
    pub fn recorded(name: &str, manifest: &Manifest, summary: &Summary) -> Self {
        let experiment = &manifest.experiment;
        let broken = summary.rows.iter().filter(|row| row.audit == AuditSeal::Broken);
        let line = RunLine {
            experiment: experiment.name.clone(),
            question: experiment.question.clone(),
            answer: answer(summary),
            verdicts: summary.verdicts.iter().map(|judged| judged.verdict).collect(),
            started_utc: manifest.started_utc.clone(),
            machine: manifest.machine.clone(),
            revision: manifest.build.revision.clone(),
            debug_build: manifest.build.profile == "debug",
            arms: experiment.arms.iter().map(|arm| arm.slug.clone()).collect(),
            rounds: experiment.rounds,
            attempts_before: manifest.attempts_before,
            floor: experiment.arms.iter().any(|arm| arm.floor),
            measurement: summary.rows.iter().map(|row| row.measurement).max(),
            audit: worst_audit(summary),
            broken: broken.map(|row| row.arm.clone()).collect(),
        };
        Self::of(name, line)
    }
}

fn answer(summary: &Summary) -> Option<String> {
    let primary = summary.answer.as_ref().map(|answer| &answer.sentence);
    primary.or(summary.sentences.first()).cloned().or_else(|| judged(summary))
}

/// Of a run that compares nothing: `Every batch is acknowledged: confirmed.`
fn judged(summary: &Summary) -> Option<String> {
    let one = |judged: &Judged| {
        let verdict = judgment(judged.verdict).to_lowercase();
        format!("{}: {verdict}.", judged.expectation.that)
    };
    let told: Vec<String> = summary.verdicts.iter().map(one).collect();
    (!told.is_empty()).then(|| told.join(" "))
}

/// BROKEN if any is, else KEPT if any was kept: that the floor is not audited says nothing.
fn worst_audit(summary: &Summary) -> Option<AuditSeal> {
    let seals = || summary.rows.iter().filter(|row| !row.floor).map(|row| row.audit);
    [AuditSeal::Broken, AuditSeal::NotAudited, AuditSeal::Kept]
        .into_iter()
        .find(|seal| seals().any(|found| found == *seal))
}
