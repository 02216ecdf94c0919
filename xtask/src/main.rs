//! `cargo xtask`: the chores of the project, without a shell language and without heavy
//! dependencies. One file a verb; [`install`] knows what the tests need, [`shell`] runs
//! programs and says so.

mod bench;
mod browser;
mod ci;
mod install;
mod prices;
mod readme;
mod shell;
mod test;
mod venv;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask VERB

  test [ARG…]   install what the tests need, then run every test; ARGs go to the test
                runner, and then browser tests are left out
  browser [ARG…] only the tests of the pages in a browser; ARGs go to node's test runner
  ci            format, lints and documentation first, then test
  bench         whole-program ratios against bare servers, on a machine that does nothing
                else: --rounds N, --window 2s; --criterion also runs the hot pieces' benches
  install       only install what the tests need
  pictures      the README's screenshots, taken anew in a browser
  readme        the README's picture, table and answers, from the recorded runs";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test", ref rest @ ..] => test::run(rest),
        ["bench", ref rest @ ..] => bench::run(rest),
        ["browser", ref rest @ ..] => browser::run(rest),
        ["ci"] => ci::run(),
        ["install"] => install::run().map(drop),
        ["pictures"] => browser::pictures(),
        ["readme"] => readme::run(),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        [] => bail!("a verb is missing\n\n{USAGE}"),
        [verb, ..] => bail!("\"{verb}\" and what follows make no sense here\n\n{USAGE}"),
    }
}
