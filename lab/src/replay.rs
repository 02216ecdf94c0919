//! `tailrace replay`: a recorded run once more, from its manifest: same arms, loads, rates, seed
//! and rounds, on this machine with this build. Whether it came out the same is told by the ratios
//! to the floor. What cannot be run as it was is refused before anything starts.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use tailrace_loadgen::folder::Folder;
use tailrace_measure::compare::Side;
use tailrace_measure::record::{
    Arrivals, Experiment, Manifest, Reproduced, Reproduction, SCHEMA_VERSION, SCHEMA_VERSION_LEAST,
    Trial,
};
use tailrace_measure::reproduce::reproduction;
use tailrace_measure::schedule;

use crate::cli::{FsyncArg, RedisArgs};
use crate::contestants::Contestants;
use crate::exit::{Ended, Fault};
use crate::machine::Surroundings;
use crate::play::{Stage, again, catalog};
use crate::{compare, list, printing, registry};

/// Arguments of `replay`.
#[derive(Debug, Args, Clone)]
pub struct ReplayArgs {
    /// A path, a unique beginning of a run's name, or `latest`
    #[arg(default_value = "latest")]
    pub run: String,
    /// Folder of recorded runs
    #[arg(long, default_value = "results", env = "TAILRACE_RESULTS")]
    pub results: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Redis for the redis pipelines; a private one writes to disk as the recorded one did
    #[command(flatten)]
    pub redis: RedisArgs,
    /// PostgreSQL for arms with such a store
    #[command(flatten)]
    pub postgres: crate::postgres::PostgresArgs,
}

/// Runs it again and judges.
///
/// # Errors
/// It cannot be run as it was: exit code 2, or 3 when something is missing; or a server does not
/// start.
pub fn run(arguments: &ReplayArgs) -> anyhow::Result<Ended> {
    let folder = list::find(&arguments.results, &arguments.run)?;
    let (then, trials) = recorded(&folder)?;
    let contestants = Contestants::look();
    let redis = redis_of(&then, &arguments.redis)?;
    let ReplayArgs { results, json, postgres, .. } = arguments;
    let stage = Stage {
        results,
        json: *json,
        redis: &redis,
        postgres,
        contestants: &contestants,
        faults: &[],
    };
    possible(&then, &trials, &stage)?;
    let experiment = Experiment {
        // As many as there were, however many it took to decide then.
        decide: false,
        ..then.experiment.clone()
    };
    let played = again(&experiment, &stage)?;
    let new: Vec<Trial> = played.run.trials.iter().map(|data| data.trial.clone()).collect();
    let side = |manifest, trials| Side { manifest, trials, arm: None };
    let judged = reproduction(side(&then, &trials), side(&played.run.manifest, &new));
    let judged = judged.map_err(|why| anyhow::anyhow!("it ran again, but: {why}"))?;
    tell(&judged, *json)?;
    Ok(match (played.ended, judged.verdict) {
        (Ended::Fine, Reproduced::Reproduced) => Ended::Fine,
        (Ended::Fine, Reproduced::NotReproduced) => Ended::Failed,
        (Ended::Fine, Reproduced::CannotTell) => Ended::InvalidMeasurement,
        (ended, _) => ended,
    })
}

/// What was asked and measured then.
fn recorded(folder: &Folder) -> anyhow::Result<(Manifest, Vec<Trial>)> {
    let path = folder.path().join("manifest.json");
    let version = version_of(&path)?;
    let readable = u64::from(SCHEMA_VERSION_LEAST)..=u64::from(SCHEMA_VERSION);
    if !version.is_some_and(|version| readable.contains(&version)) {
        let version = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
        return Err(refused(&format!(
            "{} has schema version {version}, and this program reads {SCHEMA_VERSION_LEAST} to \
             {SCHEMA_VERSION}; replay it with the version of the program that made it",
            path.display()
        )));
    }
    let manifest = folder.read_manifest()?;
    let stored = folder.read_trials(&manifest)?;
    Ok((manifest, stored.into_iter().map(|one| one.trial).collect()))
}

fn version_of(path: &Path) -> anyhow::Result<Option<u64>> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let json: serde_json::Value =
        serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))?;
    Ok(json["schema_version"].as_u64())
}

fn refused(why: &str) -> anyhow::Error {
    Fault::Usage(format!("cannot be replayed: {why}")).into()
}

/// Whether everything that was raced can be raced here as it was.
fn possible(then: &Manifest, trials: &[Trial], stage: &Stage<'_>) -> anyhow::Result<()> {
    let experiment = &then.experiment;
    if trials.is_empty() {
        return Err(refused(&format!("`{}` has no finished trial", then.run)));
    }
    if trials.iter().any(|trial| !trial.faults.is_empty()) {
        let command = then.command.join(" ");
        return Err(refused(&format!(
            "faults were made in it on purpose, and their moments are not those of a plan; make \
             them again with its command: {command}"
        )));
    }
    if !experiment.arms.iter().any(|arm| arm.floor) {
        return Err(refused(
            "it has no floor, and two runs are held against each other only by their ratios to it",
        ));
    }
    let unknown = experiment.arms.iter().find(|arm| {
        registry::find(&arm.pipeline).is_err() && stage.contestants.named(&arm.pipeline).is_none()
    });
    if let Some(arm) = unknown {
        return Err(refused(&format!(
            "the arm `{}` is the contestant `{}`, which is not known here; put its folder into \
             contestants/",
            arm.slug, arm.pipeline
        )));
    }
    for load in &experiment.loads {
        if let Arrivals::Replay(_) = load.arrivals {
            schedule::check(load).map_err(|why| refused(&why.to_string()))?;
        }
    }
    let spun = experiment.loads.iter().any(|load| load.spin);
    if spun && !Surroundings::look().server_is_alone() {
        return Err(refused(
            "its generator spun on a core of its own, and here it would share one with the server; \
             replay it where this process may use two cores",
        ));
    }
    let (_, left_out) =
        catalog::available(&experiment.arms, stage.redis, stage.postgres, stage.contestants);
    if !left_out.is_empty() {
        return Err(Fault::Missing(format!("cannot be replayed: {}", left_out.join("; "))).into());
    }
    Ok(())
}

/// The Redis that it takes: private and set as then, or given as then.
fn redis_of(then: &Manifest, given: &RedisArgs) -> anyhow::Result<RedisArgs> {
    let mut redis = given.clone();
    let Some(backend) = then.backends.iter().find(|backend| backend.name == "redis") else {
        return Ok(redis);
    };
    if backend.private == given.url.is_some() {
        return Err(refused(if backend.private {
            "its Redis was private, and this one is given; leave out --redis"
        } else {
            "its Redis was given by address; give one like it with --redis"
        }));
    }
    let fsyncs = [FsyncArg::No, FsyncArg::Everysec, FsyncArg::Always];
    let named = |fsync: &FsyncArg| {
        let name = format!("{fsync:?}").to_lowercase();
        backend.description.contains(&format!("appendfsync {name},"))
    };
    redis.fsync = fsyncs.into_iter().find(named).unwrap_or(redis.fsync);
    Ok(redis)
}

fn tell(judged: &Reproduction, json: bool) -> anyhow::Result<()> {
    if json {
        printing::json(judged)?;
        return Ok(());
    }
    printing::line("")?;
    compare::print(&judged.comparison)?;
    for note in &judged.notes {
        printing::line(&format!("! {note}"))?;
    }
    printing::line(&format!("\n{}", judged.sentence))?;
    Ok(())
}
