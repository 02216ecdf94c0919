//! The percentile spectrum: the whole distribution of an arm, with the rare and slow as wide as
//! the common. Trials are thin lines, their merger is bold; beyond its support a line is grey.
//! Unanswered batches rank as infinite: a line that meets them leaves through the top.

use hdrhistogram::Histogram;
use plotters::style::RGBColor;
use tailrace_measure::record::{Arm, Load, SUPPORT_MIN};

use super::axis::{Axis, ms_label};
use super::picture::{self, Align, Ink, Picture, Point};
use super::{Draft, head, style};
use crate::{RunData, TrialData, table};

const LEFT: f64 = 76.0;
const RIGHT: f64 = 640.0;
const PANEL_HEIGHT: f64 = 360.0;
const BEYOND_HEIGHT: f64 = 26.0;
/// Where curves begin, as 1/(1−q): below a fifth of the batches there is nothing to compare.
const START: f64 = 1.25;
/// Steps of a curve for one power of ten of 1/(1−q).
const STEPS_PER_DECADE: f64 = 40.0;

const CAPTION: &str = "What to look for: where a curve turns upwards. Left is the common case, \
    each step to the right from 90 % on is ten times rarer. Bold: all rounds of an arm together; thin: \
    each trial; grey: fewer than 10 batches lie above, one bad moment could have made it. A curve \
    that leaves through the top met batches that were never answered in time.";

/// Acknowledged batches and, above all of them, the unanswered.
struct Spectrum {
    ack: Histogram<u64>,
    unanswered: u64,
}

impl Spectrum {
    fn of(data: &TrialData) -> Spectrum {
        Spectrum { ack: data.ack.clone(), unanswered: data.trial.outcomes.unanswered() }
    }

    /// All valid trials as one. Trials of one arm are recorded alike, so adding cannot fail for
    /// range; a trial that could not be added would be missing here and stay as a thin line.
    fn merged<'a>(trials: impl Iterator<Item = &'a TrialData>) -> Option<Spectrum> {
        let mut counted = trials.filter(|data| !data.invalid());
        let mut whole = Spectrum::of(counted.next()?);
        for data in counted {
            if whole.ack.add(&data.ack).is_ok() {
                whole.unanswered += data.trial.outcomes.unanswered();
            }
        }
        Some(whole)
    }

    fn total(&self) -> u64 {
        self.ack.len() + self.unanswered
    }

    /// None: the percentile falls among the unanswered.
    fn at(&self, q: f64) -> Option<u64> {
        let rank = (q * self.total() as f64).ceil().max(1.0);
        let share = rank / self.ack.len().max(1) as f64;
        (share <= 1.0 && !self.ack.is_empty()).then(|| self.ack.value_at_quantile(share))
    }

    fn supported(&self, q: f64) -> bool {
        self.total() as f64 * (1.0 - q) >= SUPPORT_MIN as f64 - 1e-6
    }
}

struct Frame {
    x: Axis,
    y: Axis,
    top: f64,
    beyond: bool,
}

pub(super) fn draw(run: &RunData, load: &Load) -> Draft {
    let mut picture = Picture::new();
    let title = format!("Percentile spectrum: {}", table::label(load));
    let top = head(&mut picture, &title, CAPTION) + 6.0;
    let frame = frame(run, load, top);
    grid(&mut picture, &frame, load);
    let mut ends = Vec::new();
    for (index, arm) in ordered(run).into_iter().enumerate() {
        let colour = if arm.floor { style::MUTED } else { style::series(index) };
        if let Some(end) = arm_curves(&mut picture, run, load, arm, colour, &frame) {
            ends.push((end, arm.slug.as_str(), colour));
        }
    }
    name_curves(&mut picture, ends, top);
    picture.height = top + PANEL_HEIGHT + 46.0;
    Draft { name: format!("spectrum-{}", load.slug), title, caption: CAPTION.to_owned(), picture }
}

/// The floor last, so that arms keep their colours whether there is a floor or not.
fn ordered(run: &RunData) -> Vec<&Arm> {
    let (floors, arms): (Vec<&Arm>, Vec<&Arm>) = run.arms().iter().partition(|arm| arm.floor);
    arms.into_iter().chain(floors).collect()
}

fn frame(run: &RunData, load: &Load, top: f64) -> Frame {
    let trials = || run.trials.iter().filter(|data| data.trial.load == load.slug);
    let merged = run.arms().iter().filter_map(|arm| {
        Spectrum::merged(run.trials_of(&arm.slug, &load.slug)).map(|whole| whole.total())
    });
    let most = merged.max().unwrap_or(100).max(100);
    let beyond = trials().any(|data| !data.invalid() && data.trial.outcomes.unanswered() > 0);
    let values = trials().filter(|data| !data.ack.is_empty());
    let values =
        values.flat_map(|data| [data.ack.value_at_quantile(1.0 - 1.0 / START), data.ack.max()]);
    let ceiling = if beyond { top + BEYOND_HEIGHT } else { top };
    let x = Axis { low: START, high: most as f64, from: LEFT, to: RIGHT, log: true };
    Frame { x, y: Axis::log_ms(values, top + PANEL_HEIGHT, ceiling), top, beyond }
}

