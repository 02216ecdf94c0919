//! One row of the summary: an arm under a load, over all rounds, and the reasons why it is not to
//! be taken at its face. Sentences across rows are in [`crate::sentences`].

use crate::cells::{Cell, Grid, observed_of};
use crate::ledger::size;
use crate::record::{
    Arm, AuditSeal, Check, Distribution, Durability, DurableRow, EPISODES_MIN, Load, Measurement,
    Ratio, Row, SlowAnswer, Spread, StoreLedger, Trial,
};
use crate::seals::{FEED_COST, HALVES_P50, drifted, weight};
use crate::statistics::{Observed, median_f64, spread};
use crate::wording::{plural, times};

/// How many of the slowest answers a row keeps.
const SLOWEST: usize = 5;

/// Rows in declared order: by load, the floors first, then promise by promise.
pub(crate) fn rows(grid: &Grid<'_>) -> Vec<Row> {
    let arms = || grid.floors().chain(grid.groups().into_iter().flatten());
    let loads = grid.headline_loads();
    let mut rows: Vec<Row> =
        loads.iter().flat_map(|load| arms().map(|arm| row(grid, arm, load))).collect();
    rows.retain(|row| row.trials > 0);
    rows
}

fn row(grid: &Grid<'_>, arm: &Arm, load: &Load) -> Row {
    let cell = grid.cell(&arm.slug, &load.slug);
    let feeds: Vec<Cell<'_>> =
        grid.feed_loads(load).iter().map(|feed| grid.cell(&arm.slug, &feed.slug)).collect();
    let mut row = figures(arm, load, &cell);
    let broken = feeds.iter().any(|feed| feed.audit() == AuditSeal::Broken);
    row.audit = if broken { AuditSeal::Broken } else { cell.audit() };
    row.live_p50 = seen(&feeds, |trial| trial.latencies.live.as_ref(), 0.5);
    row.live_p99 = seen(&feeds, |trial| trial.latencies.live.as_ref(), 0.99);
    // Where nobody subscribes, an arm that commits first knows it all the same.
    let knowing = if arm.commits_first() && feeds.is_empty() {
        vec![grid.cell(&arm.slug, &load.slug)]
    } else {
        Vec::new()
    };
    row.durable = durable(arm, if knowing.is_empty() { &feeds } else { &knowing });
    compare_with_floor(&mut row, grid, &cell);
    reasons(&mut row, &cell, &feeds);
    compare_with_baseline(&mut row, grid, arm, &cell);
    row
}

/// What the cell says by itself.
fn figures(arm: &Arm, load: &Load, cell: &Cell<'_>) -> Row {
    let median = |of: fn(&Trial) -> Option<f64>| median_f64(cell.values(of).into_iter().flatten());
    Row {
        arm: arm.slug.clone(),
        load: load.slug.clone(),
        promise: arm.promise.clone(),
        floor: arm.floor,
        trials_valid: cell.valid().count() as u32,
        trials: cell.all().count() as u32,
        scheduled: cell.valid().map(|trial| trial.outcomes.scheduled).sum(),
        acked: cell.valid().map(|trial| trial.outcomes.acked).sum(),
        offered_per_s: median(|trial| Some(trial.offered_per_s)).unwrap_or(0.0),
        achieved_per_s: median(|trial| Some(trial.achieved_per_s)).unwrap_or(0.0),
        p50: spread(&cell.observed(0.5)),
        p99: spread(&cell.observed(0.99)),
        p99_to_baseline: None,
        cpu_to_baseline: None,
        p50_to_floor: None,
        p99_to_floor: None,
        cpu_us_per_metric: median(|trial| trial.cost.cpu_us_per_metric()),
        backend_cpu_us_per_metric: median(|trial| trial.cost.backend_cpu_us_per_metric),
        wire_bytes_per_metric: median(|trial| {
            Some(trial.cost.sent_bytes_per_metric + trial.cost.received_bytes_per_metric)
        })
        .unwrap_or(0.0),
        live_p50: None,
        live_p99: None,
        durable: None,
        audit: AuditSeal::NotAudited,
        measurement: cell.all().map(|t| t.seals.measurement).max().unwrap_or(Measurement::Valid),
        reasons: Vec::new(),
        machine_not_pipeline: false,
        slowest: slowest(cell),
    }
}

fn slowest(cell: &Cell<'_>) -> Vec<SlowAnswer> {
    let mut slowest: Vec<SlowAnswer> =
        cell.valid().flat_map(|trial| trial.slowest.iter().copied()).collect();
    slowest.sort_by_key(|answer| std::cmp::Reverse(answer.ack_ns));
    slowest.truncate(SLOWEST);
    slowest
}

