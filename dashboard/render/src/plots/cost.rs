//! What a metric costs: processor time of server, workers and backend, payload bytes both ways; a bar an
//! arm and load, a dot a trial. Axes start at zero, so lengths compare. The generator's own cost
//! is not in it: see the report's trials.

use tailrace_measure::record::Cost;

use super::axis::{Axis, plain};
use super::lanes::{self, Lane, Lanes, PANELS_LEFT};
use super::picture::{Align, Ink, Picture};
use super::{Draft, head, style};
use crate::{RunData, format};

const CPU_RIGHT: f64 = 450.0;
const BYTES_LEFT: f64 = 500.0;
/// Space for the figure at the end of the longest bar.
const FIGURE_WIDTH: f64 = 46.0;

const CAPTION: &str = "What to look for: how much of an arm's bar is its backend, and how the cost \
    of a metric falls when the rate rises: at a low rate every message pays its own wake-up. On \
    loopback part of the kernel's receive work is booked on the sender, so the split by process is \
    approximate. Bytes are payload, without TCP/IP headers.";

pub(super) fn draw(run: &RunData) -> Draft {
    let mut picture = Picture::new();
    let title = "What a metric costs".to_owned();
    let top = head(&mut picture, &title, CAPTION);
    let x = lanes::load_legend(&mut picture, run, (style::MARGIN, top + 4.0));
    let ink = Ink::new(style::SMALL, style::MUTED);
    picture.text((x, top + 4.0), "bar: median · dot: a trial, rounds from top to bottom", ink);
    let lanes = lanes::lay_out(run, top + 24.0);
    lanes.draw_names(&mut picture, run);
    let right = style::WIDTH - style::MARGIN;
    let panels = [
        (
            Bars::cpu(run, PANELS_LEFT, CPU_RIGHT - FIGURE_WIDTH),
            "CPU µs per metric: server and workers, backend (pale)",
        ),
        (
            Bars::bytes(run, BYTES_LEFT, right - FIGURE_WIDTH),
            "bytes per metric: sent, received (pale)",
        ),
    ];
    for (bars, label) in panels {
        panel(&mut picture, run, &lanes, &bars, label);
    }
    picture.height = lanes.bottom + 44.0;
    Draft { name: "cost".to_owned(), title, caption: CAPTION.to_owned(), picture }
}

fn panel(picture: &mut Picture, run: &RunData, lanes: &Lanes, bars: &Bars, label: &str) {
    for (top, bottom) in lanes.panels() {
        let last = (bottom - lanes.bottom).abs() < 0.1;
        let labels = if last { plain } else { |_| String::new() };
        bars.axis.draw_below(picture, top, bottom, labels);
    }
    let ink = Ink::new(style::SMALL, style::INK).align(Align::Centre);
    let middle = (bars.axis.from + bars.axis.to + FIGURE_WIDTH) / 2.0;
    picture.text((middle, lanes.bottom + 28.0), label, ink);
    bars.draw(picture, run, lanes, true);
}

/// Two parts of a cost, one behind the other.
pub(super) struct Bars {
    pub axis: Axis,
    parts: fn(&Cost) -> Option<(f64, f64)>,
    figure: fn(f64) -> String,
}

impl Bars {
    pub(super) fn cpu(run: &RunData, from: f64, to: f64) -> Bars {
        let parts = |cost: &Cost| {
            let whole = cost.cpu_us_per_metric()?;
            let backend = cost.backend_cpu_us_per_metric.unwrap_or(0.0);
            Some((whole - backend, backend))
        };
        Bars { axis: axis(run, parts, from, to), parts, figure: |us| format::digits(us, 2) }
    }

    fn bytes(run: &RunData, from: f64, to: f64) -> Bars {
        let parts =
            |cost: &Cost| Some((cost.sent_bytes_per_metric, cost.received_bytes_per_metric));
        Bars { axis: axis(run, parts, from, to), parts, figure: |bytes| format::digits(bytes, 3) }
    }

    /// A bar a lane, of the valid trials' medians, and a dot a trial.
    pub(super) fn draw(&self, picture: &mut Picture, run: &RunData, lanes: &Lanes, figures: bool) {
        for lane in &lanes.all {
            self.bar(picture, run, lane, figures);
            for data in run.trials_of(&lane.arm.slug, &lane.load.slug) {
                let Some((first, second)) = (self.parts)(&data.trial.cost) else { continue };
                let rounds = run.manifest.experiment.rounds;
                let y = lanes::trial_y(lane, data.trial.round, rounds);
                let at = (self.axis.at(first + second), y);
                if data.invalid() {
                    lanes::struck_mark(picture, at);
                } else {
                    lanes::trial_mark(picture, at);
                }
            }
        }
    }

    fn bar(&self, picture: &mut Picture, run: &RunData, lane: &Lane, figures: bool) {
        let trials = run.trials_of(&lane.arm.slug, &lane.load.slug);
        let counted = trials.filter(|data| !data.invalid());
        let parts: Vec<(f64, f64)> =
            counted.filter_map(|data| (self.parts)(&data.trial.cost)).collect();
        let (Some(first), Some(whole)) =
            (median(parts.iter().map(|p| p.0)), median(parts.iter().map(|p| p.0 + p.1)))
        else {
            let ink = Ink::new(style::SMALL, style::GREY);
            picture.text((self.axis.from + 4.0, lane.y), format::NOTHING, ink);
            return;
        };
        let (top, bottom) = (lane.y - 5.0, lane.y + 5.0);
        let (zero, split, end) =
            (self.axis.at(0.0), self.axis.at(first.min(whole)), self.axis.at(whole));
        let colour = style::series(lane.index);
        picture.rect((zero, top), (split, bottom), colour);
        picture.rect((split, top), (end, bottom), style::tint(colour, 0.4));
        if figures {
            let most = parts.iter().map(|p| p.0 + p.1).fold(whole, f64::max);
            let at = (self.axis.at(most) + 8.0, lane.y);
            picture.text(at, (self.figure)(whole), Ink::new(style::SMALL, style::INK));
        }
    }
}

fn axis(run: &RunData, parts: fn(&Cost) -> Option<(f64, f64)>, from: f64, to: f64) -> Axis {
    let loads: Vec<&str> = run.headline_loads().iter().map(|load| load.slug.as_str()).collect();
    let trials = run.trials.iter().filter(|data| loads.contains(&data.trial.load.as_str()));
    let sums = trials.filter_map(|data| parts(&data.trial.cost)).map(|(a, b)| a + b);
    Axis::linear(sums.filter(|sum| sum.is_finite()).fold(0.0, f64::max), from, to)
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}
