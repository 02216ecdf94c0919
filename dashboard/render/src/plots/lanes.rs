//! The rows that `dots` and `cost` share: arms under their promises, one lane a load in each
//! row, names on the left, panels to the right.

use tailrace_measure::record::{Arm, AuditSeal, Load, Measurement};

use super::picture::{self, Ink, Picture, Point};
use super::style;
use crate::RunData;

/// Where names end and panels begin.
pub(crate) const PANELS_LEFT: f64 = 158.0;
const LANE_HEIGHT: f64 = 17.0;
const ROW_PADDING: f64 = 5.0;
const HEADING_HEIGHT: f64 = 24.0;

/// One arm under one load, and the y of its middle.
pub(crate) struct Lane<'a> {
    pub arm: &'a Arm,
    pub load: &'a Load,
    /// Place of the load among the headline loads: its colour and shape.
    pub index: usize,
    pub y: f64,
}

impl Lane<'_> {
    pub(crate) fn top(&self) -> f64 {
        self.y - LANE_HEIGHT / 2.0 + 1.0
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.y + LANE_HEIGHT / 2.0 - 1.0
    }
}

/// Lanes with the space they take.
pub(crate) struct Lanes<'a> {
    pub all: Vec<Lane<'a>>,
    pub bottom: f64,
    headings: Vec<(f64, &'a str)>,
    names: Vec<(f64, f64, &'a Arm)>,
}

/// Gives every arm that ran and every load a place, from `top` down.
pub(crate) fn lay_out(run: &RunData, top: f64) -> Lanes<'_> {
    let loads = run.headline_loads();
    let mut lanes = Lanes { all: vec![], bottom: top, headings: vec![], names: vec![] };
    let ran = |arm: &&Arm| run.trials.iter().any(|data| data.trial.arm == arm.slug);
    for (promise, arms) in run.groups() {
        let arms: Vec<&Arm> = arms.into_iter().filter(ran).collect();
        if arms.is_empty() {
            continue;
        }
        lanes.headings.push((lanes.bottom + HEADING_HEIGHT / 2.0, promise));
        lanes.bottom += HEADING_HEIGHT;
        for arm in arms {
            lanes.add_row(arm, &loads);
        }
    }
    lanes
}

impl<'a> Lanes<'a> {
    fn add_row(&mut self, arm: &'a Arm, loads: &[&'a Load]) {
        let height = loads.len() as f64 * LANE_HEIGHT;
        let top = self.bottom + ROW_PADDING;
        self.names.push((top, top + height, arm));
        for (index, load) in loads.iter().enumerate() {
            let y = top + (index as f64 + 0.5) * LANE_HEIGHT;
            self.all.push(Lane { arm, load, index, y });
        }
        self.bottom = top + height + ROW_PADDING;
    }

    /// Headings over grey bars and names with what is wrong about an arm; under the panels.
    pub(crate) fn draw_names(&self, picture: &mut Picture, run: &RunData) {
        let right = style::WIDTH - style::MARGIN;
        let heading = Ink::new(style::TEXT, style::INK).bold();
        for (y, text) in &self.headings {
            let half = HEADING_HEIGHT / 2.0 - 2.0;
            picture.rect((style::MARGIN, y - half), (right, y + half), style::FAINT);
            let text = picture::fit(text, right - style::MARGIN - 16.0, heading);
            picture.text((style::MARGIN + 8.0, *y), text, heading);
        }
        for (top, bottom, arm) in &self.names {
            name(picture, run, arm, (top + bottom) / 2.0);
        }
    }

    /// Stretches between headings, so that grid lines do not run through them.
    pub(crate) fn panels(&self) -> Vec<(f64, f64)> {
        let starts = self.headings.iter().map(|(y, _)| y + HEADING_HEIGHT / 2.0);
        let ends = self.headings.iter().skip(1).map(|(y, _)| y - HEADING_HEIGHT / 2.0);
        starts.zip(ends.chain([self.bottom])).collect()
    }
}

