//! `cargo xtask test`: every test, on the real components.

use anyhow::Result;

use crate::{browser, install, shell};

/// Installs what is needed and runs the tests. With `arguments` the choice of tests is the
/// caller's: they go to the runner as they are.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let components = install::run()?;
    let has_nextest = shell::succeeds(shell::cargo().args(["nextest", "--version"]));
    if arguments.is_empty() && has_nextest {
        // First, so that the runner's summary is the last thing on the screen. `cargo test`
        // runs them by itself.
        shell::run(shell::cargo().args(["test", "--quiet", "--workspace", "--doc"]))?;
    }
    let mut runner = shell::cargo();
    runner.args(if has_nextest { &["nextest", "run"][..] } else { &["test"] });
    runner.args(chosen_packages(arguments)).arg("--no-fail-fast").args(arguments);
    shell::run(runner.envs(components.iter().map(|(name, path)| (name, path))))?;
    // The runner has built the program that they serve pages with.
    if arguments.is_empty() { browser::test(&components, &[]) } else { Ok(()) }
}

/// The whole workspace, unless the caller names packages.
fn chosen_packages(arguments: &[&str]) -> &'static [&'static str] {
    let names = |argument: &&str| argument.starts_with("-p") || argument.starts_with("--package");
    if arguments.iter().take_while(|&&a| a != "--").any(names) { &[] } else { &["--workspace"] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_packages_replace_the_workspace() {
        let whole = ["--workspace"];
        assert_eq!(chosen_packages(&[]), whole);
        assert_eq!(chosen_packages(&["a_test", "--", "-p"]), whole);
        assert!(chosen_packages(&["-p", "xtask"]).is_empty());
        assert!(chosen_packages(&["--package=xtask"]).is_empty());
    }
}
