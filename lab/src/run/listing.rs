//! `tailrace run --list` and `--verify`: which experiments there are, how long they take, what
//! they lack here, and whether their files are right.

use serde::Serialize;
use tailrace_loadgen::experiment::{Definition, estimate_ms, read};

use super::{RunArgs, contestants, definition, shipped};
use crate::cli::RedisArgs;
use crate::columns::{self, Line};
use crate::contestants::Contestants;
use crate::exit::{Ended, Fault};
use crate::play::catalog::{available, with_contestants};
use crate::printing;

/// One experiment in a list.
#[derive(Debug, Serialize)]
struct Listed {
    /// What to run it by.
    name: String,
    /// In one sentence.
    question: String,
    /// Arms, the floor included.
    arms: usize,
    /// About how long it takes, seconds.
    estimated_s: u64,
    /// Arms that cannot run here, each with one line that says how to get them.
    missing: Vec<String>,
}

fn listed(
    name: String,
    definition: &Definition,
    arguments: &RunArgs,
    contestants: &Contestants,
) -> Listed {
    let (_, missing) =
        available(&definition.arms, &arguments.redis, &arguments.postgres, contestants);
    Listed {
        name,
        question: definition.question.clone(),
        arms: definition.arms.len(),
        estimated_s: estimate_ms(definition).div_ceil(1_000),
        missing,
    }
}

/// Name and question of every experiment whose file is right.
pub fn questions(redis: &RedisArgs, contestants: &Contestants) -> Vec<(String, String)> {
    let catalog = with_contestants(redis, contestants);
    let right = shipped::names().into_iter().filter_map(|name| {
        let found = shipped::find(&name).ok()?;
        Some((name, read(&found.file, &found.text, &[], &catalog).ok()?.question))
    });
    right.collect()
}

/// Prints every experiment.
///
/// # Errors
/// A file of this folder is wrong.
pub(super) fn list(arguments: &RunArgs) -> anyhow::Result<Ended> {
    let contestants = contestants();
    let catalog = with_contestants(&arguments.redis, &contestants);
    let mut experiments = Vec::new();
    for name in shipped::names() {
        let definition = definition(&shipped::find(&name)?, arguments, &catalog)?;
        experiments.push(listed(name, &definition, arguments, &contestants));
    }
    if arguments.json {
        printing::json(&experiments)?;
        return Ok(Ended::Fine);
    }
    let headings = ["experiment", "arms", "takes", "question"];
    let mut lines = vec![Line::Cells(headings.map(str::to_owned).to_vec())];
    lines.extend(experiments.iter().map(|one| {
        let (arms, takes) = (one.arms.to_string(), duration(one.estimated_s));
        Line::Cells(vec![one.name.clone(), arms, takes, one.question.clone()])
    }));
    printing::line(&columns::align_left(&lines))?;
    for one in experiments.iter().filter(|one| !one.missing.is_empty()) {
        printing::line(&format!("! {}: {}", one.name, one.missing.join("; ")))?;
    }
    Ok(Ended::Fine)
}

/// Checks the given files, or all there are, and tells every mistake.
///
/// # Errors
/// Standard output is closed, or a file is wrong: exit code 2.
pub(super) fn verify(arguments: &RunArgs) -> anyhow::Result<Ended> {
    let names = if arguments.experiments.is_empty() {
        shipped::names()
    } else {
        arguments.experiments.clone()
    };
    let catalog = with_contestants(&arguments.redis, &contestants());
    let mut wrong = Vec::new();
    for name in names {
        match shipped::find(&name).and_then(|found| definition(&found, arguments, &catalog)) {
            Ok(definition) => printing::line(&format!("{name}: {}", size(&definition)))?,
            Err(fault) => wrong.push(fault.to_string()),
        }
    }
    if wrong.is_empty() { Ok(Ended::Fine) } else { Err(Fault::Usage(wrong.join("\n")).into()) }
}

/// `9 arms × 2 loads × 3 rounds, about 2 min 5 s`.
pub(super) fn size(definition: &Definition) -> String {
    let (arms, loads) = (definition.arms.len(), definition.loads.len());
    let takes = duration(estimate_ms(definition).div_ceil(1_000));
    let count = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    let (arms, loads) = (count(arms, "arm"), count(loads, "load"));
    let more = match definition.rounds_max() {
        most if most > definition.rounds => format!(" (up to {most} until it is decided)"),
        _ => String::new(),
    };
    let rounds = count(definition.rounds as usize, "round");
    format!("{arms} × {loads} × {rounds}{more}, about {takes}")
}

fn duration(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
