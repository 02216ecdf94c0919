//! The answer of a run in sentences: broken audits first, then one sentence a promise, then what
//! the log costs. An experiment that named a primary figure is answered in `primary.rs` instead.
//! Only arms with the same promise are ranked, and only under the same load.

use crate::cells::Grid;
use crate::record::{Arm, Load, Ratio, Row};
use crate::rows::{few_episodes, lost};
use crate::seals::overloaded;
use crate::statistics::median_f64;
use crate::wording::{Verdict, duration, factor, figure, no_difference, verdict};

/// What the run answers. The load that is spoken of is the one with the highest rate: there the
/// differences of cost show best. The others stand in the rows.
pub(crate) fn sentences(grid: &Grid<'_>, rows: &[Row]) -> Vec<String> {
    let mut sentences = broken(grid);
    let loads = grid.headline_loads();
    let by_rate = |a: &&&Load, b: &&&Load| a.rate_per_s.total_cmp(&b.rate_per_s);
    let Some(load) = loads.iter().max_by(by_rate) else { return sentences };
    sentences.extend(overload(grid, load));
    if grid.experiment.primary.is_some() {
        // Its answer is the one comparison that was announced; the rest stands in the rows.
        return sentences;
    }
    let talk = Talk { grid, rows, load };
    sentences.extend(grid.groups().iter().filter_map(|group| talk.comparison(group)));
    sentences.extend(talk.prices());
    sentences
}

fn broken(grid: &Grid<'_>) -> Vec<String> {
    let sentence = |arm: &Arm| {
        let loads = grid.experiment.loads.iter();
        let found: Vec<String> =
            loads.flat_map(|load| lost(&grid.cell(&arm.slug, &load.slug))).collect();
        let found = (!found.is_empty()).then(|| found.join("; "))?;
        Some(format!(
            "BROKEN: `{}` did not keep what it acknowledged, and is not ranked: {found}.",
            arm.slug
        ))
    };
    grid.experiment.arms.iter().filter_map(sentence).collect()
}

fn overload(grid: &Grid<'_>, load: &Load) -> Vec<String> {
    let sentence = |arm: &Arm| {
        let cell = grid.cell(&arm.slug, &load.slug);
        let trials = cell.valid().filter(|trial| overloaded(&trial.seals)).count();
        let achieved = cell.values(|trial| Some(trial.achieved_per_s));
        let achieved = median_f64(achieved.into_iter().flatten()).filter(|_| trials > 0)?;
        let (of, slug) = (cell.valid().count(), &arm.slug);
        let (achieved, due) = (figure(achieved), figure(load.rate_per_s));
        Some(format!(
            "`{slug}` was overloaded in {trials} of {of} trials: it answered {achieved} of \
             {due} batches a second."
        ))
    };
    grid.experiment.arms.iter().filter_map(sentence).collect()
}

struct Talk<'a> {
    grid: &'a Grid<'a>,
    rows: &'a [Row],
    load: &'a Load,
}

