//! From trials to the answer: rows, sentences, warnings. Rows keep the declared order and are
//! never sorted by a figure; percentiles of several trials are shown with their lowest and
//! highest and never averaged. The figures of a row are made in `rows.rs`, its words in
//! `sentences.rs` and [`crate::wording`]. What an experiment asked beforehand is answered in
//! `primary.rs` and judged in `verdicts.rs`.

use crate::cells::Grid;
use crate::primary::answer;
use crate::record::{Experiment, Measurement, Row, SCHEMA_VERSION, Summary, Trial};
use crate::rows::rows;
use crate::sentences::sentences;
use crate::statistics::ROUNDS_MIN;
use crate::verdicts::verdicts;
use crate::wording::plural;

/// Sums up what a run has measured so far; rounds and arms may be missing.
pub fn summarize(run: &str, experiment: &Experiment, trials: &[Trial]) -> Summary {
    let grid = Grid { experiment, trials };
    let rows = rows(&grid);
    Summary {
        schema_version: SCHEMA_VERSION,
        run: run.to_owned(),
        answer: answer(&grid),
        verdicts: verdicts(&grid),
        sentences: sentences(&grid, &rows),
        warnings: warnings(&grid, &rows),
        rows,
    }
}

fn warnings(grid: &Grid<'_>, rows: &[Row]) -> Vec<String> {
    let mut warnings = grid.experiment.left_out.clone();
    warnings.extend(rows.iter().filter_map(struck_through));
    warnings.extend(rows.iter().filter_map(suspect));
    warnings.extend(without_floor(grid));
    warnings.extend(about_rounds(grid));
    warnings
}

/// Arms behind a link without a bare echo behind the same one.
fn without_floor(grid: &Grid<'_>) -> Option<String> {
    if grid.floors().next().is_none() {
        let text = "No floor arm ran: whether a p99 shows the pipeline or the machine is unknown.";
        return Some(text.to_owned());
    }
    let arms = grid.experiment.arms.iter().map(|arm| &*arm.slug);
    let alone: Vec<&str> = arms.filter(|arm| grid.floor_of(arm).is_none()).collect();
    (!alone.is_empty()).then(|| {
        let alone = alone.join("`, `");
        format!(
            "No floor arm ran behind the link of `{alone}`: whether a p99 shows the pipeline or \
             the machine is unknown there."
        )
    })
}

fn struck_through(row: &Row) -> Option<String> {
    let invalid = row.trials - row.trials_valid;
    let (arm, load) = (&row.arm, &row.load);
    let of = plural(u64::from(row.trials), "trial");
    (invalid > 0).then(|| {
        format!("{invalid} of {of} of `{arm}` under `{load}` INVALID: kept, but in no figure.")
    })
}

fn suspect(row: &Row) -> Option<String> {
    let (arm, load) = (&row.arm, &row.load);
    let suspect = row.measurement == Measurement::Suspect;
    suspect.then(|| format!("`{arm}` under `{load}`: {}.", gist(&row.reasons)))
}

/// The first reason without its advice, and how many more there are; all stand in the row.
fn gist(reasons: &[String]) -> String {
    let first = reasons.first().map_or("see its trials", String::as_str);
    let first = first.split(';').next().unwrap_or(first);
    match reasons.len() {
        0 | 1 => first.to_owned(),
        n => format!("{first} (and {})", plural(n as u64 - 1, "more reason")),
    }
}

/// What the number of rounds allows to believe.
fn about_rounds(grid: &Grid<'_>) -> Option<String> {
    let rounds = grid.trials.iter().map(|trial| trial.round).max()?;
    Some(match rounds {
        1 => "One round: nothing is known about how much the figures vary.".to_owned(),
        few if (few as usize) < ROUNDS_MIN => format!(
            "With {few} rounds a difference goes in the same direction in all of them by chance \
             alone 1 time in {}; take {ROUNDS_MIN} rounds for an interval.",
            1_u32 << (few - 1)
        ),
        _ if grid.experiment.arms.len() > 3 => "The intervals are not corrected for comparing \
             several arms: take them as exploratory."
            .to_owned(),
        _ => return None,
    })
}
