//! Chart.js for the pages, from npm: nothing of others is part of this repository. npm gets the
//! locked version, no script of a package runs, and there is a time limit. Whatever goes wrong,
//! the pages do without.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tailrace_render::site::{Charts, LOCK, PACKAGE};

use crate::process::within;

/// The variable that forbids to ask npm, for machines without a network and for tests.
pub(super) const OFFLINE: &str = "TAILRACE_OFFLINE";

/// The variable that names a Chart.js that is on this machine, as in an image.
const NAMED: &str = "TAILRACE_CHART_JS";

/// Enough for two small packages over a slow line; a race that has ended does not wait longer.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The script, below the site's folder.
const SCRIPT: &str = "vendor/chart.umd.min.js";
/// Says which version the script is; written last.
const VERSION: &str = "vendor/version.txt";
/// What is copied, from `node_modules` to the site's folder. Chart.js contains the other.
const COPIES: [(&str, &str); 3] = [
    ("chart.js/LICENSE.md", "vendor/chart.js-LICENSE.md"),
    ("@kurkle/color/LICENSE.md", "vendor/kurkle-color-LICENSE.md"),
    ("chart.js/dist/chart.umd.min.js", SCRIPT),
];

/// Whether the environment forbids npm.
pub(crate) fn offline() -> bool {
    std::env::var(OFFLINE).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Chart.js below the site's folder: the one that was named, else the one that is there, or if
/// it may be asked, npm's.
pub(super) fn charts(site: &Path, ask: bool) -> Charts {
    if let Some(named) = std::env::var_os(NAMED).filter(|path| !path.is_empty()) {
        return match take(Path::new(&named), site) {
            Ok(()) => Charts::Script(SCRIPT.to_owned()),
            Err(error) => Charts::Missing(format!("{error:#}")),
        };
    }
    let found = locked().map(|version| {
        fs::read_to_string(site.join(VERSION)).is_ok_and(|there| there == version)
            && site.join(SCRIPT).is_file()
    });
    match found {
        Ok(true) => Charts::Script(SCRIPT.to_owned()),
        Ok(false) if !ask => Charts::Missing("npm was not to be asked".to_owned()),
        Ok(false) => match install(site) {
            Ok(()) => Charts::Script(SCRIPT.to_owned()),
            Err(error) => Charts::Missing(format!("{error:#}")),
        },
        Err(error) => Charts::Missing(format!("{error:#}")),
    }
}

/// Copies a Chart.js, whose first lines say which it is and under what licence. It gets no
/// version of ours, so that without the variable npm is asked again.
fn take(named: &Path, site: &Path) -> anyhow::Result<()> {
    let vendor = site.join("vendor");
    fs::create_dir_all(&vendor).with_context(|| vendor.display().to_string())?;
    let copied = fs::copy(named, site.join(SCRIPT)).map(drop);
    copied.with_context(|| format!("{NAMED} names {}", named.display()))
}

/// The version of Chart.js in the lock.
fn locked() -> anyhow::Result<String> {
    let lock: serde_json::Value = serde_json::from_str(LOCK)?;
    let version = lock["packages"]["node_modules/chart.js"]["version"].as_str();
    Ok(version.context("package-lock.json does not name Chart.js")?.to_owned())
}

/// Has npm install into a folder of its own, takes what is needed, and removes the rest.
fn install(site: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(site).with_context(|| site.display().to_string())?;
    // Beside the pages, so that files can be moved and two programs do not meet.
    let work = tempfile::Builder::new().prefix(".npm-").tempdir_in(site)?;
    fs::write(work.path().join("package.json"), PACKAGE)?;
    fs::write(work.path().join("package-lock.json"), LOCK)?;
    run(work.path())?;
    fs::create_dir_all(site.join("vendor"))?;
    let modules = work.path().join("node_modules");
    for (from, to) in COPIES {
        fs::rename(modules.join(from), site.join(to)).with_context(|| format!("taking {from}"))?;
    }
    Ok(fs::write(site.join(VERSION), locked()?)?)
}

fn run(work: &Path) -> anyhow::Result<()> {
    let told = work.join("told.txt");
    let mut npm = Command::new("npm");
    npm.args(["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"])
        .args(["--no-update-notifier", "--fetch-retries=1"])
        .current_dir(work)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&told)?)
        // What it starts ends with it, and Ctrl-C asks this program, not npm.
        .process_group(0);
    let child = match npm.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("npm is not installed; install Node.js, then `tailrace site` again")
        }
        Err(error) => return Err(error).context("starting npm"),
    };
    match within(child, TIME_LIMIT)? {
        Some(status) if status.success() => Ok(()),
        Some(_) => bail!("npm failed: {}", first_error(&fs::read_to_string(&told)?)),
        None => bail!("npm took longer than {} s; is there a network?", TIME_LIMIT.as_secs()),
    }
}

/// The first line that is no mere code, without npm's own prefix.
fn first_error(told: &str) -> &str {
    let errors = told.lines().filter_map(|line| line.strip_prefix("npm error "));
    let mut sentences = errors.filter(|line| line.contains(' ') && !line.starts_with("code "));
    sentences.next().unwrap_or("it does not say why")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_names_chart_js_and_no_host() {
        assert!(locked().unwrap().starts_with("4."));
        assert!(!LOCK.contains("://"));
    }

    #[test]
    fn an_error_is_told_in_words() {
        let told = "npm warn x\nnpm error code ENOTFOUND\nnpm error request to y failed\n";
        assert_eq!(first_error(told), "request to y failed");
        assert_eq!(first_error(""), "it does not say why");
    }
}
