//! The program `tailrace`: reads the command line, runs one verb, ends with its exit code.

use clap::Parser;
use tailrace_lab::cli::Cli;

fn main() -> std::process::ExitCode {
    tailrace_lab::run(Cli::parse())
}
