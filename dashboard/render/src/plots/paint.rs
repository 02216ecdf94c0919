//! A picture onto plotters' backends: SVG text and PNG file.

use std::path::Path;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle};

use super::picture::{Align, Ink, Picture, Point, Shape};
use super::style::{FONT, SCALE, WIDTH};

/// Pixels of a picture's PNG.
pub(crate) fn size(picture: &Picture) -> (u32, u32) {
    ((WIDTH * SCALE) as u32, (picture.height * SCALE).ceil() as u32)
}

/// The picture as an SVG document that says what it shows to those who cannot see it.
pub(crate) fn svg(picture: &Picture, title: &str) -> Result<String, String> {
    let mut document = String::new();
    let size = size(picture);
    paint(SVGBackend::with_string(&mut document, size), picture, true)?;
    let body = document.split_once(">\n").map_or("", |(_, body)| body);
    let (title, height) = (escaped(title), picture.height.ceil());
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n{body}",
        size.0, size.1
    ))
}

/// The picture as a PNG file; the extension of `path` must be `png`.
pub(crate) fn png(picture: &Picture, path: &Path) -> Result<(), String> {
    paint(BitMapBackend::new(path, size(picture)), picture, false)
}

fn escaped(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    escaped.replace('"', "&quot;")
}

/// `joined`: the backend joins the segments of a path well. The bitmap's outlines of thick
/// jagged paths cross themselves, so there each segment is drawn alone.
fn paint<B: DrawingBackend>(mut backend: B, picture: &Picture, joined: bool) -> Result<(), String> {
    super::style::load_font()?;
    let white = RGBColor(255, 255, 255);
    let page =
        backend.draw_rect((0, 0), pixel((WIDTH, picture.height + 1.0)), &white.filled(), true);
    told(page)?;
    for shape in &picture.shapes {
        put(&mut backend, shape, joined)?;
    }
    told(backend.present())
}

type Drawn = Result<(), String>;

/// Errors as text: their type belongs to the backend.
fn told<E: std::fmt::Display>(drawn: Result<(), E>) -> Drawn {
    drawn.map_err(|error| error.to_string())
}

fn put<B: DrawingBackend>(backend: &mut B, shape: &Shape, joined: bool) -> Drawn {
    match shape {
        Shape::Path { points, colour, width } => path(backend, points, *colour, *width, joined),
        Shape::Area { points, colour } => {
            told(backend.fill_polygon(points.iter().copied().map(pixel), &colour.filled()))
        }
        Shape::Box { from, to, colour } => {
            told(backend.draw_rect(pixel(*from), pixel(*to), &colour.filled(), true))
        }
        Shape::Disc { centre, radius, colour } => {
            let radius = (radius * SCALE).round() as u32;
            told(backend.draw_circle(pixel(*centre), radius, &colour.filled(), true))
        }
        Shape::Text { at, text, ink } => {
            // The bitmap's text hangs higher than SVG's by about this share of its size.
            let drop = if joined { 0.0 } else { ink.size * 0.17 };
            write(backend, (at.0, at.1 + drop), text, *ink)
        }
    }
}

fn path<B: DrawingBackend>(
    backend: &mut B,
    points: &[Point],
    colour: RGBColor,
    width: f64,
    joined: bool,
) -> Drawn {
    let stroke = ((width * SCALE).round() as u32).max(1);
    let style: ShapeStyle = colour.stroke_width(stroke);
    if joined && points.len() > 2 {
        return told(backend.draw_path(points.iter().copied().map(pixel), &style));
    }
    for pair in points.windows(2) {
        told(backend.draw_line(pixel(pair[0]), pixel(pair[1]), &style))?;
    }
    Ok(())
}

fn write<B: DrawingBackend>(backend: &mut B, at: Point, text: &str, ink: Ink) -> Drawn {
    let style = if ink.bold { FontStyle::Bold } else { FontStyle::Normal };
    let across = match ink.align {
        Align::Left => HPos::Left,
        Align::Centre => HPos::Center,
        Align::Right => HPos::Right,
    };
    let font = FontDesc::new(FontFamily::Name(FONT), ink.size * SCALE, style);
    let style = TextStyle::from(font).color(&ink.colour).pos(Pos::new(across, VPos::Center));
    told(backend.draw_text(text, &style, pixel(at)))
}

fn pixel((x, y): Point) -> (i32, i32) {
    ((x * SCALE).round() as i32, (y * SCALE).round() as i32)
}