impl Talk<'_> {
    fn row(&self, arm: &Arm) -> Option<&Row> {
        self.rows.iter().find(|row| row.arm == arm.slug && row.load == self.load.slug)
    }

    /// One promise: every arm of it against its baseline. None for a lonely arm.
    fn comparison(&self, group: &[&Arm]) -> Option<String> {
        let clauses: Vec<String> = group.iter().filter_map(|arm| self.clauses(arm)).collect();
        let rate = figure(self.load.rate_per_s);
        (!clauses.is_empty())
            .then(|| format!("Same promise, same load ({rate}/s): {}.", clauses.join("; ")))
    }

    fn clauses(&self, arm: &Arm) -> Option<String> {
        let baseline = self.grid.baseline(arm)?;
        let (row, other) = (self.row(arm)?, self.row(baseline)?);
        if let Some(broken) = [arm, baseline].into_iter().find(|arm| self.grid.broken(&arm.slug)) {
            let (arm, other, broken) = (&arm.slug, &baseline.slug, &broken.slug);
            return Some(format!("`{arm}` and `{other}` are not ranked, `{broken}` being BROKEN"));
        }
        Some(format!("{}; {}", cpu_clause(row, other), self.p99_clause(row, other)))
    }

    fn p99_clause(&self, row: &Row, other: &Row) -> String {
        let machine: Vec<&Row> =
            [row, other].into_iter().filter(|row| row.machine_not_pipeline).collect();
        match (machine.as_slice(), &row.p99_to_baseline) {
            ([_, _], _) => "their p99s cannot be told apart on this machine".to_owned(),
            ([one], _) => format!(
                "their p99s are not ranked, that of `{}` being less than twice the bare echo's",
                one.arm
            ),
            (_, Some(ratio)) => {
                let missing = row.trials.max(other.trials).saturating_sub(ratio.rounds);
                let missing = if missing > 0 { self.why_no_p99(row, other) } else { String::new() };
                let missing = if missing.is_empty() { missing } else { format!(" ({missing})") };
                p99_ratio(ratio) + &missing
            }
            (_, None) => format!("their p99s are not ranked: {}", self.why_no_p99(row, other)),
        }
    }

    fn why_no_p99(&self, row: &Row, other: &Row) -> String {
        for row in [row, other] {
            if row.p99.beyond_timeout {
                let timeout = duration(self.load.timeout_ms * 1_000_000);
                return format!("that of `{}` lies beyond the timeout of {timeout}", row.arm);
            }
            if row.p99.unsupported {
                return format!("fewer than 10 batches of `{}` lie above it", row.arm);
            }
        }
        let cell = |row: &Row| self.grid.cell(&row.arm, &row.load);
        few_episodes([(&row.arm, &cell(row)), (&other.arm, &cell(other))])
            .unwrap_or_else(|| "some trials are INVALID or missing".to_owned())
    }

    /// The price of a log: each arm against the arm of the same transport in the first promise,
    /// behind the same link.
    fn prices(&self) -> Vec<String> {
        let groups = self.grid.groups();
        let Some((first, rest)) = groups.split_first() else { return Vec::new() };
        let transport = |arm: &Arm| arm.pipeline.rsplit_once('-').map(|(name, _)| name.to_owned());
        let pairs = rest.iter().flatten().filter_map(|arm| {
            let same = |other: &&&Arm| {
                let transports = transport(other).zip(transport(arm));
                transports.is_some_and(|(a, b)| a == b) && other.link == arm.link
            };
            Some((arm, first.iter().find(same)?))
        });
        pairs.filter_map(|(arm, other)| self.price(arm, other)).collect()
    }

    fn price(&self, arm: &Arm, other: &Arm) -> Option<String> {
        if [arm, other].iter().any(|arm| self.grid.broken(&arm.slug)) {
            return None;
        }
        let cell = |arm: &Arm| self.grid.cell(&arm.slug, &self.load.slug);
        let (cell, than) = (cell(arm), cell(other));
        let p50 = cell.quantile_ratio(&than, 0.5).map(|ratio| {
            let pairs = cell.quantile(0.5).into_iter().zip(than.quantile(0.5));
            let added = median_f64(pairs.filter_map(|(a, b)| Some(a? - b?))).unwrap_or(0.0);
            let sign = if added < 0.0 { "−" } else { "+" };
            let added = duration(added.abs() as u64);
            format!("p50 {}, {sign}{added}", ratio_text(&ratio, "higher", "lower"))
        });
        let cpu = cell.cpu_ratio(&than);
        let cpu = cpu.map(|ratio| format!("CPU per metric {}", ratio_text(&ratio, "more", "less")));
        let parts: Vec<String> = p50.into_iter().chain(cpu).collect();
        let (arm, other) = (&arm.slug, &other.slug);
        (!parts.is_empty())
            .then(|| format!("The log's price, `{arm}` ÷ `{other}`: {}.", parts.join("; ")))
    }
}

fn cpu_clause(row: &Row, other: &Row) -> String {
    let no_trial = row.trials_valid.min(other.trials_valid) == 0;
    let (arm, other) = (&row.arm, &other.arm);
    match &row.cpu_to_baseline {
        Some(ratio) if verdict(ratio) != Verdict::Same => {
            let (much, often) = factor(ratio, "more", "less");
            format!("`{arm}` used {much} CPU per metric than `{other}` {often}")
        }
        Some(ratio) => {
            format!("CPU per metric of `{arm}` against `{other}`: {}", no_difference(ratio))
        }
        None if no_trial => {
            format!("nothing can be said of `{arm}` against `{other}`: no valid trials of both")
        }
        None => format!("CPU of `{arm}` and `{other}` was not ours to measure"),
    }
}

fn p99_ratio(ratio: &Ratio) -> String {
    match verdict(ratio) {
        Verdict::Same => format!("p99: {}", no_difference(ratio)),
        _ => format!("its p99 was {}", ratio_text(ratio, "higher", "lower")),
    }
}

fn ratio_text(ratio: &Ratio, more: &str, less: &str) -> String {
    if verdict(ratio) == Verdict::Same {
        return no_difference(ratio);
    }
    let (much, often) = factor(ratio, more, less);
    format!("{much} {often}")
}
