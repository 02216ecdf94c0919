//! Tests of the pages in a real browser: `node --test` drives the system's Chromium through
//! Playwright's core package, which brings no browser of its own. What the tests import comes
//! from the lock file of `dashboard/`; no package's install script runs.

use std::io::Write;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io, thread};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::install::{self, Components};
use crate::shell;

/// The program that the tests serve pages with.
const PROGRAM_VARIABLE: &str = "TAILRACE_BIN";
/// How the names of browser tests end.
const TEST_ENDING: &str = ".test.mjs";

/// Builds the program, then only the browser tests; `arguments` go to node's test runner.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let components = install::run()?;
    shell::run(shell::cargo().args(["build", "--locked", "--package", "tailrace"]))?;
    // Node would leave one processor to itself; pages keep the browser waiting often enough.
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let mut node = node(&components);
    node.arg(format!("--test-concurrency={processors}")).args(arguments).args(tests()?);
    shell::run(&mut node)
}

/// Every browser test, on the program as it was built last, while `others` run: both wait more
/// than they compute. What node prints comes at the end, in one piece.
pub(crate) fn beside(others: &mut Command, components: &Components) -> Result<()> {
    let mut node = node(components);
    node.args(tests()?);
    let (others, pages) = thread::scope(|scope| {
        let pages = scope.spawn(|| shell::output(&mut node));
        (shell::run(others), pages.join())
    });
    let pages = pages.unwrap_or_else(|panic| resume_unwind(panic))?;
    io::stdout().write_all(&pages.stdout)?;
    match (others, pages.status.success()) {
        (others, true) => others,
        (Ok(()), false) => bail!("tests in the browser failed: {}", pages.status),
        (Err(others), false) => Err(others.context("tests in the browser failed, and others")),
    }
}

/// Node's test runner, and what the tests ask of their surroundings.
fn node(components: &Components) -> Command {
    let mut node = shell::program("node");
    // Names and failures for people; without a terminal node would write TAP.
    node.args(["--test", "--test-reporter=spec"])
        .env(PROGRAM_VARIABLE, shell::target().join("debug/tailrace"))
        .envs(components.iter().map(|(name, path)| (name, path)));
    node
}

/// Takes the README's screenshots anew, with an optimized build: they show figures.
pub(crate) fn pictures() -> Result<()> {
    let components = install::run()?;
    shell::run(shell::cargo().args(["build", "--release", "--locked", "--package", "tailrace"]))?;
    let mut node = shell::program("node");
    node.arg(shell::root().join("dashboard/pictures/take.mjs"));
    node.env(PROGRAM_VARIABLE, shell::target().join("release/tailrace"));
    shell::run(node.envs(components.iter().map(|(name, path)| (name, path))))
}

/// What the pages and their tests import, as the lock file says. Does nothing when it is there.
pub(crate) fn install_packages() -> Result<()> {
    let folder = shell::root().join("dashboard");
    let lock = fs::read_to_string(folder.join("package-lock.json"))
        .context("dashboard/package-lock.json cannot be read")?;
    let lock: Value = serde_json::from_str(&lock).context("dashboard/package-lock.json")?;
    if is_installed(&folder, &lock) {
        return Ok(());
    }
    let mut npm = shell::program("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    shell::run(&mut npm).context("is the npm registry reachable from here?")
}

/// Whether each locked package is there in its version. The pages alone need fewer than their
/// tests, so the existence of `node_modules` says nothing.
fn is_installed(folder: &Path, lock: &Value) -> bool {
    let version = |package: &Value| package["version"].as_str().map(str::to_owned);
    let Some(packages) = lock["packages"].as_object() else { return false };
    packages.iter().filter(|(place, _)| !place.is_empty()).all(|(place, locked)| {
        let found = fs::read_to_string(folder.join(place).join("package.json"));
        let found = found.ok().and_then(|text| serde_json::from_str(&text).ok());
        // An optional package is for another system when it is missing.
        found.map_or(locked["optional"] == true, |found| version(&found) == version(locked))
    })
}

fn tests() -> Result<Vec<PathBuf>> {
    let folder = shell::root().join("dashboard/tests");
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut tests = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .filter(|path| path.as_ref().map_or(true, |p| p.to_string_lossy().ends_with(TEST_ENDING)))
        .collect::<std::io::Result<Vec<_>>>()?;
    if tests.is_empty() {
        bail!("{} has no *{TEST_ENDING}: were they moved?", folder.display());
    }
    tests.sort();
    Ok(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_packages_in_their_versions_are_an_installation() {
        let folder = shell::target().join("browser-packages-test");
        let write = |place: &str, version: &str| {
            let place = folder.join("node_modules").join(place);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("package.json"), format!(r#"{{"version":"{version}"}}"#)).unwrap();
        };
        let lock = serde_json::json!({ "packages": {
            "": { "name": "pages" },
            "node_modules/charts": { "version": "4.0.0" },
            "node_modules/tester": { "version": "1.0.0" },
            "node_modules/other-system": { "version": "1.0.0", "optional": true },
        }});
        let check = |expect: bool| assert_eq!(is_installed(&folder, &lock), expect);
        check(false);
        write("charts", "4.0.0");
        check(false);
        write("tester", "0.9.0");
        check(false);
        write("tester", "1.0.0");
        check(true);
        fs::remove_dir_all(folder).unwrap();
    }
}
