//! Latency against rate: every trial of a search for capacity. Which rates passed is drawn as it
//! was judged; nothing is judged here.

use tailrace_measure::record::{Capacity, CapacityTrial, CapacityVerdict};

use super::axis::{Axis, ms_label, plain};
use super::picture::{Align, Ink, Picture};
use super::{Draft, head, style};

const LEFT: f64 = 84.0;
const RIGHT: f64 = style::WIDTH - style::MARGIN - 10.0;
const PANEL_HEIGHT: f64 = 300.0;
/// Radius of a trial's dot.
const DOT: f64 = 3.6;

const CAPTION: &str = "What to look for: where the dots leave the floor of the curve. Each dot is a \
    trial on a fresh server: blue passed, red failed, grey says nothing; p99 filled, p50 small. \
    Dots on the upper edge lie beyond the timeout. Dashed: between these rates the capacity lies.";

pub(crate) fn draw(capacity: &Capacity) -> Draft {
    let mut picture = Picture::new();
    let title = format!("{}: latency against rate", capacity.arm);
    let top = head(&mut picture, &title, CAPTION) + 10.0;
    let bottom = top + PANEL_HEIGHT;
    let (rates, latency) = (rates(capacity), latencies(capacity, top, bottom));
    rates.draw_below(&mut picture, top, bottom, plain);
    latency.draw_left(&mut picture, LEFT, RIGHT, ms_label);
    for rate in [capacity.passed_per_s, capacity.failed_per_s].into_iter().flatten() {
        let x = rates.at(rate);
        picture.dashed((x, top), (x, bottom), style::GREY, 1.2);
    }
    for (x, trial) in trials(capacity).map(|(rate, trial)| (rates.at(rate), trial)) {
        let y = |ns: Option<u64>| ns.map_or(top, |ns| latency.at_ns(ns));
        let colour = match trial.verdict {
            CapacityVerdict::Passed => style::BLUE,
            CapacityVerdict::Failed => style::ALARM,
            CapacityVerdict::Undecided => style::GREY,
        };
        picture.disc((x, y(trial.ack_p50_ns)), DOT / 2.0, style::tint(colour, 0.6));
        picture.disc((x, y(trial.ack_p99_ns)), DOT, colour);
    }
    let ink = Ink::new(style::SMALL, style::INK).align(Align::Centre);
    let middle = f64::midpoint(LEFT, RIGHT);
    picture.text((middle, bottom + 28.0), "batches due a second, log scale", ink);
    picture.height = bottom + 44.0;
    Draft { name: "capacity".to_owned(), title, caption: CAPTION.to_owned(), picture }
}

fn trials(capacity: &Capacity) -> impl Iterator<Item = (f64, &CapacityTrial)> {
    capacity.rungs.iter().flat_map(|rung| rung.trials.iter().map(|t| (rung.rate_per_s, t)))
}

fn rates(capacity: &Capacity) -> Axis {
    let rates = || capacity.rungs.iter().map(|rung| rung.rate_per_s);
    let low = rates().fold(f64::INFINITY, f64::min).min(1e9) * 0.9;
    let high = rates().fold(low * 2.0, f64::max) * 1.1;
    Axis { low, high, from: LEFT, to: RIGHT, log: true }
}

fn latencies(capacity: &Capacity, top: f64, bottom: f64) -> Axis {
    let values = trials(capacity).flat_map(|(_, trial)| [trial.ack_p50_ns, trial.ack_p99_ns]);
    Axis::log_ms(values.flatten(), bottom, top)
}
