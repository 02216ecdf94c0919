//! The first picture: every arm under its promise, p50 and p99 with every trial behind them, the
//! floor's band, and what it cost in processor time beside it. No percentile beyond p99: see
//! `spectrum`.

use tailrace_measure::record::{SUPPORT_MIN, Spread};

use super::axis::{Axis, ms_label, plain};
use super::cost::Bars;
use super::lanes::{self, Lane, Lanes, PANELS_LEFT};
use super::picture::{Align, Ink, Picture};
use super::{Draft, head, style};
use crate::{RunData, TrialData};

const PANEL_RIGHT: f64 = 560.0;
const BEYOND_WIDTH: f64 = 62.0;
const CPU_LEFT: f64 = 592.0;
const CPU_RIGHT: f64 = style::WIDTH - style::MARGIN - 6.0;

const CAPTION: &str = "What to look for: distance from the grey band (the floor: a bare echo on \
    this machine, from its lowest p50 to its highest p99) and whether the small dots (trials) of \
    two arms overlap. Where they do, the arms cannot be told apart. Compare within a promise only.";

pub(super) fn draw(run: &RunData) -> Draft {
    let mut picture = Picture::new();
    let title = "Latency from due to acknowledged, and what it cost".to_owned();
    let top = head(&mut picture, &title, CAPTION);
    legend(&mut picture, run, top + 4.0);
    let lanes = lanes::lay_out(run, top + 42.0);
    let beyond = any_beyond(run);
    let right = if beyond { PANEL_RIGHT - BEYOND_WIDTH } else { PANEL_RIGHT };
    let axis = Axis::log_ms(values(run), PANELS_LEFT, right);
    panels(&mut picture, run, &lanes, &axis, beyond);
    for lane in &lanes.all {
        latency_lane(&mut picture, run, lane, &axis);
    }
    picture.height = lanes.bottom + 44.0;
    Draft { name: "dots".to_owned(), title, caption: CAPTION.to_owned(), picture }
}

fn panels(picture: &mut Picture, run: &RunData, lanes: &Lanes, axis: &Axis, beyond: bool) {
    let bars = Bars::cpu(run, CPU_LEFT, CPU_RIGHT);
    lanes.draw_names(picture, run);
    for (top, bottom) in lanes.panels() {
        let last = (bottom - lanes.bottom).abs() < 0.1;
        axis.draw_below(picture, top, bottom, if last { ms_label } else { |_| String::new() });
        let label = if last { plain } else { |_| String::new() };
        bars.axis.draw_below(picture, top, bottom, label);
        if beyond {
            let from = (PANEL_RIGHT - BEYOND_WIDTH + 10.0, top);
            picture.rect(from, (PANEL_RIGHT, bottom), style::tint(style::ALARM, 0.08));
        }
    }
    let ink = Ink::new(style::SMALL, style::INK).align(Align::Centre);
    let y = lanes.bottom + 28.0;
    picture.text(
        (f64::midpoint(axis.from, axis.to), y),
        "latency from due to acknowledged, log scale",
        ink,
    );
    picture.text((f64::midpoint(CPU_LEFT, CPU_RIGHT), y), "CPU µs per metric", ink);
    if beyond {
        let alarm = Ink::new(style::SMALL, style::ALARM).align(Align::Centre);
        let x = PANEL_RIGHT - (BEYOND_WIDTH - 10.0) / 2.0;
        picture.text((x, lanes.bottom + 11.0), "> timeout", alarm);
    }
    bars.draw(picture, run, lanes, false);
}

fn legend(picture: &mut Picture, run: &RunData, y: f64) {
    lanes::load_legend(picture, run, (style::MARGIN, y));
    let y = y + 22.0;
    let ink = Ink::new(style::SMALL, style::MUTED);
    let mut x = style::MARGIN + 5.0;
    let mut entry = |picture: &mut Picture, text: &str| {
        picture.text((x + 10.0, y), text, ink);
        let at = x;
        x += 10.0 + super::picture::width_of(text, ink) + 22.0;
        at
    };
    let at = entry(picture, "p50");
    lanes::mark(picture, (at, y), 0, 5.0, true);
    let at = entry(picture, "p99 (medians of the rounds)");
    lanes::mark(picture, (at, y), 0, 5.0, false);
    let at = entry(picture, "a trial (rounds from top to bottom)");
    lanes::trial_mark(picture, (at, y));
    let at = entry(picture, "INVALID trial");
    lanes::struck_mark(picture, (at, y));
    let at = entry(picture, "floor");
    picture.rect((at - 5.0, y - 6.0), (at + 6.0, y + 6.0), style::BAND);
    let at = entry(picture, "CPU: server, backend (pale)");
    picture.rect((at - 6.0, y - 4.0), (at, y + 4.0), style::series(0));
    picture.rect((at, y - 4.0), (at + 6.0, y + 4.0), style::tint(style::series(0), 0.4));
}

