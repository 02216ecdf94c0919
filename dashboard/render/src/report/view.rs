//! What the templates print, already in words: lists of cells and facts, so that a template
//! decides about order and markup only. Seals are judged elsewhere and copied here.

use serde::Serialize;
use tailrace_measure::record::{Arm, Arrivals, Load, Row, SlowAnswer, Trial};

use super::asked::{Asked, asked};
use super::facts;
use super::trials::{self, TrialView, batches, seen_of};
use crate::plots::Plot;
use crate::{RenderError, RunData, behind, format, run, table};

#[derive(Serialize)]
pub(super) struct View {
    run: String,
    question: String,
    asked: Asked,
    started: String,
    command: String,
    attempts_before: u32,
    debug_build: bool,
    broken: Vec<String>,
    sentences: Vec<String>,
    warnings: Vec<String>,
    left_out: Vec<String>,
    columns: [&'static str; 10],
    loads: Vec<LoadView>,
    reasons: Vec<Reason>,
    arms: Vec<[String; 5]>,
    feeds: Vec<Feed>,
    behind_columns: [&'static str; 9],
    behind: Vec<[String; 9]>,
    behind_key: &'static str,
    slowest: Vec<[String; 5]>,
    plots: Vec<PlotView>,
    trials: Vec<TrialView>,
    facts: Vec<(String, String)>,
    manifest: String,
    files: Vec<(String, &'static str)>,
}

/// A load with the groups of the table that belong to it.
#[derive(Serialize)]
struct LoadView {
    label: String,
    detail: String,
    groups: Vec<table::Group>,
    /// Places of the columns that say something in any row: where a page is narrow, the others go.
    telling: Vec<usize>,
}

/// Why an arm is not VALID or not ranked.
#[derive(Serialize)]
struct Reason {
    arm: String,
    load: String,
    sentences: Vec<String>,
}

/// A load with a subscriber; in a row arm, ack p50, ack p99, live p99, seen of due.
#[derive(Serialize)]
struct Feed {
    label: String,
    detail: String,
    rows: Vec<[String; 5]>,
}

#[derive(Serialize)]
struct PlotView {
    name: String,
    title: String,
    svg: String,
    /// Higher than wide: on paper it needs a page of its own to be read.
    tall: bool,
}

pub(super) fn view(run: &RunData, plots: &[Plot]) -> Result<View, RenderError> {
    let manifest = &run.manifest;
    Ok(View {
        run: manifest.run.clone(),
        question: manifest.experiment.question.clone(),
        asked: asked(run),
        started: manifest.started_utc.clone(),
        command: manifest.command.join(" "),
        attempts_before: manifest.attempts_before,
        debug_build: manifest.build.profile == "debug",
        broken: broken(run),
        sentences: run.summary.sentences.clone(),
        warnings: run.summary.warnings.clone(),
        left_out: manifest.experiment.left_out.clone(),
        columns: table::COLUMNS,
        loads: loads(run),
        reasons: reasons(run),
        arms: arms(run),
        feeds: feeds(run),
        behind_columns: behind::COLUMNS,
        behind: behind::behind(&run.summary),
        behind_key: behind::KEY,
        slowest: slowest(run),
        plots: plots.iter().map(plot).collect(),
        trials: run.trials.iter().map(trials::view).collect(),
        facts: facts::facts(run),
        manifest: serde_json::to_string_pretty(manifest)?,
        files: facts::files(plots),
    })
}

/// The headline when an acknowledged batch was lost or stored twice: it stands before all
/// else, here only if no sentence of the summary says it.
fn broken(run: &RunData) -> Vec<String> {
    if run.summary.sentences.iter().any(|sentence| sentence.starts_with("BROKEN")) {
        return Vec::new();
    }
    let lost = run.trials.iter().filter(|data| data.lost_data());
    let sentences = lost.map(|data| {
        let Trial { arm, load, round, ledger, .. } = &data.trial;
        format!(
            "BROKEN: {arm} under {load}, round {round}: of what it had acknowledged, {} missing \
             and {} stored twice.",
            batches(&ledger.missing),
            batches(&ledger.twice)
        )
    });
    sentences.collect()
}

fn loads(run: &RunData) -> Vec<LoadView> {
    let groups = table::table(&run.manifest, &run.summary);
    let of = |load: &Load| {
        let label = table::label(load);
        let groups: Vec<_> =
            groups.iter().filter(|group| group.load_label == label).cloned().collect();
        LoadView { label, detail: load_detail(load), telling: telling(&groups), groups }
    };
    run.headline_loads().into_iter().map(of).collect()
}

fn telling(groups: &[table::Group]) -> Vec<usize> {
    let rows = || groups.iter().flat_map(|group| &group.rows);
    let tells = |column: &usize| rows().any(|row| row[*column] != format::NOTHING);
    (0..table::COLUMNS.len()).filter(tells).collect()
}

fn load_detail(load: &Load) -> String {
    let feed = match load.feed_one_in {
        Some(k) => format!("a subscriber follows 1 batch in {}", format::count(k)),
        None => "no subscriber".to_owned(),
    };
    let spin = if load.spin { "; the generator spins before due times" } else { "" };
    let arrivals = match &load.arrivals {
        steady @ (Arrivals::Constant | Arrivals::Poisson) => format!("{steady} arrivals"),
        Arrivals::Burst { batches } => {
            format!("bursts of {}", format::count((*batches).into()))
        }
        changing => changing.to_string(),
    };
    format!(
        "{arrivals}, {} warm-up, window {}, timeout {}, at most {} batches in flight, {feed}{spin}",
        time_ms(load.warm_up_ms),
        time_ms(load.window_ms),
        time_ms(load.timeout_ms),
        format::count(load.in_flight_max),
    )
}

fn time_ms(ms: u64) -> String {
    format::latency(Some(ms.saturating_mul(1_000_000)))
}

fn reasons(run: &RunData) -> Vec<Reason> {
    let rows = run.summary.rows.iter().filter(|row| !row.reasons.is_empty());
    let reason = |row: &Row| Reason {
        arm: row.arm.clone(),
        load: row.load.clone(),
        sentences: row.reasons.clone(),
    };
    rows.map(reason).collect()
}

/// What stands below the table: arm, batch, connections, in flight, rates.
fn arms(run: &RunData) -> Vec<[String; 5]> {
    let one = |arm: &Arm| {
        let rates = run.headline_loads().into_iter().filter_map(|load| {
            let row = run.row(&arm.slug, &load.slug)?;
            let (due, answered) = (row.offered_per_s, row.achieved_per_s);
            Some(format!("{} of {}", format::rate(answered), format::rate(due)))
        });
        [
            arm.slug.clone(),
            format!("{}, {}", format::count(arm.batch_metrics.into()), table::manner(arm)),
            format::count(arm.connections.into()),
            format::count(arm.in_flight_per_connection.into()),
            rates.collect::<Vec<_>>().join(" · "),
        ]
    };
    let ran = |arm: &&Arm| {
        run.trials.is_empty() || run.trials.iter().any(|data| data.trial.arm == arm.slug)
    };
    run.groups().into_iter().flat_map(|(_, arms)| arms).filter(ran).map(one).collect()
}

fn feeds(run: &RunData) -> Vec<Feed> {
    let headline: Vec<&str> = run.headline_loads().iter().map(|l| l.slug.as_str()).collect();
    let loads = run.manifest.experiment.loads.iter();
    let feeds = loads.filter(|load| load.feed_one_in.is_some());
    let others = feeds.filter(|load| !headline.contains(&load.slug.as_str()));
    let one = |load: &Load| Feed {
        label: table::label(load),
        detail: load_detail(load),
        rows: feed_rows(run, load),
    };
    others.map(one).filter(|feed| !feed.rows.is_empty()).collect()
}

fn feed_rows(run: &RunData, load: &Load) -> Vec<[String; 5]> {
    let arms = run::groups(&run.manifest).into_iter().flat_map(|(_, arms)| arms);
    let rows = arms.filter_map(|arm| run.row(&arm.slug, &load.slug));
    let one = |row: &Row| {
        let trials = || run.trials_of(&row.arm, &row.load);
        let due: u64 = trials().map(|data| data.trial.ledger.live_due).sum();
        let seen: u64 = trials().map(|data| data.trial.ledger.live_seen).sum();
        let live = row.live_p99.as_ref();
        [
            row.arm.clone(),
            format::spread(&row.p50),
            format::spread(&row.p99),
            live.map_or_else(|| format::NOTHING.to_owned(), format::spread),
            if due == 0 { format::NOTHING.to_owned() } else { seen_of(seen, due) },
        ]
    };
    rows.map(one).collect()
}

/// How many single answers are worth a line.
const SLOWEST_MAX: usize = 10;

/// Arm, load, ack, lateness, when it was due; the slowest first: these are events, no ranking.
fn slowest(run: &RunData) -> Vec<[String; 5]> {
    let rows = run.summary.rows.iter();
    let mut events: Vec<_> =
        rows.flat_map(|row| row.slowest.iter().map(move |event| (row, event))).collect();
    events.sort_by_key(|(_, event)| std::cmp::Reverse(event.ack_ns));
    let one = |(row, event): (&Row, &SlowAnswer)| {
        [
            row.arm.clone(),
            row.load.clone(),
            format::latency(Some(event.ack_ns)),
            format::latency(Some(event.lateness_ns)),
            format!("{} s", format::digits(event.due_ns as f64 / 1e9, 3)),
        ]
    };
    events.into_iter().take(SLOWEST_MAX).map(one).collect()
}

fn plot(plot: &Plot) -> PlotView {
    PlotView {
        name: plot.name.clone(),
        title: plot.title.clone(),
        svg: plot.svg.clone(),
        tall: plot.tall(),
    }
}
