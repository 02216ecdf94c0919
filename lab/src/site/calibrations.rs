//! Calibrations for the site: which folders hold one, and what is said of those that cannot be
//! read.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use tailrace_measure::record::Calibration;
use tailrace_render::site::{CalibrationEntry, Site};

use super::{Wanted, told};

/// What every one has.
const RECORD: &str = "calibration.json";

/// Data of the calibrations that are wanted, and a line for each, the oldest first.
pub(super) fn write(
    site: &Site,
    results: &Path,
    wanted: Wanted<'_>,
) -> anyhow::Result<Vec<CalibrationEntry>> {
    let one = |name: String| {
        let entry = write_one(site, &name, &results.join(&name), wanted);
        entry.unwrap_or_else(|error| CalibrationEntry::unreadable(&name, told(&error, results)))
    };
    Ok(names(results)?.into_iter().map(one).collect())
}

fn names(results: &Path) -> anyhow::Result<Vec<String>> {
    if !results.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(results).with_context(|| results.display().to_string())? {
        let entry = entry?;
        if entry.path().join(RECORD).exists() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn write_one(
    site: &Site,
    name: &str,
    folder: &Path,
    wanted: Wanted<'_>,
) -> anyhow::Result<CalibrationEntry> {
    let calibration = read(&folder.join(RECORD))?;
    if wanted(name, folder) {
        site.write_calibration(name, &calibration, folder)?;
    }
    Ok(CalibrationEntry::recorded(name, &calibration))
}

fn read(path: &Path) -> anyhow::Result<Calibration> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    if text.trim().is_empty() {
        bail!("{} is empty; was the disk full? Calibrate again", path.display());
    }
    serde_json::from_str(&text).with_context(|| {
        let path = path.display();
        format!(
            "{path} was cut short or changed by hand, or is of another version; calibrate again"
        )
    })
}
