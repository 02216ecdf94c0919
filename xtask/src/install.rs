//! What the tests need besides Rust, and how to get it. Only programs that are missing are
//! installed: a Redis or a Python from elsewhere is as good. On a machine where nothing can be
//! installed the exact command is printed; tests are never left out in silence.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::{browser, shell, venv};

/// Installs packages; a file of its own, so that it can be read as what it is.
const APT_INSTALL: &str = include_str!("apt-install.sh");

/// The variable and the program for each component that a test starts by itself.
pub(crate) type Components = Vec<(&'static str, PathBuf)>;

/// A program that tests start.
struct Program {
    /// What it may be called; the first that is found counts.
    names: &'static [&'static str],
    /// Where to look besides PATH: the `bin` of each folder in here.
    versions: Option<&'static str>,
    /// Tells the tests where it is.
    variable: &'static str,
    /// Debian packages that bring it.
    packages: &'static [&'static str],
}

/// Only what is missing is installed: Debian's npm conflicts with the nodejs of others, which
/// brings one.
const PROGRAMS: [Program; 8] = [
    program(&["redis-server"], "TAILRACE_TEST_REDIS_SERVER", &["redis-server"]),
    Program {
        names: &["postgres"],
        versions: Some("/usr/lib/postgresql"),
        variable: "TAILRACE_TEST_POSTGRES",
        packages: &["postgresql"],
    },
    program(&["curl"], "TAILRACE_TEST_CURL", &["curl"]),
    program(&["h2load"], "TAILRACE_TEST_H2LOAD", &["nghttp2-client"]),
    program(&["nginx"], "TAILRACE_TEST_NGINX", &["nginx-light"]),
    program(&["node"], "TAILRACE_TEST_NODE", &["nodejs"]),
    program(&["npm"], "TAILRACE_TEST_NPM", &["npm"]),
    // Without any font it draws no text.
    program(
        &["chromium", "chromium-browser", "google-chrome"],
        "CHROMIUM",
        &["chromium", "fonts-dejavu-core"],
    ),
];
/// The variable that names a Python with clients and codecs of another ecosystem.
const PYTHON_VARIABLE: &str = "TAILRACE_TEST_PYTHON";
/// Packages that bring a Python which can make virtual environments.
const PYTHON_PACKAGES: [&str; 2] = ["python3", "python3-venv"];

const fn program(
    names: &'static [&'static str],
    variable: &'static str,
    packages: &'static [&'static str],
) -> Program {
    Program { names, versions: None, variable, packages }
}

impl Program {
    fn find(&self) -> Option<PathBuf> {
        let versions = self.versions.map(Path::new).map(std::fs::read_dir);
        let folders = versions.into_iter().flatten().flatten().flatten();
        let folders: Vec<PathBuf> = folders.map(|folder| folder.path().join("bin")).collect();
        let in_folders =
            |name: &str| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file());
        self.names.iter().find_map(|name| shell::find(name).or_else(|| in_folders(name)))
    }
}

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
    for program in PROGRAMS {
        components.extend(program.find().map(|path| (program.variable, path)));
    }
    browser::install_packages()?;
    components.push((PYTHON_VARIABLE, venv::with_packages()?));
    Ok(components)
}

fn missing_packages() -> Vec<&'static str> {
    let absent = PROGRAMS.iter().filter(|program| program.find().is_none());
    let mut packages: Vec<_> = absent.flat_map(|program| program.packages).copied().collect();
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
