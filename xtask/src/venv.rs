//! A Python with a few packages, in a virtual environment under the target folder: the tests
//! talk to our servers with clients and codecs that share no line with them. Nothing outside the
//! target folder changes.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::shell;

/// Fixed versions, so that every machine tests the same. All run on Python 3.10 and later.
const PACKAGES: [(&str, &str); 5] = [
    // A WebSocket client.
    ("websockets", "15.0.1"),
    // An HTTP client, and what it needs to speak HTTP/2.
    ("httpx", "0.28.1"),
    ("h2", "4.3.0"),
    // The codec, as its authors' most used implementation writes it.
    ("msgpack", "1.1.2"),
    // The reference reader of interval logs.
    ("hdrhistogram", "0.10.8"),
];

/// A Python that has the packages; makes it if needed, which downloads them.
pub(crate) fn with_packages() -> Result<PathBuf> {
    let python = python();
    if is_needed() {
        let base = base_python().context("no Python can make a virtual environment")?;
        shell::run(shell::program(base).args(["-m", "venv", "--clear"]).arg(folder()))?;
        let mut pip = shell::program(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip.args(PACKAGES.map(|(name, version)| format!("{name}=={version}")));
        shell::run(&mut pip).context("is the Python package index reachable from here?")?;
    }
    Ok(python)
}

/// Whether the environment is missing, or lacks a package in its version.
pub(crate) fn is_needed() -> bool {
    let checks = PACKAGES.map(|(name, version)| format!("version('{name}') == '{version}'"));
    let check = format!("from importlib.metadata import version; assert {}", checks.join(" and "));
    !shell::succeeds(shell::program(python()).args(["-c", &check]))
}

/// A Python that can make a virtual environment. Debian's own cannot without a further
/// package; another one, found first, may.
pub(crate) fn base_python() -> Option<PathBuf> {
    let candidates = [shell::find("python3"), Some(PathBuf::from("/usr/bin/python3"))];
    let able = |python: &PathBuf| {
        shell::succeeds(shell::program(python).args(["-c", "import venv, ensurepip"]))
    };
    candidates.into_iter().flatten().find(able)
}

fn folder() -> PathBuf {
    shell::target().join("test-env")
}

fn python() -> PathBuf {
    folder().join("bin/python")
}
