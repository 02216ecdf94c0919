//! The results site: static pages, their data as scripts, and the runs' files to download. The
//! pages themselves are written by hand in `dashboard/` and embedded here, so that the program
//! can write them from anywhere. Which runs there are, and where Chart.js comes from, is the
//! program's business. Read `data` for what a page knows, `buckets` for how distributions
//! travel, `calibration` for what is shown of the instrument itself.

mod buckets;
mod calibration;
mod data;
mod files;
mod list;
mod listed;
mod pages;
mod script;
#[cfg(test)]
mod tests;
mod timeline;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use calibration::CalibrationEntry;
pub use data::RUN_BYTES_MAX;
pub use list::Entry;
pub use pages::{LOCK, PACKAGE};

use crate::{RenderError, RunData, write};

/// Version of the data scripts. Pages refuse data of another one and say what to do.
pub const FORMAT: u32 = 4;

/// Where the pages find Chart.js.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Charts {
    /// A script, by its path from the site's folder.
    Script(String),
    /// Nowhere, and why: the pages show the plots of the run's folder instead.
    Missing(String),
}

/// A site's folder.
#[derive(Debug, Clone)]
pub struct Site {
    folder: PathBuf,
}

#[derive(Serialize)]
struct List<'a> {
    format: u32,
    program: &'static str,
    charts: &'a Charts,
    /// The newest first.
    runs: Vec<&'a Entry>,
    /// The newest first.
    calibrations: Vec<&'a CalibrationEntry>,
}

impl Site {
    /// A site in this folder, which is made when something is written.
    pub fn at(folder: PathBuf) -> Site {
        Site { folder }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What follows `run.html` in the address of a run's page. `name` is the run's folder's.
    pub fn query(name: &str) -> String {
        format!("?run={}", place(name))
    }

    /// Writes the pages, styles and scripts, which are the same for all results.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_pages(&self) -> Result<(), RenderError> {
        for (path, text) in pages::PAGES {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            write::text(&self.folder.join(folder), name, text)?;
        }
        Ok(())
    }

    /// Writes the data of a run and copies its files. `from` is the run's folder.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn write_run(&self, name: &str, run: &RunData, from: &Path) -> Result<(), RenderError> {
        let place = place(name);
        let files = files::copy(from, &self.folder.join("files").join(&place))?;
        let script = data::fitting(run, &files)?;
        write::text(&self.folder.join("data"), &format!("{place}.js"), &script)?;
        Ok(())
    }

    /// Whether the data of a run or calibration was written by this version after its record was.
    pub fn is_fresh(&self, name: &str, from: &Path) -> bool {
        let data = self.folder.join("data").join(format!("{}.js", place(name)));
        let written = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let record = written(&from.join("summary.json"));
        let record = record.or_else(|| written(&from.join("calibration.json")));
        let times = written(&data).zip(record);
        times.is_some_and(|(data, record)| data > record)
            && fs::read_to_string(&data)
                .is_ok_and(|script| script.lines().next() == Some(&format!("// {}", opening())))
    }

    /// Writes the list of runs and calibrations, both of which are given the oldest first.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_list(
        &self,
        runs: &[Entry],
        calibrations: &[CalibrationEntry],
        charts: &Charts,
    ) -> Result<PathBuf, RenderError> {
        let program = env!("CARGO_PKG_VERSION");
        let runs = runs.iter().rev().collect();
        let calibrations = calibrations.iter().rev().collect();
        let list = List { format: FORMAT, program, charts, runs, calibrations };
        let script = script::assigning(&opening(), "TAILRACE_RUNS", &list)?;
        write::text(&self.folder.join("data"), "runs.js", &script)?;
        Ok(self.folder.join("index.html"))
    }
}

/// First line of every data script.
fn opening() -> String {
    format!("Tailrace {}, site data {FORMAT}", env!("CARGO_PKG_VERSION"))
}

/// The name of a run's folder as one that is safe in addresses and file names, different for
/// different folders: letters, digits, `-` and `.` stay, all else becomes `_` and its bytes.
fn place(name: &str) -> String {
    let mut place = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || (byte == b'.' && !place.is_empty()) {
            place.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(place, "_{byte:02x}");
        }
    }
    place
}
