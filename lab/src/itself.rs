//! The program as it runs, for whoever starts it again or looks into its file. The file of the
//! path it was started from may have been replaced since, by the next build or the next version;
//! the servers of a race would then not start, or be another program than the one that measures.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// What every process of the program is called, wherever its file is.
const NAME: &str = "tailrace";

/// The file that this process runs, whatever stands at its path by now. Another process must not
/// be told this name: it means that one's own file.
///
/// # Errors
/// The system does not tell, as it may be without `/proc`.
pub fn file() -> std::io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() || running.is_symlink() { Ok(running) } else { std::env::current_exe() }
}

/// A command that starts this very program.
///
/// # Errors
/// As [`file()`].
pub fn command() -> std::io::Result<Command> {
    let mut command = Command::new(file()?);
    command.arg0(NAME);
    Ok(command)
}
