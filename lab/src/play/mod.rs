//! Plays an experiment, wherever it came from: finds out what each arm takes where a rate depends
//! on it, runs the rounds, and says what can be said. `race`, `run` and
//! `replay` differ only in where the definition comes from. Read `catalog.rs` for what can run here, `rates.rs` for the rates.

pub mod catalog;
mod conclude;
pub mod rates;

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use tailrace_loadgen::account::Finding;
use tailrace_loadgen::experiment::Definition;
use tailrace_loadgen::faults;
use tailrace_loadgen::folder::Folder;
use tailrace_loadgen::gauge::Gauge;
use tailrace_loadgen::race::Race;
use tailrace_measure::record::{Arm, Experiment, Load, Manifest, Measurement, SCHEMA_VERSION};

use crate::child::Children;
use crate::cli::RedisArgs;
use crate::contestants::Contestants;
use crate::exit::{Ended, Fault};
use crate::machine::Surroundings;
use crate::postgres::PostgresArgs;
use crate::progress::Progress;
use crate::{interrupt, list, machine, pacing};

pub use conclude::Played;

/// Where and with what it is played.
#[derive(Debug, Clone, Copy)]
pub struct Stage<'a> {
    /// Folder of recorded runs.
    pub results: &'a Path,
    /// Print the summary as JSON instead of the table.
    pub json: bool,
    /// Redis for the redis pipelines.
    pub redis: &'a RedisArgs,
    /// PostgreSQL for arms with such a store.
    pub postgres: &'a PostgresArgs,
    /// Servers of others that arms may name.
    pub contestants: &'a Contestants,
    /// Faults of every trial but the floor's.
    pub faults: &'a [faults::Fault],
}

/// Plays and reports.
///
/// # Errors
/// No arm can run here, a server does not start, or results cannot be written.
pub fn play(definition: &Definition, stage: &Stage<'_>) -> anyhow::Result<Ended> {
    pacing::beside_servers(definition.loads.iter().any(|load| load.spin), &Surroundings::look())?;
    let faults = [stage.faults, &definition.faults].concat();
    let stage = &Stage { faults: &faults, ..*stage };
    let played = perform(&definition.arms, stage, |prober, arms, left_out| {
        let loads = prober.resolve(definition, &arms)?;
        let faults = faults.iter().map(ToString::to_string).collect();
        Ok(Experiment { faults, ..experiment(definition, arms, loads, left_out) })
    })?;
    conclude::tell(&played, stage)?;
    Ok(played.ended)
}

/// Plays what was resolved before, with the same rates. Without `json` it reports as [`play`]
/// does; with it, whoever asked has more to say and prints all of it.
///
/// # Errors
/// As [`play`].
pub fn again(recorded: &Experiment, stage: &Stage<'_>) -> anyhow::Result<Played> {
    let played = perform(&recorded.arms, stage, |_, arms, left_out| {
        Ok(Experiment { arms, left_out, ..recorded.clone() })
    })?;
    if stage.json {
        conclude::publish(&played, stage);
    } else {
        conclude::tell(&played, stage)?;
    }
    Ok(played)
}

