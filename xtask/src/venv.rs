//! A Python with the `websockets` client, in a virtual environment under the target folder:
//! the tests talk to our WebSocket server with a client that shares no line with it. Nothing
//! outside the target folder changes.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::shell;

/// Fixed, so that every machine tests the same. Runs on Python 3.9 and later.
const WEBSOCKETS: &str = "15.0.1";

/// A Python that imports `websockets`; makes it if needed, which downloads one package.
pub(crate) fn with_websockets() -> Result<PathBuf> {
    let python = python();
    if is_needed() {
        let base = base_python().context("no Python can make a virtual environment")?;
        shell::run(shell::program(base).args(["-m", "venv", "--clear"]).arg(folder()))?;
        let package = format!("websockets=={WEBSOCKETS}");
        let mut pip = shell::program(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &package]);
        shell::run(&mut pip).context("is the Python package index reachable from here?")?;
    }
    Ok(python)
}

/// Whether the environment is missing or broken.
pub(crate) fn is_needed() -> bool {
    let check = format!("import websockets; assert websockets.__version__ == '{WEBSOCKETS}'");
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
