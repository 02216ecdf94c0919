//! What a search found: sentence, table, `capacity.json`, `capacity.csv`, `capacity.svg`.

use std::fmt::Write as _;

use tailrace_loadgen::capacity::Found;
use tailrace_loadgen::folder::{Folder, write, write_json};
use tailrace_measure::record::{
    Capacity, CapacityAnswer, CapacityRung, CapacityTrial, CapacityVerdict,
};
use tailrace_measure::statistics::median_f64;
use tailrace_measure::wording::{figure, percent};
use tailrace_render::format::{count, latency};

use crate::columns::{self, Line};
use crate::printing;

/// Writes the files and prints.
///
/// # Errors
/// The disk refuses, or standard output is closed.
pub(super) fn show(capacity: &Capacity, folder: &Folder, json: bool) -> anyhow::Result<()> {
    write_json(&folder.path().join("capacity.json"), capacity)?;
    write(&folder.path().join("capacity.csv"), csv(capacity).as_bytes())?;
    let picture = tailrace_render::render_capacity(capacity, folder.path())?;
    if json {
        return printing::json(capacity);
    }
    printing::line(&columns::align(&lines(capacity)))?;
    printing::line(&format!("\n{}\n\nOpen {}", capacity.sentence, picture.display()))?;
    Ok(())
}

/// The answer in words.
pub(super) fn sentence(
    arm: &str,
    objectives: &[String],
    found: &Found,
    rungs: &[CapacityRung],
) -> String {
    let with = objectives.join(", ");
    // An endpoint takes whatever was described.
    let unit = if arm.contains("://") { "requests" } else { "batches" };
    let rate = |rate: Option<f64>| rate.map_or_else(|| "?".into(), |rate| count(rate as u64));
    let (passed, failed) = (rate(found.passed_per_s), rate(found.failed_per_s));
    let of = |rate: Option<f64>, verdict| {
        let same = |rung: &&CapacityRung| rate.is_some_and(|r| (rung.rate_per_s - r).abs() < 1e-6);
        let trials = rungs.iter().find(same).map_or(&[][..], |rung| &rung.trials);
        (trials.iter().filter(|trial| trial.verdict == verdict).count(), decided(trials))
    };
    match found.answer {
        CapacityAnswer::Between => {
            let (failures, trials) = of(found.failed_per_s, CapacityVerdict::Failed);
            format!(
                "{arm} with {with}: between {passed} (3 of 3 passed) and {failed} {unit} a second \
                 ({failures} of {trials} failed)."
            )
        }
        CapacityAnswer::AboveHighest => format!(
            "{arm} with {with}: at least {passed} {unit} a second, the highest rate that was \
             tried; raise --most to find the end."
        ),
        CapacityAnswer::BelowLowest => format!(
            "{arm} with {with}: below {failed} {unit} a second, the lowest rate that was tried."
        ),
        CapacityAnswer::CannotDecide => format!(
            "{arm} with {with}: cannot decide, because {}{}. A quieter machine or longer windows \
             help.",
            found.why,
            known(found, &passed, unit)
        ),
        CapacityAnswer::Interrupted => {
            format!("{arm} with {with}: interrupted{}.", known(found, &passed, unit))
        }
    }
}

/// What is known though nothing was decided.
fn known(found: &Found, passed: &str, unit: &str) -> String {
    let known = found.passed_per_s.is_some();
    let text = || format!("; at {passed} {unit} a second most trials passed");
    known.then(text).unwrap_or_default()
}

/// Trials that said something.
fn decided(trials: &[CapacityTrial]) -> usize {
    trials.iter().filter(|trial| trial.verdict != CapacityVerdict::Undecided).count()
}

const HEADINGS: [&str; 7] = ["due/s", "passed", "answered", "p50", "p99", "CPU", "why"];

fn lines(capacity: &Capacity) -> Vec<Line> {
    let head = Line::Cells(HEADINGS.map(str::to_owned).to_vec());
    let rows = capacity.rungs.iter().filter(|rung| !rung.trials.is_empty());
    std::iter::once(head).chain(rows.map(|rung| Line::Cells(cells(rung).to_vec()))).collect()
}

/// One rate: medians of its trials, and the reason of the one that failed first.
fn cells(rung: &CapacityRung) -> [String; 7] {
    let trials = &rung.trials;
    let median = |of: fn(&CapacityTrial) -> Option<f64>| median_f64(trials.iter().filter_map(of));
    let time = |of: fn(&CapacityTrial) -> Option<f64>| {
        // What lies beyond the timeout ranks above all others.
        let ranked = trials.iter().map(|trial| of(trial).unwrap_or(f64::INFINITY));
        let ns = median_f64(ranked).filter(|ns| ns.is_finite());
        ns.map_or_else(|| "> timeout".into(), |ns| latency(Some(ns as u64)))
    };
    let passed = trials.iter().filter(|trial| trial.verdict == CapacityVerdict::Passed).count();
    let why = trials.iter().find(|trial| trial.verdict != CapacityVerdict::Passed);
    [
        count(rung.rate_per_s as u64),
        format!("{passed} of {}", trials.len()),
        median(|trial| Some(trial.answered)).map_or_else(String::new, percent),
        time(|trial| trial.ack_p50_ns.map(|ns| ns as f64)),
        time(|trial| trial.ack_p99_ns.map(|ns| ns as f64)),
        median(|trial| trial.cpu_us_per_metric)
            .map_or_else(|| "–".into(), |us| format!("{} µs", figure(us))),
        why.map(|trial| gist(&trial.reason)).unwrap_or_default(),
    ]
}

/// Without its advice: a line of a table is short.
fn gist(reason: &str) -> String {
    reason.split(';').next().unwrap_or(reason).to_owned()
}

/// One line a trial; an empty field means beyond the timeout, or not measured.
fn csv(capacity: &Capacity) -> String {
    let mut text = String::from(
        "rate_per_s,round,achieved_per_s,answered,ack_p50_ns,ack_p99_ns,live_p99_ns,\
         cpu_us_per_metric,overloaded,verdict\n",
    );
    let ns = |ns: Option<u64>| ns.map(|ns| ns.to_string()).unwrap_or_default();
    for (rate, trial) in
        capacity.rungs.iter().flat_map(|rung| rung.trials.iter().map(|one| (rung.rate_per_s, one)))
    {
        let cpu = trial.cpu_us_per_metric.map(|us| us.to_string()).unwrap_or_default();
        let verdict = match trial.verdict {
            CapacityVerdict::Passed => "passed",
            CapacityVerdict::Failed => "failed",
            CapacityVerdict::Undecided => "undecided",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{rate},{},{},{},{},{},{},{cpu},{},{verdict}",
            trial.round,
            trial.achieved_per_s,
            trial.answered,
            ns(trial.ack_p50_ns),
            ns(trial.ack_p99_ns),
            ns(trial.live_p99_ns),
            trial.overloaded,
        );
    }
    text
}
