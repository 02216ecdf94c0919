//! `tailrace list` and `tailrace schema`: what there is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;
use tailrace_loadgen::folder::Folder;

use crate::choices::Choices;
use crate::cli::{ListArgs, SchemaArgs};
use crate::contestants::{Contestants, Listed};
use crate::exit::{Ended, Fault};
use crate::printing;
use crate::registry::PIPELINES;
use crate::run::questions;

/// An experiment that `run` knows.
#[derive(Serialize)]
struct Experiment {
    name: String,
    question: String,
}

#[derive(Serialize)]
struct Listing {
    pipelines: Vec<&'static str>,
    choices: Choices,
    contestants: Vec<Listed>,
    experiments: Vec<Experiment>,
    runs: Vec<String>,
}

/// Lists pipelines, experiments and recorded runs, the newest last.
///
/// # Errors
/// The folder of runs cannot be read.
pub fn run(arguments: &ListArgs) -> anyhow::Result<Ended> {
    let pipelines = PIPELINES.iter().map(|pipeline| pipeline.name).collect();
    let contestants = Contestants::look();
    let redis = &arguments.redis;
    let experiments = questions(redis, &contestants).into_iter();
    let experiments = experiments.map(|(name, question)| Experiment { name, question }).collect();
    let runs = runs(&arguments.results)?;
    let (choices, contestants_here) = (Choices::known(), contestants.listed(redis));
    let listing = Listing { pipelines, choices, contestants: contestants_here, experiments, runs };
    if arguments.json {
        printing::json(&listing)?;
        return Ok(Ended::Fine);
    }
    printing::line(&format!("pipelines: {}", listing.pipelines.join(", ")))?;
    for contestant in &listing.contestants {
        printing::line(&contestant.line())?;
    }
    for fault in contestants.faults() {
        printing::line(&format!("no contestant: {fault}"))?;
    }
    let names: Vec<&str> = listing.experiments.iter().map(|one| one.name.as_str()).collect();
    printing::line(&format!("experiments: {} (tailrace run --list)", names.join(", ")))?;
    if listing.runs.is_empty() {
        printing::line(&format!("no runs in {}", arguments.results.display()))?;
    }
    for run in &listing.runs {
        printing::line(run)?;
    }
    Ok(Ended::Fine)
}

/// Names of the recorded runs: folders with a manifest, oldest first.
///
/// # Errors
/// The folder exists and cannot be read.
pub fn runs(results: &Path) -> anyhow::Result<Vec<String>> {
    if !results.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(results).with_context(|| results.display().to_string())? {
        let entry = entry?;
        if entry.path().join("manifest.json").exists() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The folder of a run given by path, unique beginning, or `latest`.
///
/// # Errors
/// None or several fit; the message names them.
pub fn find(results: &Path, run: &str) -> anyhow::Result<Folder> {
    if Path::new(run).join("manifest.json").exists() {
        return Ok(Folder::open(PathBuf::from(run)));
    }
    let known = runs(results)?;
    let fitting: Vec<&String> = match run {
        "latest" => known.last().into_iter().collect(),
        _ => known.iter().filter(|name| name.starts_with(run)).collect(),
    };
    match fitting[..] {
        [name] => Ok(Folder::open(results.join(name))),
        [] => Err(Fault::Usage(format!(
            "no run {run:?} in {}; `tailrace list` shows those that are there",
            results.display()
        ))
        .into()),
        _ => Err(Fault::Usage(format!("{run:?} fits {} runs; say more", fitting.len())).into()),
    }
}

/// Prints or writes the JSON Schemas of the result files.
///
/// # Errors
/// The folder cannot be written, or standard output is closed.
pub fn schema(arguments: &SchemaArgs) -> anyhow::Result<Ended> {
    for (name, schema) in tailrace_measure::schema::schemas() {
        match &arguments.out {
            None => printing::json(&schema)?,
            Some(folder) => {
                fs::create_dir_all(folder)?;
                let path = folder.join(format!("{name}.schema.json"));
                let mut text = serde_json::to_string_pretty(&schema)?;
                text.push('\n');
                fs::write(&path, text).with_context(|| path.display().to_string())?;
            }
        }
    }
    Ok(Ended::Fine)
}
