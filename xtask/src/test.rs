//! `cargo xtask test`: every test, on the real components.

use anyhow::Result;

use crate::{browser, install, shell};

/// Installs what is needed and runs the tests. With `arguments` the choice of tests is the
/// caller's: they go to the runner as they are.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let components = install::run()?;
    let has_nextest = shell::succeeds(shell::cargo().args(["nextest", "--version"]));
    let runner = |last: &str| {
        let mut runner = shell::cargo();
        runner.args(if has_nextest { &["nextest", "run"][..] } else { &["test"] });
        runner.args(chosen_packages(arguments)).arg(last).args(arguments);
        runner.envs(components.iter().map(|(name, path)| (name, path)));
        runner
    };
    let mut tests = runner("--no-fail-fast");
    if !arguments.is_empty() {
        return shell::run(&mut tests);
    }
    // All that is compiled comes first, with the program that pages are served with.
    shell::run(&mut runner("--no-run"))?;
    browser::beside(&mut tests, &components)
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
