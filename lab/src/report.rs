//! `tailrace report`: a recorded run, summed up and drawn again. It reads whatever is complete on
//! disk, so it also makes the report of a run that was cut short.

use tailrace_loadgen::folder::Stored;
use tailrace_measure::summary::summarize;
use tailrace_render::{RunData, TrialData};

use crate::cli::ReportArgs;
use crate::exit::Ended;
use crate::{list, printing, table};

/// Sums up, draws, prints.
///
/// # Errors
/// No such run, or damaged files.
pub fn run(arguments: &ReportArgs) -> anyhow::Result<Ended> {
    let folder = list::find(&arguments.results, &arguments.run)?;
    let manifest = folder.read_manifest()?;
    let stored = folder.read_trials(&manifest)?;
    let trials: Vec<_> = stored.iter().map(|s| s.trial.clone()).collect();
    let summary = summarize(&manifest.run, &manifest.experiment, &trials);
    folder.write_summary(&summary)?;
    let trials = stored.into_iter().map(data).collect();
    let run = RunData { manifest, trials, summary };
    let rendered = tailrace_render::render(&run, folder.path())?;
    if arguments.json {
        printing::json(&run.summary)?;
    } else {
        table::print(&run.manifest, &run.summary)?;
        printing::line(&format!("\nOpen {}", rendered.html.display()))?;
    }
    Ok(Ended::Fine)
}

/// A stored trial as it is drawn.
pub(crate) fn data(stored: Stored) -> TrialData {
    let Stored { trial, ack, service, lateness, live, durable, slices } = stored;
    TrialData { trial, ack, service, lateness, live, durable, slices }
}