/// Runs all rounds of what `resolve` makes of the arms that can run here, and writes everything.
fn perform(
    arms: &[Arm],
    stage: &Stage<'_>,
    resolve: impl FnOnce(rates::Prober<'_>, Vec<Arm>, Vec<String>) -> anyhow::Result<Experiment>,
) -> anyhow::Result<Played> {
    let (arms, left_out) = catalog::available(arms, stage.redis, stage.postgres, stage.contestants);
    if arms.iter().all(|arm| arm.floor) {
        return Err(Fault::Missing(format!("no arm can run here: {}", left_out.join("; "))).into());
    }
    for line in &left_out {
        eprintln!("left out: {line}");
    }
    let contestants = stage.contestants.prepare(&arms)?;
    let surroundings = Surroundings::look();
    let mut children = Children {
        server_cores: surroundings.server_cores.clone(),
        link_cores: surroundings.link_cores.clone(),
        redis: stage.redis.clone(),
        postgres: stage.postgres.clone(),
        contestants: stage.contestants.clone(),
    };
    surroundings.stay_off_the_generators_core()?;
    let current = Arc::new(Mutex::new(None::<Arc<Gauge>>));
    let interrupted = interrupt::flag(stopper(&current))?;
    let findings = surroundings.findings();

    let prober = rates::Prober {
        children: &mut children,
        cores: &surroundings.generator_cores,
        interrupted: &interrupted,
    };
    let experiment = resolve(prober, arms, left_out)?;
    let folder = folder(&experiment.name, stage.results)?;
    let mut manifest = manifest(&experiment, &folder, &surroundings, stage)?;
    manifest.contestants = contestants;
    folder.write_manifest(&manifest)?;

    let race = Race {
        experiment: &experiment,
        faults: stage.faults,
        generator_cores: &surroundings.generator_cores,
        findings: &findings,
        interrupted: &interrupted,
    };
    let mut progress = Progress::start(&experiment, current);
    let finished = race.run(&mut children, &folder, &mut progress)?;
    progress.finish();
    if experiment.decide {
        // How many rounds it takes is known now.
        let ran = finished.iter().map(|one| one.trial.round).max();
        manifest.experiment.rounds = ran.unwrap_or_default().max(experiment.rounds);
        folder.write_manifest(&manifest)?;
    }
    conclude::conclude(folder, manifest, finished, interrupted.load(Relaxed))
}

/// What Ctrl-C does: the running trial ends, what it measured is kept.
pub(crate) fn stopper(current: &Arc<Mutex<Option<Arc<Gauge>>>>) -> impl FnOnce() + Send + 'static {
    let current = Arc::clone(current);
    move || {
        if let Some(gauge) = &*current.lock().unwrap_or_else(PoisonError::into_inner) {
            gauge.stop();
        }
    }
}

/// What was asked, as it turned out to be possible.
fn experiment(
    definition: &Definition,
    arms: Vec<Arm>,
    loads: Vec<Load>,
    left_out: Vec<String>,
) -> Experiment {
    let Definition { name, question, prediction, about, source, .. } = definition.clone();
    Experiment {
        name,
        question,
        prediction,
        about,
        source,
        seed: definition.seed,
        rounds: definition.rounds,
        decide: definition.decide,
        baseline: definition.baseline.clone(),
        faults: Vec::new(),
        arms,
        loads,
        primary: definition.primary.clone(),
        expectations: definition.expectations.clone(),
        left_out,
    }
}

/// `<utc date-time>-<experiment>-<short id>`.
pub(crate) fn folder(name: &str, results: &Path) -> anyhow::Result<Folder> {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    let id = &crate::redis::fresh_run().to_string()[..6];
    Folder::create(results.join(format!("{time}-{name}-{id}")))
}

/// The experiment in a run's name: without time and id.
fn experiment_of(run: &str) -> Option<&str> {
    run.get("2026-11-21T09-00-00Z-".len()..)?.rsplit_once('-').map(|(name, _)| name)
}

pub(crate) fn manifest(
    experiment: &Experiment,
    folder: &Folder,
    surroundings: &Surroundings,
    stage: &Stage<'_>,
) -> anyhow::Result<Manifest> {
    let run = folder.path().file_name().map(|n| n.to_string_lossy().into_owned());
    let run = run.unwrap_or_default();
    // This run's folder is there already and has no manifest yet.
    let runs = list::runs(stage.results)?;
    let earlier = runs.iter().filter(|run| experiment_of(run) == Some(&experiment.name)).count();
    Ok(Manifest {
        schema_version: SCHEMA_VERSION,
        tailrace_version: env!("CARGO_PKG_VERSION").into(),
        run,
        started_utc: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        command: machine::command(),
        experiment: experiment.clone(),
        machine: surroundings.machine(),
        build: machine::build()?,
        placement: surroundings.placement(),
        backends: catalog::backends(
            &experiment.arms,
            stage.redis,
            stage.postgres,
            stage.contestants,
        ),
        contestants: Vec::new(),
        attempts_before: u32::try_from(earlier).unwrap_or(u32::MAX),
    })
}

/// Findings that make a trial SUSPECT whatever it measured.
pub(crate) fn suspect(sentence: &str) -> Finding {
    (Measurement::Suspect, sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_experiment_are_counted_by_its_whole_name() {
        assert_eq!(
            experiment_of("2026-11-21T09-00-00Z-price-of-redis-3f9a1c"),
            Some("price-of-redis")
        );
        assert_eq!(experiment_of("2026-11-21T09-00-00Z-race-3f9a1c"), Some("race"));
        assert_eq!(experiment_of("elsewhere"), None);
    }
}
