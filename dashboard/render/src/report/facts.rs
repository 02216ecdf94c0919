//! Where and how a run was measured, and which files stand beside the report, as the report prints
//! them: names and texts. The rest of the report is in `view`.

use tailrace_measure::record::Machine;

use crate::plots::Plot;
use crate::{RunData, format};

pub(super) fn facts(run: &RunData) -> Vec<(String, String)> {
    let manifest = &run.manifest;
    let (machine, build) = (&manifest.machine, &manifest.build);
    let unknown = || "unknown".to_owned();
    let mut facts = vec![
        ("command", manifest.command.join(" ")),
        ("started", manifest.started_utc.clone()),
        ("seed", manifest.experiment.seed.to_string()),
        ("rounds", manifest.experiment.rounds.to_string()),
        ("attempts before", manifest.attempts_before.to_string()),
        ("processor", format!("{}, {} cores", machine.cpu, machine.cores)),
        ("memory", format::memory(machine.memory_bytes)),
        ("kernel", machine.kernel.clone()),
        ("governor", machine.governor.clone().unwrap_or_else(unknown)),
        ("container or VM", machine.virtualization.clone().unwrap_or_else(unknown)),
        ("TCP congestion control", congestion_control(machine).unwrap_or_else(unknown)),
        ("placement", placement(run)),
        ("program", format!("tailrace {}, {}", manifest.tailrace_version, build.revision)),
        ("build", format!("{}, {}", build.profile, build.rustc)),
        ("binary, SHA-256", build.binary_sha256.clone()),
    ];
    for backend in &manifest.backends {
        let whose = if backend.private { "started by this run" } else { "given" };
        facts.push(("backend", format!("{}: {}; {whose}", backend.name, backend.description)));
    }
    for contestant in &manifest.contestants {
        let unaudited = contestant.not_audited.iter();
        let unaudited = unaudited.fold(String::new(), |_, why| format!("; not audited: {why}"));
        let (name, version) = (&contestant.name, &contestant.version);
        facts.push(("contestant", format!("{name}: {}; {version}{unaudited}", contestant.title)));
    }
    facts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// None: one of them was not recorded.
fn congestion_control(machine: &Machine) -> Option<String> {
    let generators = machine.generator_congestion_control.as_ref()?;
    let own = machine.congestion_control.as_ref()?;
    Some(format!("{generators} on the generator's sockets, {own} on others"))
}

fn placement(run: &RunData) -> String {
    let placement = &run.manifest.placement;
    let cores = |cores: &[u32]| {
        let names: Vec<String> = cores.iter().map(u32::to_string).collect();
        if names.is_empty() { "any core".to_owned() } else { format!("core {}", names.join(", ")) }
    };
    let shared = if placement.shared { "; both share cores" } else { "" };
    format!(
        "server and backend on {}, generator on {}{shared}",
        cores(&placement.server_cores),
        cores(&placement.generator_cores)
    )
}

pub(super) fn files(plots: &[Plot]) -> Vec<(String, &'static str)> {
    let fixed = [
        ("manifest.json", "everything needed to run it again"),
        ("summary.json", "one row an arm and load, with support and seals"),
        ("summary.csv", "the same rows for a spreadsheet"),
        (
            "trials/<arm>/<load>/<n>/trial.json",
            "one trial: outcomes, latencies, cost, ledger, seals",
        ),
        ("trials/<arm>/<load>/<n>/*.hlog", "whole distributions, HdrHistogram interval logs"),
        ("trials/<arm>/<load>/<n>/timeline.csv", "latency, answers and backlog over time"),
        ("trials/<arm>/<load>/<n>/resources.csv", "processor time and memory over time"),
        ("report.md", "the table and the sentences, for a pull request"),
    ];
    let fixed = fixed.into_iter().map(|(name, text)| (name.to_owned(), text));
    let pictures = plots.iter().map(|plot| (format!("plots/{}.svg, .png", plot.name), "a picture"));
    fixed.chain(pictures).collect()
}
