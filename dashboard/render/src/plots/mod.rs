//! Every picture of a run. One file a picture: `dots` is the first to look at, `spectrum` the
//! second, then `way` (into a store), `timeline` with `faults`, and `cost`. Each lays its shapes out on a `Picture`; `paint` writes
//! it. A picture shows figures of the records and never judges them.

mod axis;
mod capacity;
mod cost;
mod dots;
mod faults;
mod lanes;
mod paint;
mod picture;
mod spectrum;
mod style;
mod timeline;
mod trial;
mod way;

use std::path::{Path, PathBuf};

use tailrace_measure::record::Capacity;

use crate::{RenderError, RunData, write};
use picture::{Ink, Picture};

/// A picture that is ready to be written.
pub(crate) struct Plot {
    /// File name without extension.
    pub name: String,
    pub title: String,
    pub svg: String,
    picture: Picture,
}

impl Plot {
    /// Higher than wide.
    pub(crate) fn tall(&self) -> bool {
        self.picture.height > style::WIDTH
    }
}

/// A picture as its own file makes it.
struct Draft {
    name: String,
    title: String,
    caption: String,
    picture: Picture,
}

/// Draws every picture, in the order of the report.
pub(crate) fn draw_all(run: &RunData) -> Result<Vec<Plot>, RenderError> {
    style::load_font().map_err(|reason| RenderError::Draw { plot: "text".to_owned(), reason })?;
    let mut names: Vec<String> = Vec::new();
    let mut plots = Vec::new();
    for mut draft in drafts(run) {
        draft.name = unused(&names, &write::file_name(&draft.name));
        names.push(draft.name.clone());
        plots.push(finish(draft)?);
    }
    Ok(plots)
}

/// Draws the one picture of a search for capacity.
pub(crate) fn draw_capacity(capacity: &Capacity) -> Result<Plot, RenderError> {
    style::load_font().map_err(|reason| RenderError::Draw { plot: "text".to_owned(), reason })?;
    finish(capacity::draw(capacity))
}

/// Writes a picture as PNG, twice as many pixels as units.
pub(crate) fn write_png(plot: &Plot, folder: &Path) -> Result<PathBuf, RenderError> {
    write::renamed(folder, &format!("{}.png", plot.name), |path| {
        paint::png(&plot.picture, path)
            .map_err(|reason| RenderError::Draw { plot: plot.name.clone(), reason })
    })
}

fn drafts(run: &RunData) -> Vec<Draft> {
    let mut drafts = Vec::new();
    if !run.trials.is_empty() {
        drafts.push(dots::draw(run));
        drafts.extend(way::draw(run));
        drafts.extend(run.headline_loads().into_iter().map(|load| spectrum::draw(run, load)));
        drafts.push(cost::draw(run));
        drafts.extend(timeline::draw(run));
    }
    drafts
}

fn finish(draft: Draft) -> Result<Plot, RenderError> {
    let Draft { name, title, caption, picture } = draft;
    let svg = paint::svg(&picture, &format!("{title}. {caption}"))
        .map_err(|reason| RenderError::Draw { plot: name.clone(), reason })?;
    Ok(Plot { name, title, svg, picture })
}

/// Two slugs may become the same file name.
fn unused(names: &[String], wanted: &str) -> String {
    let numbered = (2..).map(|number| format!("{wanted}-{number}"));
    let mut candidates = std::iter::once(wanted.to_owned()).chain(numbered);
    candidates.find(|name| !names.contains(name)).unwrap_or_default()
}

/// Title and caption on top of a picture; returns the y below them.
fn head(picture: &mut Picture, title: &str, caption: &str) -> f64 {
    let width = style::WIDTH - 2.0 * style::MARGIN;
    let ink = Ink::new(style::TITLE, style::INK).bold();
    // Never cut: half a rate would be another rate.
    let below = picture.paragraph((style::MARGIN, 22.0), width, title, ink);
    let ink = Ink::new(style::TEXT, style::MUTED);
    picture.paragraph((style::MARGIN, below - 3.0), width, caption, ink) + 6.0
}

#[cfg(test)]
mod tests;
