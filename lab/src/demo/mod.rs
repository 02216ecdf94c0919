//! `tailrace demo`: what a pipeline does under high load, in scenarios of some seconds. Each says
//! beforehand what should be true, starts a server of its own with everything behind it, loads it
//! by the generator that measures runs, and then says what was seen and whether it was so. The
//! figures are those of this run on this machine; nothing is recorded among the runs, because one
//! round of one arm is a demonstration and no measurement to compare with.
//!
//! `scenario.rs` is what a scenario is, `scenes.rs` which there are, `stage.rs` what they stand on,
//! `server.rs` and `load.rs` what they start, `ask.rs` how they ask. Each scenario is a file named
//! after it; `tell.rs` tells while it runs, `print.rs` afterwards.

mod ask;
mod breaker;
mod cache;
mod degradation;
mod distant;
mod end_to_end;
mod limit;
mod load;
mod moving;
mod print;
mod scenario;
mod scenes;
mod server;
mod spike;
mod stage;
mod stalled;
mod tell;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use scenario::Scenario;
use scenes::SCENARIOS;
use stage::{Stage, Stopped};
use tailrace_producers::parse_duration;

use crate::exit::{Ended, Fault};
use crate::printing;

/// Phases shorter than this hold too few answers to say anything about.
const PHASE_MIN: Duration = Duration::from_millis(200);
/// Longer ones show nothing more, and a spike's backlog would fill the memory.
const PHASE_MAX: Duration = Duration::from_secs(20);

/// Arguments of `demo`.
#[derive(Debug, clap::Args, Clone)]
pub struct DemoArgs {
    /// Which scenarios: spike, limit, breaker, cache, degradation, end-to-end; none: all, one after
    /// the other
    pub scenarios: Vec<String>,
    /// List them: what happens, what to look at, what it teaches, what is expected
    #[arg(long)]
    pub list: bool,
    /// Length of each phase, before, during and after: longer ones give steadier figures
    #[arg(long, default_value = "2s", value_parser = phase)]
    pub phase: Duration,
    /// Print the reports as JSON
    #[arg(long)]
    pub json: bool,
}

fn phase(text: &str) -> Result<Duration, String> {
    let phase = parse_duration(text).map_err(|why| why.to_string())?;
    if (PHASE_MIN..=PHASE_MAX).contains(&phase) {
        return Ok(phase);
    }
    Err(format!("a phase lasts {PHASE_MIN:?} to {PHASE_MAX:?}, not {phase:?}"))
}

/// Plays scenarios and says whether what they expected came. Exit code 1: something did not.
///
/// # Errors
/// An unknown scenario, one that needs what is not installed, or a server that does not start.
pub fn run(arguments: &DemoArgs) -> anyhow::Result<Ended> {
    let chosen = chosen(&arguments.scenarios)?;
    if arguments.list {
        return print::list(&chosen, arguments.phase, arguments.json).map(|()| Ended::Fine);
    }
    // One that was asked for by name and cannot be played is a fault; of all, it is left out.
    let (able, unable): (Vec<_>, Vec<_>) =
        chosen.into_iter().partition(|scenario| scenario.missing().is_none());
    for (scenario, why) in unable.iter().filter_map(|one| Some((one, one.missing()?))) {
        if !arguments.scenarios.is_empty() {
            return Err(Fault::Missing(format!("{}: {why}", scenario.name)).into());
        }
        eprintln!("left out: {}: {why}", scenario.name);
    }
    let mut stage = Stage::new(arguments.phase)?;
    let mut reports = Vec::new();
    for scenario in able {
        match stage.play(scenario) {
            Ok(report) => {
                if !arguments.json {
                    print::report(&report)?;
                }
                reports.push(report);
            }
            Err(error) if error.is::<Stopped>() => break,
            // A part that broke because everything was told to end is no news.
            Err(_) if stage.stop.load(Relaxed) => break,
            Err(error) => return Err(error.context(format!("the scenario {}", scenario.name))),
        }
    }
    if arguments.json {
        printing::json(&reports)?;
    }
    if stage.stop.load(Relaxed) {
        return Ok(Ended::Interrupted);
    }
    let as_expected = reports.iter().all(|report| report.checks.iter().all(|check| check.holds));
    Ok(if as_expected { Ended::Fine } else { Ended::Failed })
}

fn chosen(names: &[String]) -> Result<Vec<&'static Scenario>, Fault> {
    if names.is_empty() {
        return Ok(SCENARIOS.iter().collect());
    }
    let find = |name: &String| {
        SCENARIOS.iter().find(|scenario| scenario.name == *name).ok_or_else(|| {
            let known: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            Fault::Usage(format!("there is no scenario {name:?}; known are {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_scenario_lists_the_known_ones() {
        let message = chosen(&["flood".into()]).err().unwrap().to_string();
        assert!(message.contains("end-to-end"), "{message}");
        assert_eq!(chosen(&[]).unwrap().len(), SCENARIOS.len());
    }

    #[test]
    fn phases_have_bounds() {
        assert_eq!(phase("500ms"), Ok(Duration::from_millis(500)));
        assert!(phase("100ms").is_err() && phase("1h").is_err());
    }
}
