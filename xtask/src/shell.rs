//! Runs programs: says what it runs, and turns a failure into an error that names it. Output
//! goes straight through, but for [`output`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// Where Debian keeps programs of administration. A user's `PATH` often lacks these folders,
/// and dpkg refuses to work without them.
const ADMINISTRATION: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    // This crate's folder is a direct child of the workspace's.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The folder for everything that can be made again.
pub(crate) fn target() -> PathBuf {
    let given = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    root().join(given.unwrap_or_else(|| "target".into()))
}

/// `PATH` with the folders of administration after the user's own.
pub(crate) fn search_path() -> OsString {
    let given = std::env::var_os("PATH").unwrap_or_default();
    let all = std::env::split_paths(&given).chain(ADMINISTRATION.map(PathBuf::from));
    // Folders that came out of a PATH can be joined to one again.
    std::env::join_paths(all).unwrap_or(given)
}

/// Where a program is, if it is installed.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&search_path()).map(|folder| folder.join(program)).find(|path| {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}

/// A program that runs in the workspace's folder with the extended `PATH`.
pub(crate) fn program(name: impl Into<OsString>) -> Command {
    let mut command = Command::new(name.into());
    command.current_dir(root()).env("PATH", search_path());
    command
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Whether a program ends well; its output is thrown away.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = describe(command);
    eprintln!("xtask: {line}");
    let status = command.status().with_context(|| format!("cannot start {line}"))?;
    if !status.success() {
        bail!("{line} failed: {status}");
    }
    Ok(())
}

/// Runs a program to its end and keeps what it printed; its stderr goes straight through. How
/// it ended is the caller's to judge.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    let line = describe(command);
    eprintln!("xtask: {line}");
    command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start {line}"))
}

/// The command line, short enough to read: a script is shown by its first line.
fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let shorten = |word: &std::ffi::OsStr| {
        let word = word.to_string_lossy();
        let mut lines = word.lines();
        let first = lines.next().unwrap_or_default().to_owned();
        if lines.next().is_some() { format!("'{first} …'") } else { first }
    };
    words.map(shorten).collect::<Vec<_>>().join(" ")
}
