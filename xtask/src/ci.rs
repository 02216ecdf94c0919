//! `cargo xtask ci`: what must hold before a change is merged. Cheap checks come first, and
//! the first failure ends it. Benches are compiled by the lints, and run nowhere here: numbers
//! from a shared machine prove nothing.

use std::time::Instant;

use anyhow::Result;

use crate::{shell, test};

/// Format, lints, documentation, tests.
pub(crate) fn run() -> Result<()> {
    let start = Instant::now();
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;
    let lints = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    shell::run(shell::cargo().args(lints))?;
    let mut docs = shell::cargo();
    docs.args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings");
    shell::run(&mut docs)?;
    test::run(&[])?;
    let seconds = start.elapsed().as_secs();
    eprintln!("xtask: format, lints, documentation and all tests passed in {seconds} s");
    Ok(())
}