fn grid(picture: &mut Picture, frame: &Frame, load: &Load) {
    let bottom = frame.top + PANEL_HEIGHT;
    frame.y.draw_left(picture, LEFT, RIGHT, ms_label);
    let ink = Ink::new(style::SMALL, style::MUTED).align(Align::Centre);
    for (value, label) in percentiles(frame.x.high) {
        let x = frame.x.at(value);
        picture.line((x, frame.top), (x, bottom), style::GRID, 0.5);
        picture.text((x, bottom + 12.0), label, ink);
    }
    let axis = Ink::new(style::SMALL, style::INK).align(Align::Centre);
    let text = "percentile of the batches due · latency from due to acknowledged, log scale";
    picture.text((f64::midpoint(LEFT, RIGHT), bottom + 30.0), text, axis);
    if frame.beyond {
        let corner = (RIGHT, frame.top + BEYOND_HEIGHT - 4.0);
        picture.rect((LEFT, frame.top), corner, style::tint(style::ALARM, 0.08));
        let text = format!("> timeout ({})", ms_label(load.timeout_ms as f64));
        let ink = Ink::new(style::SMALL, style::ALARM);
        picture.text((LEFT + 8.0, frame.top + 11.0), text, ink);
    }
}

/// `50 %`, `90 %`, `99 %` … at 1/(1−q) = 2, 10, 100 …
fn percentiles(most: f64) -> Vec<(f64, String)> {
    let mut labels = vec![(2.0, "50 %".to_owned()), (10.0, "90 %".to_owned())];
    for nines in 2..9_usize {
        let text = match nines {
            2 => "99 %".to_owned(),
            _ => format!("99.{} %", "9".repeat(nines - 2)),
        };
        labels.push((10_f64.powf(nines as f64), text));
    }
    labels.retain(|(value, _)| *value <= most);
    labels
}

/// Thin lines for the trials, a bold one for the arm; returns where the bold one ends.
fn arm_curves(
    picture: &mut Picture,
    run: &RunData,
    load: &Load,
    arm: &Arm,
    colour: RGBColor,
    frame: &Frame,
) -> Option<Point> {
    for data in run.trials_of(&arm.slug, &load.slug) {
        let pale = if data.invalid() { style::GRID } else { style::tint(colour, 0.3) };
        let (within, beyond) = curve(&Spectrum::of(data), frame);
        picture.path(within, pale, 0.5);
        picture.path(beyond, style::FAINT, 0.5);
    }
    let merged = Spectrum::merged(run.trials_of(&arm.slug, &load.slug))?;
    let (within, beyond) = curve(&merged, frame);
    let end = beyond.last().or(within.last()).copied();
    picture.path(beyond, style::GREY, 1.0);
    picture.path(within, colour, if arm.floor { 1.5 } else { 2.0 });
    end
}

/// The curve in two pieces: with support, and beyond it. They share a point.
fn curve(spectrum: &Spectrum, frame: &Frame) -> (Vec<Point>, Vec<Point>) {
    let (mut within, mut beyond) = (Vec::new(), Vec::new());
    let total = spectrum.total() as f64;
    if total < 1.0 {
        return (within, beyond);
    }
    let first = (START.log10() * STEPS_PER_DECADE).ceil() as u32;
    let last = (total.log10() * STEPS_PER_DECADE).floor() as u32;
    for step in first..=last {
        let inverse = 10_f64.powf(f64::from(step) / STEPS_PER_DECADE);
        let q = 1.0 - 1.0 / inverse;
        let x = frame.x.at(inverse);
        let value = spectrum.at(q);
        let point = (x, value.map_or(frame.top, |ns| frame.y.at_ns(ns)));
        if spectrum.supported(q) {
            within.push(point);
        } else {
            beyond.extend(within.last().copied().filter(|_| beyond.is_empty()));
            beyond.push(point);
        }
        if value.is_none() {
            break;
        }
    }
    (within, beyond)
}

/// Names at the right edge, pushed apart, with a thin line to the curve's end.
fn name_curves(picture: &mut Picture, mut ends: Vec<(Point, &str, RGBColor)>, top: f64) {
    let height = style::TEXT + 4.0;
    ends.sort_by(|a, b| a.0.1.total_cmp(&b.0.1).then(b.0.0.total_cmp(&a.0.0)));
    let mut places: Vec<f64> = ends.iter().map(|(end, ..)| end.1).collect();
    for index in 1..places.len() {
        places[index] = places[index].max(places[index - 1] + height);
    }
    let mut limit = top + PANEL_HEIGHT;
    for place in places.iter_mut().rev() {
        *place = place.min(limit);
        limit = *place - height;
    }
    for ((end, slug, colour), y) in ends.into_iter().zip(places) {
        let x = RIGHT + 22.0;
        picture.dashed(end, (x - 4.0, y), style::tint(colour, 0.6), 0.5);
        // Names in ink: some of the colours are too light to be read.
        picture.rect((x, y - 4.0), (x + 8.0, y + 4.0), colour);
        let ink = Ink::new(style::TEXT, style::INK).bold();
        let text = picture::fit(slug, style::WIDTH - style::MARGIN - x - 13.0, ink);
        picture.text((x + 13.0, y), text, ink);
    }
}

#[cfg(test)]
mod tests {
    use super::{Spectrum, percentiles};
    use hdrhistogram::Histogram;

    #[test]
    fn unanswered_batches_lie_above_all_others() {
        let mut ack = Histogram::new(3).unwrap();
        ack.record_n(1_000_000, 95).unwrap();
        let spectrum = Spectrum { ack, unanswered: 5 };
        assert!(spectrum.at(0.95).is_some());
        assert_eq!(spectrum.at(0.96), None);
        assert!(spectrum.supported(0.9));
        assert!(!spectrum.supported(0.91));
    }

    #[test]
    fn labels_end_where_batches_end() {
        let labels: Vec<String> = percentiles(20_000.0).into_iter().map(|(_, l)| l).collect();
        assert_eq!(labels, ["50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
    }
}
