//! Results to plots and report: what was measured goes in, `plots/*.svg`, `plots/*.png`,
//! `report.html` and `report.md` come out, or a run of the results site. It computes no verdict
//! and no statistic of its own: rows, sentences and seals stand in the records; only curves are
//! drawn from the histograms. Reading a results folder belongs to the program. Read `table` and
//! `format` next, then `plots`, then `report`, then `site`.

#[cfg(test)]
extern crate self as tailrace_render;

pub mod behind;
#[cfg(test)]
#[path = "../tests/fixture/mod.rs"]
mod fixture;
pub mod format;
mod plots;
mod report;
mod run;
pub mod site;
pub mod table;
mod write;

use std::io;
use std::path::{Path, PathBuf};

pub use run::{RunData, TrialData};
use tailrace_measure::record::Capacity;

/// What [`render`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// `report.html`: one file, needs nothing else.
    pub html: PathBuf,
    /// `report.md`: the same table and sentences, for a pull request.
    pub markdown: PathBuf,
    /// Every picture, as SVG and as PNG, in the order of the report.
    pub plots: Vec<PathBuf>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A file could not be written.
    #[error("cannot write {path}: {source}; is the results folder writable, is the disk full?")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that should be copied could not be read.
    #[error("cannot read {path}: {source}; is somebody changing the results folder?")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A picture could not be drawn.
    #[error("cannot draw {plot}: {reason}; the records are on disk, `report` can be run again")]
    Draw {
        /// Name of the picture.
        plot: String,
        /// What the drawing library said.
        reason: String,
    },
    /// A template does not fit what it is given: a fault of this crate.
    #[error("cannot fill the report's template: {0}")]
    Template(#[from] minijinja::Error),
    /// Records could not be shown as JSON.
    #[error("cannot show the records as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Draws latency against rate into `capacity.svg` of a search's folder, which must exist.
///
/// # Errors
/// When the file cannot be written or the picture cannot be drawn.
pub fn render_capacity(capacity: &Capacity, folder: &Path) -> Result<PathBuf, RenderError> {
    let plot = plots::draw_capacity(capacity)?;
    write::text(folder, &format!("{}.svg", plot.name), &plot.svg)
}

/// Draws every picture and writes both reports into `folder`, which must exist. Each file
/// is written under a temporary name and renamed, so that a reader sees old or new, never half.
///
/// # Errors
/// When a file cannot be written or a picture cannot be drawn; what was written before stays.
pub fn render(run: &RunData, folder: &Path) -> Result<Rendered, RenderError> {
    let plots = plots::draw_all(run)?;
    let mut paths = Vec::new();
    for plot in &plots {
        paths.push(write::text(&folder.join("plots"), &format!("{}.svg", plot.name), &plot.svg)?);
        paths.push(plots::write_png(plot, &folder.join("plots"))?);
    }
    let html = report::html(run, &plots)?;
    let markdown = report::markdown(run, &plots)?;
    Ok(Rendered {
        html: write::text(folder, "report.html", &html)?,
        markdown: write::text(folder, "report.md", &markdown)?,
        plots: paths,
    })
}
