//! Latency over time, by when batches were due: the first round of every arm side by side. Trials
//! in which something happened get a large picture each: see `trial`.

use tailrace_measure::record::{Load, Slice};

use super::axis::{self, Axis, ms_label, plain};
use super::picture::{self, Align, Ink, Picture, Point};
use super::{Draft, faults, head, style, trial};
use crate::{RunData, TrialData, table};

pub(super) const LEFT: f64 = 76.0;
pub(super) const RIGHT: f64 = style::WIDTH - style::MARGIN;
const COLUMNS: usize = 2;
const GAP: f64 = 44.0;
/// Height of a strip below a small latency panel, and the distance to it.
const STRIP: f64 = 18.0;
const STRIP_GAP: f64 = 6.0;

pub(super) const CAPTION: &str = "What to look for: spikes in which lateness (the generator's own delay) rises \
    with the latencies are this machine's, not the pipeline's; a p99 that climbs from left to \
    right is a queue that grows. Red ticks on top: batches due then were not answered in time.";

/// One line of the latency panel: what it is called and how it is drawn.
struct Curve {
    name: &'static str,
    value: fn(&Slice) -> Option<u64>,
    colour: plotters::style::RGBColor,
    width: f64,
}

/// In the order in which they are drawn: what matters most lies on top.
const CURVES: [Curve; 4] = [
    Curve { name: "max", value: |s| s.ack_max_ns, colour: style::GREY, width: 0.8 },
    Curve { name: "lateness max", value: |s| s.lateness_max_ns, colour: style::PURPLE, width: 1.0 },
    Curve { name: "p99", value: |s| s.ack_p99_ns, colour: style::VERMILLION, width: 1.5 },
    Curve { name: "p50", value: |s| s.ack_p50_ns, colour: style::BLUE, width: 1.5 },
];

/// All timelines of a run.
pub(super) fn draw(run: &RunData) -> Vec<Draft> {
    let loads = run.headline_loads();
    let side_by_side = loads.into_iter().filter_map(|load| first_round(run, load));
    let eventful = run.trials.iter().filter(|data| data.eventful() && !data.slices.is_empty());
    side_by_side.chain(eventful.map(|data| trial::draw(run, data))).collect()
}

/// Small multiples with shared axes.
fn first_round(run: &RunData, load: &Load) -> Option<Draft> {
    let arms = run.groups().into_iter().flat_map(|(_, arms)| arms);
    let cells: Vec<&TrialData> = arms
        .filter_map(|arm| run.trials_of(&arm.slug, &load.slug).min_by_key(|d| d.trial.round))
        .filter(|data| !data.slices.is_empty())
        .collect();
    if cells.is_empty() {
        return None;
    }
    let mut picture = Picture::new();
    let title = format!("Latency over time, first round: {}", table::label(load));
    let mut top = head(&mut picture, &title, CAPTION) + 4.0;
    legend(&mut picture, top);
    top += 20.0;
    let (height, below) = (118.0, 46.0 + 2.0 * (STRIP + STRIP_GAP));
    for (index, data) in cells.iter().enumerate() {
        let (row, column) = (index / COLUMNS, index % COLUMNS);
        let width = (RIGHT - LEFT - GAP) / COLUMNS as f64;
        let left = LEFT + column as f64 * (width + GAP);
        let top = top + row as f64 * (height + below) + 20.0;
        let frame = Frame { left, right: left + width, top, bottom: top + height };
        cell(&mut picture, data, &frame, &cells, column == 0);
    }
    let rows = cells.len().div_ceil(COLUMNS) as f64;
    picture.height = top + rows * (height + below) + 8.0;
    let name = format!("timeline-{}", load.slug);
    Some(Draft { name, title, caption: CAPTION.to_owned(), picture })
}

struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

fn cell(
    picture: &mut Picture,
    data: &TrialData,
    frame: &Frame,
    all: &[&TrialData],
    labelled: bool,
) {
    let colour = if data.lost_data() { style::ALARM } else { style::INK };
    let ink = Ink::new(style::TEXT, colour).bold();
    let name = format!("{}{}", data.trial.arm, seals(data));
    let name = picture::fit(&name, frame.right - frame.left, ink);
    picture.text((frame.left, frame.top - 11.0), name, ink);
    let y = latency_axis(all, frame.bottom, frame.top);
    let x = time_axis(all, frame.left, frame.right);
    faults::shade(picture, &data.trial.faults, &x, frame.top, frame.bottom);
    y.draw_left(
        picture,
        frame.left,
        frame.right,
        if labelled { ms_label } else { |_| String::new() },
    );
    x.draw_below(picture, frame.top, frame.bottom, |_| String::new());
    strips(picture, data, frame, &x, all, labelled);
    latency_curves(picture, data, &x, &y);
    faults::lines(picture, &data.trial.faults, &x, frame.top, frame.bottom);
}

/// A number of batches of a slice.
type Count = fn(&Slice) -> u64;

