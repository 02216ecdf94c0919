//! The program behind `tailrace`: one file a verb.
//!
//! Read [`cli`] for what can be asked, [`registry`] for what a pipeline is made of (the only
//! place that joins transports and logs), [`serve`] for a running server, [`race`] for the
//! quick comparison. Measuring itself is in the crate `tailrace-loadgen`.

pub mod address;
pub mod calibrate;
pub mod capacity;
pub mod chart_js;
pub mod child;
pub mod choices;
pub mod cli;
pub mod columns;
pub mod compare;
pub mod console;
pub mod contestants;
pub mod demo;
pub mod dlq;
pub mod doctor;
pub mod door;
pub mod embedded;
pub mod endpoint;
pub mod exit;
mod exporter;
pub mod gate;
pub mod groups;
pub mod health;
pub mod interrupt;
pub mod itself;
pub mod keygen;
pub mod keys;
pub mod link;
mod linked;
pub mod list;
pub mod load;
mod locked;
pub mod logging;
pub mod machine;
pub mod pacing;
pub mod play;
pub mod postgres;
pub mod printing;
mod process;
pub mod produce;
pub mod progress;
pub mod race;
pub mod redis;
pub mod registry;
pub mod replay;
pub mod report;
pub mod run;
mod secured;
pub mod seed;
pub mod serve;
pub mod served;
pub mod shown;
pub mod site;
pub mod sparkline;
pub mod stale;
mod stocked;
pub mod store;
pub mod table;
pub mod terminal;
pub mod tls;
pub mod verdicts;
pub mod worker;

use std::process::ExitCode;

use cli::{Cli, Verb};

/// Runs what was asked and says how it ended.
pub fn run(cli: Cli) -> ExitCode {
    logging::start();
    let verb = cli.verb.unwrap_or(Verb::Race(cli.race));
    let ended = match verb {
        Verb::Race(arguments) => race::run(&arguments),
        Verb::Load(arguments) => load::run(&arguments),
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Serve(arguments) => serve::run(&arguments),
        Verb::Worker(arguments) => worker::run(&arguments),
        Verb::Dlq(arguments) => dlq::run(&arguments),
        Verb::Groups(arguments) => groups::run(&arguments),
        Verb::Seed(arguments) => seed::run(&arguments),
        Verb::Health(arguments) => health::run(&arguments),
        Verb::Keygen(arguments) => keygen::run(&arguments),
        Verb::Keys(arguments) => keys::run(&arguments),
        Verb::Produce(arguments) => produce::run(&arguments),
        Verb::Link(arguments) => link::run(&arguments),
        Verb::Saturate(arguments) => race::saturate::run(&arguments),
        Verb::Calibrate(arguments) => calibrate::run(&arguments),
        Verb::Capacity(arguments) => capacity::run(&arguments),
        Verb::Compare(arguments) => compare::run(&arguments),
        Verb::Console(arguments) => console::run(&arguments),
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::Report(arguments) => report::run(&arguments),
        Verb::Site(arguments) => site::run(&arguments),
        Verb::List(arguments) => list::run(&arguments),
        Verb::Replay(arguments) => replay::run(&arguments),
        Verb::Doctor(arguments) => doctor::run(&arguments),
        Verb::Schema(arguments) => list::schema(&arguments),
        Verb::Completions { shell } => cli::completions(shell),
    };
    exit::code(ended)
}
