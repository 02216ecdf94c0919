//! What the tests need besides Rust, and how to get it. Only programs that are missing are
//! installed: a Redis or a Python from elsewhere is as good. On a machine where nothing can be
//! installed the exact command is printed; tests are never left out in silence.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::{shell, venv};

/// Installs packages; a file of its own, so that it can be read as what it is.
const APT_INSTALL: &str = include_str!("apt-install.sh");

/// The variable and the program for each component that a test starts by itself.
pub(crate) type Components = Vec<(&'static str, PathBuf)>;

/// Programs that tests start, with the variable that tells them where it is and the Debian
/// package that brings it.
const PROGRAMS: [(&str, &str, &str); 2] = [
    ("redis-server", "TAILRACE_TEST_REDIS_SERVER", "redis-server"),
    ("curl", "TAILRACE_TEST_CURL", "curl"),
];
/// The variable that names a Python with the WebSocket client of another ecosystem.
const PYTHON_VARIABLE: &str = "TAILRACE_TEST_PYTHON";
/// Packages that bring a Python which can make virtual environments.
const PYTHON_PACKAGES: [&str; 2] = ["python3", "python3-venv"];

/// Installs what is missing. Returns where everything is.
pub(crate) fn run() -> Result<Components> {
    let missing = missing_packages();
    if !missing.is_empty() {
        install(&missing)?;
    }
    let left = missing_packages();
    if !left.is_empty() {
        bail!("still missing after the installation: {}; is PATH unusual?", left.join(", "));
    }
    let mut components = Vec::new();
    for (program, variable, _) in PROGRAMS {
        components.extend(shell::find(program).map(|path| (variable, path)));
    }
    components.push((PYTHON_VARIABLE, venv::with_websockets()?));
    Ok(components)
}

fn missing_packages() -> Vec<&'static str> {
    let absent = PROGRAMS.iter().filter(|(program, _, _)| shell::find(program).is_none());
    let mut packages: Vec<_> = absent.map(|&(_, _, package)| package).collect();
    if venv::is_needed() && venv::base_python().is_none() {
        packages.extend(PYTHON_PACKAGES);
    }
    packages
}

fn install(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if shell::find("apt-get").is_none() {
        bail!(
            "the tests need programs that are missing; on Debian their packages are called: \
             {list}\nInstall them with your system's package manager, then run this again."
        );
    }
    if is_root() {
        return shell::run(shell::program("sh").args(["-c", APT_INSTALL, "sh"]).args(packages));
    }
    if shell::succeeds(shell::program("sudo").args(["-n", "true"])) {
        let mut path = std::ffi::OsString::from("PATH=");
        path.push(shell::search_path());
        let mut sudo = shell::program("sudo");
        sudo.args(["-n", "env"]).arg(path).args(["sh", "-c", APT_INSTALL, "sh"]).args(packages);
        return shell::run(&mut sudo);
    }
    bail!(
        "the tests need programs that are missing, and this user may not install them. Run:\n\n    \
         sudo apt-get update && sudo apt-get install --yes --no-install-recommends {list}\n\n\
         then run this again."
    );
}

/// The standard library cannot say who runs this.
fn is_root() -> bool {
    let id = shell::program("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