/// Answers and backlog in small, with a scale that all cells share.
fn strips(
    picture: &mut Picture,
    data: &TrialData,
    frame: &Frame,
    x: &Axis,
    all: &[&TrialData],
    labelled: bool,
) {
    let values: [(&str, Count); 2] = [("answered", |s| s.acked), ("backlog", |s| s.backlog)];
    // A backlog of less than a slice's batches should look small.
    let slices = || all.iter().flat_map(|data| &data.slices);
    let a_slice = slices().map(|slice| slice.scheduled).max().unwrap_or(0).max(1);
    let mut top = frame.bottom + STRIP_GAP;
    for (name, value) in values {
        let highest = slices().map(value).fold(a_slice, u64::max);
        let y = Axis { low: 0.0, high: highest as f64, from: top + STRIP, to: top, log: false };
        let points = data.slices.iter().map(|s| (middle(s, data, x), y.at(value(s) as f64)));
        filled(picture, points.collect(), top + STRIP);
        picture.line((frame.left, top + STRIP), (frame.right, top + STRIP), style::GRID, 0.5);
        if labelled {
            let ink = Ink::new(style::SMALL, style::MUTED).align(Align::Right);
            picture.text((frame.left - 6.0, top + STRIP / 2.0), name, ink);
        }
        top += STRIP + STRIP_GAP;
    }
    x.draw_below(picture, top - STRIP_GAP, top - STRIP_GAP, seconds);
}

/// A line with a pale area below it.
pub(super) fn filled(picture: &mut Picture, points: Vec<Point>, bottom: f64) {
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        let mut area = points.clone();
        area.extend([(last.0, bottom), (first.0, bottom)]);
        picture.area(area, style::tint(style::BLUE, 0.16));
    }
    picture.path(points, style::BLUE, 1.0);
}

pub(super) fn latency_curves(picture: &mut Picture, data: &TrialData, x: &Axis, y: &Axis) {
    for curve in &CURVES {
        for stretch in stretches(data, x, |slice| (curve.value)(slice).map(|ns| y.at_ns(ns))) {
            picture.path(stretch, curve.colour, curve.width);
        }
    }
    for slice in data.slices.iter().filter(|slice| slice.unanswered > 0) {
        let at = middle(slice, data, x);
        picture.line((at, y.to), (at, y.to + 6.0), style::ALARM, 1.5);
    }
}

/// Points of a curve; where a slice has no value the line is interrupted.
fn stretches(data: &TrialData, x: &Axis, value: impl Fn(&Slice) -> Option<f64>) -> Vec<Vec<Point>> {
    let mut stretches: Vec<Vec<Point>> = vec![Vec::new()];
    for slice in &data.slices {
        match (value(slice), stretches.last_mut()) {
            (Some(y), Some(stretch)) => stretch.push((middle(slice, data, x), y)),
            _ => stretches.push(Vec::new()),
        }
    }
    for stretch in &mut stretches {
        // A value alone would be no line at all.
        if let [(x, y)] = stretch[..] {
            *stretch = vec![(x - 0.7, y), (x + 0.7, y)];
        }
    }
    stretches.retain(|stretch| !stretch.is_empty());
    stretches
}

pub(super) fn legend(picture: &mut Picture, y: f64) {
    let mut x = LEFT;
    for curve in CURVES.iter().rev() {
        x = axis::swatch(picture, (x, y), curve.colour, curve.name);
    }
}

pub(super) fn latency_axis(all: &[&TrialData], from: f64, to: f64) -> Axis {
    let slices = all.iter().flat_map(|data| &data.slices);
    let values = slices.flat_map(|slice| CURVES.iter().filter_map(move |c| (c.value)(slice)));
    // Lateness can be next to nothing; below a microsecond there is nothing to see.
    Axis::log_ms(values.filter(|ns| *ns >= 1_000), from, to)
}

pub(super) fn time_axis(all: &[&TrialData], from: f64, to: f64) -> Axis {
    let slices = || all.iter().flat_map(|data| &data.slices);
    let first = slices().map(|slice| slice.due_ms).min().unwrap_or(0).min(0) as f64 / 1e3;
    let ends = all.iter().flat_map(|data| {
        let width = slice_s(&data.slices);
        data.slices.iter().map(move |slice| slice.due_ms as f64 / 1e3 + width)
    });
    Axis { low: first, high: ends.fold(first + 0.1, f64::max), from, to, log: false }
}

pub(super) fn slice_s(slices: &[Slice]) -> f64 {
    let steps = slices.windows(2).map(|pair| pair[1].due_ms - pair[0].due_ms);
    steps.filter(|step| *step > 0).min().map_or(0.1, |ms| ms as f64 / 1e3)
}

pub(super) fn middle(slice: &Slice, data: &TrialData, x: &Axis) -> f64 {
    x.at(slice.due_ms as f64 / 1e3 + slice_s(&data.slices) / 2.0)
}

pub(super) fn seals(data: &TrialData) -> String {
    let mut text = String::new();
    if data.lost_data() {
        text.push_str(" · BROKEN");
    }
    if data.invalid() {
        text.push_str(" · INVALID");
    }
    text
}

pub(super) fn seconds(value: f64) -> String {
    format!("{} s", plain(value))
}