/// A percentile that a subscriber saw.
fn seen(
    feeds: &[Cell<'_>],
    of: impl Fn(&Trial) -> Option<&Distribution>,
    q: f64,
) -> Option<Spread> {
    let trials = feeds.iter().flat_map(Cell::valid);
    let observed: Vec<Observed> =
        trials.filter_map(|trial| Some(observed_of(of(trial)?, q))).collect();
    (!observed.is_empty()).then(|| spread(&observed))
}

/// The way into the store, as subscribers saw it.
fn durable(arm: &Arm, feeds: &[Cell<'_>]) -> Option<DurableRow> {
    let at = |q| seen(feeds, |trial| trial.latencies.durable.as_ref(), q).unwrap_or_default();
    let trials = || feeds.iter().flat_map(Cell::valid);
    let told: Vec<&Durability> = trials().filter_map(|trial| trial.durability.as_ref()).collect();
    let stores = trials().filter_map(|trial| trial.ledger.store.as_ref());
    let most = |values: &mut dyn Iterator<Item = f64>| values.reduce(f64::max);
    (!told.is_empty()).then(|| DurableRow {
        p50: at(0.5),
        p99: at(0.99),
        due: told.iter().map(|one| one.due).sum(),
        seen: told.iter().map(|one| one.seen).sum(),
        exposed_metrics_mean: median_f64(told.iter().map(|one| one.exposure.metrics_mean)),
        exposed_metrics_max: most(&mut told.iter().map(|one| one.exposure.metrics_max)),
        batch_age_ms_mean: median_f64(told.iter().filter_map(|one| Some(one.batch_age?.mean_ms))),
        drained_ms: most(&mut stores.filter_map(|store| store.drained_ms)),
        is_ack: arm.commits_first(),
    })
}

fn compare_with_floor(row: &mut Row, grid: &Grid<'_>, cell: &Cell<'_>) {
    let Some(floor) = grid.floor_of(&row.arm).filter(|_| !row.floor) else { return };
    let floor = grid.cell(&floor.slug, &row.load);
    row.p50_to_floor = cell.quantile_ratio(&floor, 0.5);
    row.p99_to_floor = cell.quantile_ratio(&floor, 0.99);
    row.machine_not_pipeline = grid.near_floor(&row.arm, &row.load, 0.99);
}

/// Sets the ratios, unless one of the two is disqualified; the one of p99 neither when it shows
/// the machine.
fn compare_with_baseline(row: &mut Row, grid: &Grid<'_>, arm: &Arm, cell: &Cell<'_>) {
    let Some(baseline) = grid.baseline(arm) else { return };
    let other = grid.cell(&baseline.slug, &row.load);
    if let Some(broken) = [arm, baseline].into_iter().find(|arm| grid.broken(&arm.slug)) {
        row.reasons.push(format!("not ranked: the audit of `{}` is BROKEN", broken.slug));
        return;
    }
    row.cpu_to_baseline = cell.cpu_ratio(&other);
    let few = few_episodes([(&row.arm, cell), (&baseline.slug, &other)]);
    if !row.machine_not_pipeline && few.is_none() {
        row.p99_to_baseline = cell.quantile_ratio(&other, 0.99);
    }
    row.reasons.extend(few.map(|why| format!("p99 not ranked: {why}")));
}

/// Why a p99 is no ground for ranking: too few independent slow episodes lie above it.
pub(crate) fn few_episodes(cells: [(&str, &Cell<'_>); 2]) -> Option<String> {
    cells.into_iter().find_map(|(arm, cell)| {
        // What has no p99 at all is told as such.
        let ranked = cell.quantile(0.99).iter().any(Option::is_some);
        let episodes =
            cell.too_few_episodes(|trial| Some(&trial.latencies.ack), 0.99).filter(|_| ranked)?;
        Some(episodes_text(arm, "p99", episodes))
    })
}

/// `only about 4 slow episodes of `x` lie above its p99, and it takes 10 …`.
pub(crate) fn episodes_text(arm: &str, what: &str, episodes: f64) -> String {
    let about = plural(episodes.round() as u64, "slow episode");
    format!(
        "only about {about} of `{arm}` lie above its {what}, over all rounds, and ranking takes \
         {EPISODES_MIN}; lengthen the window or take more rounds"
    )
}

fn reasons(row: &mut Row, cell: &Cell<'_>, feeds: &[Cell<'_>]) {
    let mut reasons = lost(cell);
    reasons.extend(feeds.iter().flat_map(lost));
    reasons.extend(check_reasons(cell));
    if let Some(sentence) = drift(cell) {
        row.measurement = row.measurement.max(Measurement::Suspect);
        reasons.push(sentence);
    }
    reasons.extend(feeds.iter().filter_map(|feed| feed_cost(feed, cell)));
    if row.machine_not_pipeline {
        let text = "p99 not ranked: in most rounds it is below twice that of the bare echo, \
                    so it shows the machine, not the pipeline";
        reasons.push(text.to_owned());
    }
    if row.p99.unsupported {
        reasons.push("p99 not printed where fewer than 10 batches lie above it".to_owned());
    }
    reasons.extend(ended_early(cell));
    row.reasons = reasons;
}

/// What an audit found, one sentence a trial.
pub(crate) fn lost(cell: &Cell<'_>) -> Vec<String> {
    let broken = cell.all().filter(|trial| trial.seals.audit == AuditSeal::Broken);
    let sentence = |trial: &Trial| {
        let (missing, twice) = (size(&trial.ledger.missing), size(&trial.ledger.twice));
        let parts = [(missing, "lost"), (twice, "stored twice")];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let of_log = parts
            .map(|(count, what)| format!("{what}: {}", plural(*count, "acknowledged batch")))
            .map(|part| if trial.ledger.store.is_some() { format!("log: {part}") } else { part });
        let of_store = trial.ledger.store.as_ref().and_then(StoreLedger::fault);
        let parts: Vec<String> =
            of_log.chain(of_store.map(|fault| format!("store: {fault}"))).collect();
        format!("{} (round {}, load `{}`)", parts.join(", "), trial.round, trial.load)
    };
    broken.map(sentence).collect()
}

/// The checks that object, each once, with the trial in which it is worst.
fn check_reasons(cell: &Cell<'_>) -> Vec<String> {
    let mut worst: Vec<(&Trial, &Check)> = Vec::new();
    for trial in cell.all() {
        for check in objections(trial) {
            match worst.iter_mut().find(|(_, other)| alike(other, check)) {
                Some(entry) if check.verdict > entry.1.verdict => *entry = (trial, check),
                Some(_) => {}
                None => worst.push((trial, check)),
            }
        }
    }
    // Those that decide the seal first: a stable sort keeps the order of the documentation.
    worst.sort_by_key(|(_, check)| std::cmp::Reverse(weight(check)));
    worst.into_iter().map(|(trial, check)| check_reason(cell, trial, check)).collect()
}

fn objections(trial: &Trial) -> impl Iterator<Item = &Check> {
    trial.seals.checks.iter().filter(|check| check.verdict != Measurement::Valid)
}

/// The same check of two trials; findings about the environment differ by what they say.
fn alike(a: &Check, b: &Check) -> bool {
    let environment = a.suspect_at.is_none() && a.invalid_at.is_none();
    (&a.name, a.quantile) == (&b.name, b.quantile) && (!environment || a.sentence == b.sentence)
}

fn check_reason(cell: &Cell<'_>, trial: &Trial, check: &Check) -> String {
    let seal = if check.verdict == Measurement::Invalid { "INVALID" } else { "SUSPECT" };
    let objects = |trial: &&Trial| objections(trial).any(|other| alike(other, check));
    let (count, trials) = (cell.all().filter(objects).count(), cell.all().count());
    let trials = plural(trials as u64, "trial");
    format!("{seal} in {count} of {trials} (round {}): {}", trial.round, check.sentence)
}

fn drift(cell: &Cell<'_>) -> Option<String> {
    let checks = cell.valid().flat_map(|trial| &trial.seals.checks);
    let ratios = checks.filter(|check| check.name == HALVES_P50.name).map(|check| check.figure);
    let ratios: Vec<f64> = ratios.collect();
    let typical = median_f64(ratios.iter().copied()).filter(|_| drifted(&ratios))?;
    let (what, advice) = (HALVES_P50.what, HALVES_P50.advice);
    Some(format!("SUSPECT: {what}: typically {} times; {advice}", times(typical)))
}

fn feed_cost(feed: &Cell<'_>, cell: &Cell<'_>) -> Option<String> {
    let limit = FEED_COST.suspect?;
    let dear = |ratio: &Ratio| ratio.mean > limit;
    let ack = feed.quantile_ratio(cell, 0.5).filter(dear).map(|ratio| ("ack p50", ratio));
    let cpu = || feed.cpu_ratio(cell).filter(dear).map(|ratio| ("server CPU", ratio));
    let (what, ratio) = ack.or_else(cpu)?;
    let (factor, advice) = (times(ratio.mean), FEED_COST.advice);
    Some(format!("SUSPECT live figures: with the subscriber {what} is {factor} times; {advice}"))
}

fn ended_early(cell: &Cell<'_>) -> Vec<String> {
    let sentence = |trial: &Trial| {
        Some(format!("round {} ended early: {}", trial.round, trial.ended_early.as_ref()?))
    };
    cell.all().filter_map(sentence).collect()
}
