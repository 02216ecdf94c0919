//! `tailrace site`: the results as static pages, and the page that a race ends with. The pages
//! need no server; what they need of npm is brought by `npm`, and they do without where it is
//! missing. Read next: `calibrations`, `npm`, then `dashboard/README.md`.

mod calibrations;
mod npm;

pub(crate) use npm::offline;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tailrace_loadgen::folder::Folder;
use tailrace_measure::summary::summarize;
use tailrace_render::RunData;
use tailrace_render::site::{Charts, Entry, Site};

use crate::exit::Ended;
use crate::{list, printing, report};

/// Arguments of `site`.
#[derive(Debug, clap::Args, Clone)]
pub struct SiteArgs {
    /// Folder of recorded runs
    #[arg(long, default_value = "results", env = "TAILRACE_RESULTS")]
    pub results: PathBuf,
    /// Where the site is written; without it, the folder `site` beside the runs
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Do not ask npm for Chart.js: without it the pages show the plots of the runs' folders
    #[arg(long, env = npm::OFFLINE, value_parser = clap::builder::FalseyValueParser::new())]
    pub no_npm: bool,
}

/// Writes the site of all runs anew.
///
/// # Errors
/// A folder cannot be read or written. A run that is damaged is listed as such.
pub fn run(arguments: &SiteArgs) -> anyhow::Result<Ended> {
    let out = arguments.out.clone().unwrap_or_else(|| beside(&arguments.results));
    let site = Site::at(out);
    let charts = npm::charts(site.folder(), !arguments.no_npm);
    if let Charts::Missing(why) = &charts {
        eprintln!("Without Chart.js, the pages show the runs' plots instead: {why}");
    }
    let index = write(&site, &arguments.results, &charts, &|_, _| true)?;
    printing::line(&format!("Open {}", address(&index, "")))?;
    Ok(Ended::Fine)
}

/// The page of a run that has just been recorded, with what else changed since the site was
/// written. The run is on disk whatever comes of it, so a failure is told and nothing more. npm is
/// asked for Chart.js where it may be.
pub fn page_of(results: &Path, run: &str, ask_npm: bool) -> Option<String> {
    page(results, ("run.html", run), ask_npm)
}

/// The same of a calibration.
pub fn page_of_calibration(results: &Path, name: &str, ask_npm: bool) -> Option<String> {
    page(results, ("calibration.html", name), ask_npm)
}

fn page(results: &Path, (page, name): (&str, &str), ask_npm: bool) -> Option<String> {
    let site = Site::at(beside(results));
    let charts = npm::charts(site.folder(), ask_npm && !npm::offline());
    match write(&site, results, &charts, &|name, folder| !site.is_fresh(name, folder)) {
        Ok(index) => Some(address(&index.with_file_name(page), &Site::query(name))),
        Err(error) => {
            eprintln!("{name} has no page: {error:#}. `tailrace site` tries again.");
            None
        }
    }
}

fn beside(results: &Path) -> PathBuf {
    results.join("site")
}

/// Whether the data of a run or calibration is to be written, by its name and folder.
type Wanted<'a> = &'a dyn Fn(&str, &Path) -> bool;

/// Pages, data of the runs and calibrations that are wanted, and the list of all. Returns the list's
/// page.
fn write(
    site: &Site,
    results: &Path,
    charts: &Charts,
    wanted: Wanted<'_>,
) -> anyhow::Result<PathBuf> {
    site.write_pages()?;
    let mut entries = Vec::new();
    for name in list::runs(results)? {
        let folder = Folder::open(results.join(&name));
        let entry = if wanted(&name, folder.path()) {
            write_run(site, &name, &folder)
        } else {
            entry(&name, &folder)
        };
        entries.push(entry.unwrap_or_else(|error| Entry::unreadable(&name, told(&error, results))));
    }
    let calibrations = calibrations::write(site, results, wanted)?;
    Ok(site.write_list(&entries, &calibrations, charts)?)
}

/// The site may be shown to anyone: whose disk the runs are on is not its business.
fn told(error: &anyhow::Error, results: &Path) -> String {
    format!("{error:#}").replace(&format!("{}/", results.display()), "")
}

/// Data and files of one run. Where the run was cut short, what is there is summed up here.
fn write_run(site: &Site, name: &str, folder: &Folder) -> anyhow::Result<Entry> {
    let manifest = folder.read_manifest()?;
    let stored = folder.read_trials(&manifest)?;
    let summary = if let Some(summary) = folder.read_summary()? {
        summary
    } else {
        let trials: Vec<_> = stored.iter().map(|stored| stored.trial.clone()).collect();
        summarize(&manifest.run, &manifest.experiment, &trials)
    };
    let trials = stored.into_iter().map(report::data).collect();
    let run = RunData { manifest, trials, summary };
    site.write_run(name, &run, folder.path())?;
    Ok(Entry::recorded(name, &run.manifest, &run.summary))
}

fn entry(name: &str, folder: &Folder) -> anyhow::Result<Entry> {
    let (manifest, summary) = (folder.read_manifest()?, folder.read_summary()?);
    let summary = summary.with_context(|| format!("{name} has no summary"))?;
    Ok(Entry::recorded(name, &manifest, &summary))
}

/// A file as an address that a browser takes, also from a terminal that makes links of them.
fn address(path: &Path, query: &str) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut address = String::from("file://");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            address.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address + query
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::address;

    #[test]
    fn addresses_are_whole() {
        let path = Path::new("/a b/ü/run.html");
        assert_eq!(address(path, "?run=x"), "file:///a%20b/%C3%BC/run.html?run=x");
    }
}
