//! Axes: from values to places, and ticks that a person would choose.

use plotters::style::RGBColor;

use super::picture::{Align, Ink, Picture};
use super::style;

/// A value's way onto the picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    pub low: f64,
    pub high: f64,
    /// Place of `low` and of `high`, in units; for upright axes `from` is larger.
    pub from: f64,
    pub to: f64,
    pub log: bool,
}

impl Axis {
    /// A logarithmic axis of milliseconds around the values, from one 1-2-5 step to another.
    pub(crate) fn log_ms(values_ns: impl Iterator<Item = u64>, from: f64, to: f64) -> Axis {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for ms in values_ns.filter(|ns| *ns > 0).map(|ns| ns as f64 / 1e6) {
            (low, high) = (low.min(ms), high.max(ms));
        }
        if low > high {
            (low, high) = (0.1, 10.0);
        }
        let (low, mut high) = (step_below(low * 0.95), step_above(high * 1.05));
        if high / low < 10.0 {
            high = low * 10.0;
        }
        Axis { low, high, from, to, log: true }
    }

    /// A linear axis from zero.
    pub(crate) fn linear(highest: f64, from: f64, to: f64) -> Axis {
        let high = if highest.is_finite() && highest > 0.0 { highest * 1.08 } else { 1.0 };
        Axis { low: 0.0, high, from, to, log: false }
    }

    /// Place of a value; what lies outside is put on the edge.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(1e-12) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + (self.to - self.from) * share.clamp(0.0, 1.0)
    }

    /// Place of a latency.
    pub(crate) fn at_ns(&self, ns: u64) -> f64 {
        self.at(ns as f64 / 1e6)
    }

    /// Values with a label: powers of ten, with 2 and 5 between them when there is room.
    pub(crate) fn ticks(&self, count: f64) -> Vec<f64> {
        if !self.log {
            return self.linear_ticks(count);
        }
        let steps: &[f64] =
            if (self.high / self.low).log10() <= count / 4.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        self.log_steps(steps)
    }

    /// Values with a faint line.
    pub(crate) fn faint(&self) -> Vec<f64> {
        if self.log {
            self.log_steps(&[2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
        } else {
            Vec::new()
        }
    }

    fn linear_ticks(&self, count: f64) -> Vec<f64> {
        let step = step_above(self.high / count);
        let whole = (self.high / step + 1e-9).floor() as u32;
        (0..=whole).map(|index| f64::from(index) * step).collect()
    }

    fn log_steps(&self, steps: &[f64]) -> Vec<f64> {
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let all = decades.flat_map(|decade| steps.iter().map(move |s| s * 10_f64.powi(decade)));
        all.filter(|v| *v >= self.low * 0.999 && *v <= self.high * 1.001).collect()
    }

    /// Upright lines over a panel and labels below it.
    pub(crate) fn draw_below(&self, picture: &mut Picture, top: f64, bottom: f64, label: Labels) {
        for value in self.faint() {
            let x = self.at(value);
            picture.line((x, top), (x, bottom), style::FAINT, 0.5);
        }
        let ink = Ink::new(style::SMALL, style::MUTED).align(Align::Centre);
        for value in self.ticks((self.to - self.from).abs() / 45.0) {
            let x = self.at(value);
            picture.line((x, top), (x, bottom), style::GRID, 0.5);
            picture.text((x, bottom + 11.0), label(value), ink);
        }
    }

    /// Level lines over a panel and labels to its left.
    pub(crate) fn draw_left(&self, picture: &mut Picture, left: f64, right: f64, label: Labels) {
        for value in self.faint() {
            let y = self.at(value);
            picture.line((left, y), (right, y), style::FAINT, 0.5);
        }
        let ink = Ink::new(style::SMALL, style::MUTED).align(Align::Right);
        for value in self.ticks((self.to - self.from).abs() / 26.0) {
            let y = self.at(value);
            picture.line((left, y), (right, y), style::GRID, 0.5);
            picture.text((left - 6.0, y), label(value), ink);
        }
    }
}

/// A tick's text.
pub(crate) type Labels = fn(f64) -> String;

/// `0.1 ms`, `100 ms`, `1 s`.
pub(crate) fn ms_label(ms: f64) -> String {
    if ms >= 999.5 { format!("{} s", plain(ms / 1000.0)) } else { format!("{} ms", plain(ms)) }
}

/// `0.5`, `20`, `1 500`.
pub(crate) fn plain(value: f64) -> String {
    let text = crate::format::digits(value, 3);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A colour and a name.
pub(crate) fn swatch(picture: &mut Picture, at: (f64, f64), colour: RGBColor, text: &str) -> f64 {
    picture.rect((at.0, at.1 - 4.0), (at.0 + 10.0, at.1 + 4.0), colour);
    let ink = Ink::new(style::SMALL, style::MUTED);
    picture.text((at.0 + 15.0, at.1), text, ink);
    at.0 + 15.0 + super::picture::width_of(text, ink) + 16.0
}

fn step_above(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let step = steps.iter().find(|step| *step * decade >= value * 0.999_999).unwrap_or(&10.0);
    step * decade
}

fn step_below(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    let steps = [5.0, 2.0, 1.0];
    let step = steps.iter().find(|step| *step * decade <= value * 1.000_001).unwrap_or(&1.0);
    step * decade
}

#[cfg(test)]
mod tests {
    use super::{Axis, ms_label, plain};

    #[test]
    fn ticks_are_those_a_person_would_choose() {
        let axis = Axis::log_ms([42_000, 950_000_000].into_iter(), 0.0, 400.0);
        let labels: Vec<String> = axis.ticks(8.0).into_iter().map(ms_label).collect();
        assert_eq!(labels, ["0.1 ms", "1 ms", "10 ms", "100 ms", "1 s"]);
        let labels: Vec<String> =
            Axis::linear(18.0, 0.0, 200.0).ticks(4.0).into_iter().map(plain).collect();
        assert_eq!(labels, ["0", "5", "10", "15"]);
    }

    #[test]
    fn places_stay_on_the_axis() {
        let axis = Axis::log_ms([1_000_000, 90_000_000].into_iter(), 10.0, 110.0);
        assert!((axis.at_ns(0) - 10.0).abs() < 1e-9);
        assert!((axis.at_ns(u64::MAX) - 110.0).abs() < 1e-9);
        assert!(axis.at_ns(10_000_000) > axis.at_ns(9_000_000));
    }
}
