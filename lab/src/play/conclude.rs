//! The end of a run: summary, plots, report and page of what was measured, the table, the exit
//! code.

use tailrace_loadgen::folder::Folder;
use tailrace_loadgen::trial::Finished;
use tailrace_measure::record::{AuditSeal, ContestantInfo, Manifest, Row, Summary};
use tailrace_measure::summary::summarize;
use tailrace_render::{RunData, TrialData};

use super::Stage;
use crate::exit::Ended;
use crate::{printing, site, table};

/// A run that has ended and is on disk.
pub struct Played {
    /// What was asked and measured.
    pub run: RunData,
    /// How it ended.
    pub ended: Ended,
    folder: Folder,
}

/// Sums up, draws, and says how it ended.
///
/// # Errors
/// The disk refuses.
pub(super) fn conclude(
    folder: Folder,
    manifest: Manifest,
    finished: Vec<Finished>,
    interrupted: bool,
) -> anyhow::Result<Played> {
    let trials: Vec<_> = finished.iter().map(|f| f.trial.clone()).collect();
    let summary = summarize(&manifest.run, &manifest.experiment, &trials);
    folder.write_summary(&summary)?;
    let drawn = finished.into_iter().map(data).collect();
    let run = RunData { manifest, trials: drawn, summary };
    tailrace_render::render(&run, folder.path())?;
    let cut_short = trials.iter().any(|trial| trial.ended_early.is_some());
    let ended = ended(&run.manifest, &run.summary, interrupted, cut_short);
    Ok(Played { run, ended, folder })
}

/// Prints the summary, and makes the page, which may take npm a while.
///
/// # Errors
/// Standard output is closed.
pub(super) fn tell(played: &Played, stage: &Stage<'_>) -> anyhow::Result<()> {
    let Played { run, folder, .. } = played;
    if stage.json {
        printing::json(&run.summary)?;
    } else {
        table::print(&run.manifest, &run.summary)?;
    }
    let page = publish(played, stage);
    if !stage.json {
        printing::line(&open(folder, page.as_deref()))?;
    }
    Ok(())
}

/// Makes the page of the run; its address.
pub(super) fn publish(played: &Played, stage: &Stage<'_>) -> Option<String> {
    // Whoever wants to end does not wait for npm.
    let with_npm = played.ended != Ended::Interrupted;
    site::page_of(stage.results, &played.run.manifest.run, with_npm)
}

fn data(finished: Finished) -> TrialData {
    let measured = finished.measured;
    TrialData {
        trial: finished.trial,
        ack: measured.ack,
        service: measured.service,
        lateness: measured.lateness,
        live: measured.live.map(|seen| seen.histogram),
        durable: measured.durable.map(|seen| seen.histogram),
        slices: measured.slices,
    }
}

/// What to open: the page among all runs, and the report in one file.
fn open(folder: &Folder, page: Option<&str>) -> String {
    let report = folder.path().join("report.html");
    match page {
        Some(page) => format!("\nOpen {page}\n  or {} (one file)", report.display()),
        None => format!("\nOpen {}", report.display()),
    }
}

/// The worst of what happened decides the exit code. A refuted expectation is an answer.
fn ended(manifest: &Manifest, summary: &Summary, interrupted: bool, cut_short: bool) -> Ended {
    let rows = &summary.rows;
    // Whose file says that there is no audit, has not failed at one.
    let exempt = |row: &Row| {
        let arm = manifest.experiment.arms.iter().find(|arm| arm.slug == row.arm);
        let of = |one: &&ContestantInfo| arm.is_some_and(|arm| arm.pipeline == one.name);
        manifest.contestants.iter().find(of).is_some_and(|one| one.not_audited.is_some())
    };
    let unaudited = |row: &Row| row.audit == AuditSeal::NotAudited && !row.floor && !exempt(row);
    if interrupted {
        Ended::Interrupted
    } else if rows.iter().any(|row| row.audit == AuditSeal::Broken) {
        Ended::BrokenAudit
    } else if rows.iter().any(|row| row.trials > 0 && row.trials_valid == 0) {
        Ended::InvalidMeasurement
    } else if cut_short || rows.iter().any(unaudited) {
        Ended::Failed
    } else {
        Ended::Fine
    }
}