fn latency_lane(picture: &mut Picture, run: &RunData, lane: &Lane, axis: &Axis) {
    band(picture, run, lane, axis);
    let Some(row) = run.row(&lane.arm.slug, &lane.load.slug) else { return };
    let (p50, p99) = (place(&row.p50, axis), place(&row.p99, axis));
    if let (Some(from), Some(to)) = (p50, p99) {
        picture.line(
            (from, lane.y),
            (to, lane.y),
            style::tint(style::series(lane.index), 0.5),
            1.5,
        );
    }
    if let Some(x) = p50 {
        lanes::mark(picture, (x, lane.y), lane.index, 5.5, true);
    }
    if let Some(x) = p99 {
        lanes::mark(picture, (x, lane.y), lane.index, 5.5, false);
    }
    for data in run.trials_of(&lane.arm.slug, &lane.load.slug) {
        trial_dots(picture, run, data, lane, axis);
    }
}

fn trial_dots(picture: &mut Picture, run: &RunData, data: &TrialData, lane: &Lane, axis: &Axis) {
    let y = lanes::trial_y(lane, data.trial.round, run.manifest.experiment.rounds);
    for q in [0.5, 0.99] {
        let Some(quantile) = data.trial.latencies.ack.at(q) else { continue };
        let x = match quantile.ns {
            Some(ns) if quantile.support >= SUPPORT_MIN => axis.at_ns(ns),
            None if data.trial.latencies.ack.unanswered > 0 => beyond_x(axis),
            _ => continue,
        };
        if data.invalid() {
            lanes::struck_mark(picture, (x, y));
        } else {
            lanes::trial_mark(picture, (x, y));
        }
    }
}

/// The floor under the same load, behind everything.
fn band(picture: &mut Picture, run: &RunData, lane: &Lane, axis: &Axis) {
    let floors = run.summary.rows.iter().filter(|row| row.floor && row.load == lane.load.slug);
    for row in floors {
        if let Some((low, high)) = row.p50.lowest_ns.zip(row.p99.highest_ns) {
            let (from, to) = (axis.at_ns(low), axis.at_ns(high));
            picture.rect((from, lane.top() - 1.0), (to, lane.bottom() + 1.0), style::BAND);
        }
    }
}

fn place(spread: &Spread, axis: &Axis) -> Option<f64> {
    match spread.median_ns {
        Some(ns) => Some(axis.at_ns(ns)),
        None if spread.beyond_timeout => Some(beyond_x(axis)),
        None => None,
    }
}

fn beyond_x(axis: &Axis) -> f64 {
    axis.to + 10.0 + (BEYOND_WIDTH - 10.0) / 2.0
}

fn headline(run: &RunData) -> impl Iterator<Item = &TrialData> {
    let loads: Vec<&str> = run.headline_loads().iter().map(|load| load.slug.as_str()).collect();
    run.trials.iter().filter(move |data| loads.contains(&data.trial.load.as_str()))
}

fn any_beyond(run: &RunData) -> bool {
    let ack = |data: &TrialData, q| {
        let ack = &data.trial.latencies.ack;
        ack.unanswered > 0 && ack.at(q).is_some_and(|quantile| quantile.ns.is_none())
    };
    headline(run).any(|data| ack(data, 0.5) || ack(data, 0.99))
}

fn values(run: &RunData) -> impl Iterator<Item = u64> {
    headline(run).flat_map(|data| {
        let ack = &data.trial.latencies.ack;
        [ack.ns_at(0.5), ack.ns_at(0.99)].into_iter().flatten()
    })
}