fn name(picture: &mut Picture, run: &RunData, arm: &Arm, y: f64) {
    let left = style::MARGIN + 8.0;
    let width = PANELS_LEFT - left - 10.0;
    let rows = run.summary.rows.iter().filter(|row| row.arm == arm.slug);
    let lost = rows.clone().any(|row| row.audit == AuditSeal::Broken);
    let struck = rows.clone().count() > 0
        && rows.clone().all(|row| row.measurement == Measurement::Invalid && row.trials_valid == 0);
    let colour = match (lost, struck) {
        (true, _) => style::ALARM,
        (false, true) => style::GREY,
        (false, false) => style::INK,
    };
    let mut note = Vec::new();
    if lost {
        note.push("BROKEN");
    }
    if arm.slug == run.manifest.experiment.baseline {
        note.push("baseline");
    }
    let ink = Ink::new(style::TEXT, colour).bold();
    let text = picture::fit(&arm.slug, width, ink);
    let shift = if note.is_empty() { 0.0 } else { 7.5 };
    if struck {
        let end = left + picture::width_of(&text, ink);
        picture.line((left, y - shift), (end, y - shift), style::GREY, 1.0);
    }
    picture.text((left, y - shift), text, ink);
    if !note.is_empty() {
        let small = Ink::new(style::SMALL, if lost { style::ALARM } else { style::MUTED });
        picture.text((left, y + shift), picture::fit(&note.join(", "), width, small), small);
    }
}

/// A load's mark: discs for the first, diamonds for the second, squares for the third.
pub(crate) fn mark(picture: &mut Picture, at: Point, index: usize, size: f64, hollow: bool) {
    let colour = style::series(index);
    shape(picture, at, index, size, colour);
    if hollow {
        shape(picture, at, index, size - 1.6, plotters::style::RGBColor(255, 255, 255));
    }
}

fn shape(
    picture: &mut Picture,
    (x, y): Point,
    index: usize,
    size: f64,
    colour: plotters::style::RGBColor,
) {
    match index % 3 {
        0 => picture.disc((x, y), size, colour),
        1 => {
            let reach = size * 1.25;
            let corners = vec![(x - reach, y), (x, y - reach), (x + reach, y), (x, y + reach)];
            picture.area(corners, colour);
        }
        _ => {
            let reach = size * 0.9;
            picture.rect((x - reach, y - reach), (x + reach, y + reach), colour);
        }
    }
}

/// Trials stand one below the other within a lane, the first round on top.
pub(crate) fn trial_y(lane: &Lane, round: u32, rounds: u32) -> f64 {
    let steps = f64::from(rounds.max(2) - 1);
    lane.y - 6.0 + 12.0 * (f64::from(round.saturating_sub(1)) / steps).min(1.0)
}

/// A trial.
pub(crate) fn trial_mark(picture: &mut Picture, at: Point) {
    picture.disc(at, 2.0, plotters::style::RGBColor(255, 255, 255));
    picture.disc(at, 1.5, style::tint(style::INK, 0.8));
}

/// A trial that does not count: hollow, grey, struck.
pub(crate) fn struck_mark(picture: &mut Picture, (x, y): Point) {
    picture.disc((x, y), 2.6, style::GREY);
    picture.disc((x, y), 1.6, plotters::style::RGBColor(255, 255, 255));
    picture.line((x - 4.0, y + 4.0), (x + 4.0, y - 4.0), style::GREY, 0.8);
}

/// What the marks of the loads mean; returns the x after it.
pub(crate) fn load_legend(picture: &mut Picture, run: &RunData, at: Point) -> f64 {
    let ink = Ink::new(style::SMALL, style::INK).bold();
    let mut x = at.0;
    for (index, load) in run.headline_loads().into_iter().enumerate() {
        mark(picture, (x + 5.0, at.1), index, 4.5, false);
        // Half a rate would be another rate: only its label may be cut.
        let rate = format!(": {}", crate::format::rate(load.rate_per_s));
        let left = 330.0 - picture::width_of(&rate, ink);
        let text = picture::fit(&load.label, left, ink) + &rate;
        picture.text((x + 15.0, at.1), text.clone(), ink);
        x += 15.0 + picture::width_of(&text, ink) + 18.0;
    }
    x
}
