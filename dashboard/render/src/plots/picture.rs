//! A picture as a list of shapes, in units with y downwards. Layout is done here, once; `paint`
//! puts the same list into an SVG and a PNG, so both always show the same.

use plotters::style::{FontDesc, FontFamily, FontStyle, RGBColor};

use super::style;

/// A place in units.
pub(crate) type Point = (f64, f64);

/// Where text hangs on its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Centre,
    Right,
}

/// How text looks. The point is at half its height.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ink {
    pub size: f64,
    pub colour: RGBColor,
    pub bold: bool,
    pub align: Align,
}

impl Ink {
    pub(crate) fn new(size: f64, colour: RGBColor) -> Ink {
        Ink { size, colour, bold: false, align: Align::Left }
    }

    pub(crate) fn bold(self) -> Ink {
        Ink { bold: true, ..self }
    }

    pub(crate) fn align(self, align: Align) -> Ink {
        Ink { align, ..self }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Path { points: Vec<Point>, colour: RGBColor, width: f64 },
    Area { points: Vec<Point>, colour: RGBColor },
    Box { from: Point, to: Point, colour: RGBColor },
    Disc { centre: Point, radius: f64, colour: RGBColor },
    Text { at: Point, text: String, ink: Ink },
}

/// What is drawn later lies above.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub height: f64,
    pub shapes: Vec<Shape>,
}

impl Picture {
    pub(crate) fn new() -> Picture {
        Picture { height: 0.0, shapes: Vec::new() }
    }

    pub(crate) fn path(&mut self, points: Vec<Point>, colour: RGBColor, width: f64) {
        self.shapes.push(Shape::Path { points, colour, width });
    }

    pub(crate) fn line(&mut self, from: Point, to: Point, colour: RGBColor, width: f64) {
        self.path(vec![from, to], colour, width);
    }

    /// A straight line in dashes.
    pub(crate) fn dashed(&mut self, from: Point, to: Point, colour: RGBColor, width: f64) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy).max(1e-9);
        let (dash, step) = (4.0, 7.0);
        for index in 0..(length / step).ceil() as u32 {
            let start = f64::from(index) * step / length;
            let end = (start + dash / length).min(1.0);
            let at = |share: f64| (from.0 + dx * share, from.1 + dy * share);
            self.line(at(start), at(end), colour, width);
        }
    }

    pub(crate) fn area(&mut self, points: Vec<Point>, colour: RGBColor) {
        self.shapes.push(Shape::Area { points, colour });
    }

    pub(crate) fn rect(&mut self, from: Point, to: Point, colour: RGBColor) {
        self.shapes.push(Shape::Box { from, to, colour });
    }

    pub(crate) fn disc(&mut self, centre: Point, radius: f64, colour: RGBColor) {
        self.shapes.push(Shape::Disc { centre, radius, colour });
    }

    pub(crate) fn text(&mut self, at: Point, text: impl Into<String>, ink: Ink) {
        self.shapes.push(Shape::Text { at, text: text.into(), ink });
    }

    /// Text broken into lines of at most `width`; returns the y below it.
    pub(crate) fn paragraph(&mut self, at: Point, width: f64, text: &str, ink: Ink) -> f64 {
        let mut y = at.1;
        for line in wrap(text, width, ink) {
            self.text((at.0, y), line, ink);
            y += ink.size * 1.35;
        }
        y
    }

    /// Boxes of all text, for those who must not cover it.
    #[cfg(test)]
    pub(crate) fn text_boxes(&self) -> Vec<(String, Point, Point)> {
        let boxes = self.shapes.iter().filter_map(|shape| match shape {
            Shape::Text { at, text, ink } => {
                let width = width_of(text, *ink);
                let left = match ink.align {
                    Align::Left => at.0,
                    Align::Centre => at.0 - width / 2.0,
                    Align::Right => at.0 - width,
                };
                let half = ink.size * 0.4;
                Some((text.clone(), (left, at.1 - half), (left + width, at.1 + half)))
            }
            _ => None,
        });
        boxes.collect()
    }
}

/// Width of a line of text in units.
pub(crate) fn width_of(text: &str, ink: Ink) -> f64 {
    let style = if ink.bold { FontStyle::Bold } else { FontStyle::Normal };
    // Measured large, because the answer is in whole pixels.
    let font = FontDesc::new(FontFamily::Name(style::FONT), ink.size * 8.0, style);
    font.box_size(text).map_or(text.len() as f64 * ink.size * 0.6, |size| f64::from(size.0) / 8.0)
}

/// Cuts text that is too wide and says so with an ellipsis.
pub(crate) fn fit(text: &str, width: f64, ink: Ink) -> String {
    if width_of(text, ink) <= width {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while !kept.is_empty() {
        kept.pop();
        let shorter: String = kept.iter().chain(['…'].iter()).collect();
        if width_of(&shorter, ink) <= width {
            return shorter;
        }
    }
    "…".to_owned()
}

fn wrap(text: &str, width: f64, ink: Ink) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width_of(&format!("{line} {word}"), ink) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
