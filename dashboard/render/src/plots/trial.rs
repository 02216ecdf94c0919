//! One trial over time, large: latency, answers, backlog, and the faults where they were made.
//! For trials in which something happened; how their curves are drawn is in `timeline`.

use tailrace_measure::record::Slice;

use super::axis::{Axis, ms_label, plain};
use super::picture::{self, Align, Ink, Picture, Point};
use super::timeline::{
    CAPTION, LEFT, RIGHT, filled, latency_axis, latency_curves, legend, middle, seals, seconds,
    slice_s, time_axis,
};
use super::{Draft, faults, head, style};
use crate::{RunData, TrialData};

/// A large picture of one trial: latency, answers a second, backlog.
pub(super) fn draw(run: &RunData, data: &TrialData) -> Draft {
    let trial = &data.trial;
    let mut picture = Picture::new();
    let title = format!("{}, {}, round {}{}", trial.arm, trial.load, trial.round, seals(data));
    let caption = match &trial.ended_early {
        Some(why) => format!("Ended early: {why} {CAPTION}"),
        None => CAPTION.to_owned(),
    };
    let mut top = head(&mut picture, &title, &caption) + 4.0;
    legend(&mut picture, top);
    top += 18.0;
    let x = time_axis(&[data], LEFT, RIGHT);
    let labels = fault_labels(&mut picture, data, &x, top);
    let panels_top = top + labels + 6.0;
    let bottom = panels(&mut picture, run, data, &x, panels_top);
    let ink = Ink::new(style::SMALL, style::INK).align(Align::Centre);
    picture.text((f64::midpoint(LEFT, RIGHT), bottom + 28.0), "when the batch was due", ink);
    picture.height = bottom + 44.0;
    let name = format!("timeline-{}-{}-{}", trial.arm, trial.load, trial.round);
    Draft { name, title, caption, picture }
}

fn panels(picture: &mut Picture, run: &RunData, data: &TrialData, x: &Axis, top: f64) -> f64 {
    let bottom = top + 220.0;
    let y = latency_axis(&[data], bottom, top);
    let faults = &data.trial.faults;
    faults::shade(picture, faults, x, top, bottom);
    y.draw_left(picture, LEFT, RIGHT, ms_label);
    x.draw_below(picture, top, bottom, |_| String::new());
    warm_up(picture, x, top, bottom);
    latency_curves(picture, data, x, &y);
    faults::lines(picture, faults, x, top - 6.0, bottom);
    let width_s = slice_s(&data.slices);
    let offered = data.trial.offered_per_s;
    let top = small_panel(
        picture,
        data,
        x,
        bottom + 30.0,
        "answered in time, per second of due time",
        offered,
        |s| s.acked as f64 / width_s,
    );
    let in_flight = run.manifest.experiment.loads.iter().find(|l| l.slug == data.trial.load);
    let text = match in_flight {
        Some(load) => format!(
            "backlog: unanswered batches (at most {})",
            crate::format::count(load.in_flight_max)
        ),
        None => "backlog: unanswered batches".to_owned(),
    };
    let bottom = small_panel(picture, data, x, top + 30.0, &text, 1.0, |s| s.backlog as f64);
    x.draw_below(picture, bottom, bottom, seconds);
    bottom
}

/// An area under a line, from zero; returns its lower edge.
fn small_panel(
    picture: &mut Picture,
    data: &TrialData,
    x: &Axis,
    top: f64,
    name: &str,
    at_least: f64,
    value: impl Fn(&Slice) -> f64,
) -> f64 {
    let bottom = top + 62.0;
    let highest = data.slices.iter().map(&value).fold(at_least, f64::max);
    let y = Axis::linear(highest, bottom, top);
    let points: Vec<Point> =
        data.slices.iter().map(|slice| (middle(slice, data, x), y.at(value(slice)))).collect();
    faults::shade(picture, &data.trial.faults, x, top, bottom);
    y.draw_left(picture, LEFT, RIGHT, plain);
    filled(picture, points, bottom);
    faults::lines(picture, &data.trial.faults, x, top, bottom);
    picture.text((LEFT, top - 10.0), name, Ink::new(style::SMALL, style::INK));
    bottom
}

/// Names of the faults, each in the first row in which it covers no other; returns their height.
fn fault_labels(picture: &mut Picture, data: &TrialData, x: &Axis, top: f64) -> f64 {
    let ink = Ink::new(style::SMALL, style::ALARM);
    let mut rows: Vec<f64> = Vec::new();
    for fault in &data.trial.faults {
        let at_s = fault.at_ns as f64 / 1e9;
        let text = format!("{} ({} s)", fault.what, crate::format::digits(at_s, 2));
        let text = picture::fit(&text, RIGHT - LEFT, ink);
        let width = picture::width_of(&text, ink);
        let left = (x.at(at_s) - 3.0).min(RIGHT - width);
        let row = rows.iter().position(|end| *end + 8.0 < left).unwrap_or(rows.len());
        rows.resize(rows.len().max(row + 1), 0.0);
        rows[row] = left + width;
        picture.text((left, top + row as f64 * 15.0), text, ink);
    }
    rows.len() as f64 * 15.0
}

fn warm_up(picture: &mut Picture, x: &Axis, top: f64, bottom: f64) {
    if x.low < 0.0 {
        let zero = x.at(0.0);
        picture.dashed((zero, top), (zero, bottom), style::GREY, 0.8);
        let ink = Ink::new(style::SMALL, style::MUTED).align(Align::Right);
        if zero - x.from > picture::width_of("warm-up", ink) + 6.0 {
            picture.text((zero - 4.0, bottom - 9.0), "warm-up", ink);
        }
    }
}
