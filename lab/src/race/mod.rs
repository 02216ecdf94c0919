//! `tailrace race`: the quick comparison. It finds out what each arm takes, sets two loads that
//! all of them can carry, runs the rounds, and says what can be said.

mod arms;
mod loads;
mod low;
pub mod saturate;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use tailrace_loadgen::account::Finding;
use tailrace_loadgen::folder::Folder;
use tailrace_loadgen::gauge::Gauge;
use tailrace_loadgen::race::Race;
use tailrace_loadgen::trial::Finished;
use tailrace_measure::record::{
    AuditSeal, Experiment, Manifest, Measurement, SCHEMA_VERSION, Summary,
};
use tailrace_measure::summary::summarize;
use tailrace_render::{RunData, TrialData};

use crate::child::Children;
use crate::cli::RaceArgs;
use crate::exit::Ended;
use crate::progress::Progress;
use crate::{interrupt, list, machine, printing, table};

/// Races and reports.
///
/// # Errors
/// An unknown pipeline, a server that does not start, or results that cannot be written.
pub fn run(arguments: &RaceArgs) -> anyhow::Result<Ended> {
    let surroundings = machine::Surroundings::look();
    let (arms, left_out) = arms::choose(arguments)?;
    let mut children = Children {
        server_cores: surroundings.server_cores.clone(),
        link_cores: surroundings.link_cores.clone(),
        redis: arguments.redis.clone(),
    };
    surroundings.stay_off_the_generators_core()?;
    let current = Arc::new(Mutex::new(None::<Arc<Gauge>>));
    let interrupted = interrupt::flag(stopper(&current))?;
    let findings = surroundings.findings();
    let cores = &surroundings.generator_cores;

    let high = loads::high_rate(arguments, &arms, &mut children, cores, &interrupted)?;
    let experiment = experiment(arguments, arms, left_out, high);
    let folder = folder(arguments)?;
    let manifest = manifest(&experiment, &folder, &surroundings, arguments)?;
    folder.write_manifest(&manifest)?;

    let race = Race {
        experiment: &experiment,
        faults: &arguments.faults,
        generator_cores: cores,
        findings: &findings,
        interrupted: &interrupted,
    };
    let mut progress = Progress::start(&experiment, current);
    let finished = race.run(&mut children, &folder, &mut progress)?;
    progress.finish();
    let cut_short = finished.iter().any(|f| f.trial.ended_early.is_some());
    let (manifest, summary) = conclude(&folder, manifest, finished)?;
    print(&manifest, &summary, &folder, arguments)?;
    Ok(ended(&summary, interrupted.load(Relaxed), cut_short))
}

/// What Ctrl-C does: the running trial ends, what it measured is kept.
fn stopper(current: &Arc<Mutex<Option<Arc<Gauge>>>>) -> impl FnOnce() + Send + 'static {
    let current = Arc::clone(current);
    move || {
        if let Some(gauge) = &*current.lock().unwrap_or_else(PoisonError::into_inner) {
            gauge.stop();
        }
    }
}

fn experiment(
    arguments: &RaceArgs,
    arms: Vec<tailrace_measure::record::Arm>,
    left_out: Vec<String>,
    high: Option<loads::High>,
) -> Experiment {
    let baseline = arms.iter().find(|arm| !arm.floor).map(|arm| arm.slug.clone());
    Experiment {
        name: "race".into(),
        question: "What does each way of ingesting cost, and how long do its slowest answers take?"
            .into(),
        seed: arguments.seed,
        rounds: arguments.rounds,
        baseline: baseline.unwrap_or_default(),
        loads: loads::of(arguments, &arms, high),
        arms,
        left_out,
        ..Experiment::default()
    }
}

/// `<utc date-time>-<experiment>-<short id>`.
fn folder(arguments: &RaceArgs) -> anyhow::Result<Folder> {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    let id = &crate::redis::fresh_run().to_string()[..6];
    Folder::create(arguments.results.join(format!("{time}-race-{id}")))
}

fn manifest(
    experiment: &Experiment,
    folder: &Folder,
    surroundings: &machine::Surroundings,
    arguments: &RaceArgs,
) -> anyhow::Result<Manifest> {
    let name = folder.path().file_name().map(|n| n.to_string_lossy().into_owned());
    let earlier = list::runs(&arguments.results)?.iter().filter(|r| r.contains("-race-")).count();
    Ok(Manifest {
        schema_version: SCHEMA_VERSION,
        tailrace_version: env!("CARGO_PKG_VERSION").into(),
        run: name.unwrap_or_default(),
        started_utc: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        command: machine::command(),
        experiment: experiment.clone(),
        machine: surroundings.machine(),
        build: machine::build()?,
        placement: surroundings.placement(),
        backends: arms::backends(arguments, experiment),
        attempts_before: u32::try_from(earlier.saturating_sub(1)).unwrap_or(u32::MAX),
    })
}

/// Summary, plots and report of what was measured.
fn conclude(
    folder: &Folder,
    manifest: Manifest,
    finished: Vec<Finished>,
) -> anyhow::Result<(Manifest, Summary)> {
    let trials: Vec<_> = finished.iter().map(|f| f.trial.clone()).collect();
    let summary = summarize(&manifest.run, &manifest.experiment, &trials);
    folder.write_summary(&summary)?;
    let trials = finished.into_iter().map(data).collect();
    let run = RunData { manifest, trials, summary };
    tailrace_render::render(&run, folder.path())?;
    Ok((run.manifest, run.summary))
}

fn data(finished: Finished) -> TrialData {
    let measured = finished.measured;
    TrialData {
        trial: finished.trial,
        ack: measured.ack,
        service: measured.service,
        lateness: measured.lateness,
        live: measured.live,
        slices: measured.slices,
    }
}

/// Prints the table, or JSON.
fn print(
    manifest: &Manifest,
    summary: &Summary,
    folder: &Folder,
    arguments: &RaceArgs,
) -> anyhow::Result<()> {
    if arguments.json {
        return printing::json(summary);
    }
    table::print(manifest, summary)?;
    let report = folder.path().join("report.html");
    Ok(printing::line(&format!("\nOpen {}", report.display()))?)
}

/// The worst of what happened decides the exit code.
fn ended(summary: &Summary, interrupted: bool, cut_short: bool) -> Ended {
    let rows = &summary.rows;
    if interrupted {
        Ended::Interrupted
    } else if rows.iter().any(|row| row.audit == AuditSeal::Broken) {
        Ended::BrokenAudit
    } else if rows.iter().any(|row| row.trials > 0 && row.trials_valid == 0) {
        Ended::InvalidMeasurement
    } else if cut_short || rows.iter().any(|row| !row.floor && row.audit == AuditSeal::NotAudited) {
        Ended::Failed
    } else {
        Ended::Fine
    }
}

/// Findings that make a trial SUSPECT whatever it measured.
pub(crate) fn suspect(sentence: &str) -> Finding {
    (Measurement::Suspect, sentence.to_owned())
}
