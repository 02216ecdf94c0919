//! What happens before a contestant is raced: it is installed once for each state of its lock
//! file, within a time limit, and asked for its version. Without a version nothing is recorded.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use tailrace_loadgen::experiment::contestant::{Contestant, Install};
use tailrace_measure::record::{ContestantInfo, SourceFile};

use super::{Entry, is_installed};
use crate::exit::Fault;
use crate::process::within;
use crate::site::offline;

/// Says for which lock file it is installed; also what two races at a time wait for.
const STAMP: &str = ".installed";
/// A program that does not say its version by then is asked for something else.
const VERSION_TIMEOUT: Duration = Duration::from_secs(20);
/// Lines of an installation's output that are shown when it failed: the end says why.
const SHOWN_LINES: usize = 20;
/// Bytes of output that are read to find them.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;

/// Installs it if that is due, asks it for its version, and describes it.
///
/// # Errors
/// What it needs is not there, installing failed or took too long, or it does not say its version.
pub(super) fn prepare(entry: &Entry) -> anyhow::Result<ContestantInfo> {
    let contestant = &entry.contestant;
    let name = &contestant.name;
    let folder = entry.folder()?.join(&contestant.program.folder);
    if let Some(install) = &contestant.install {
        installed(name, install, &folder).with_context(|| format!("{name} is not installed"))?;
    }
    is_there(contestant, &folder)?;
    let version = version(contestant, &folder).map_err(|error| {
        let command = contestant.program.version.join(" ");
        Fault::Missing(format!(
            "{name} does not say its version, so nothing is recorded: {command}: {error:#}; if what \
             was installed is damaged, remove {}",
            folder.join(STAMP).display()
        ))
    })?;
    let described = ("contestant.toml".to_owned(), contestant.sha256.clone());
    let sources = contestant.program.files.iter().map(|file| {
        let path = folder.join(file);
        let bytes = fs::read(&path).map_err(|error| {
            Fault::Usage(format!("{name}: a file under `files`, {}: {error}", path.display()))
        })?;
        Ok((file.clone(), sha256(&bytes)))
    });
    let files = std::iter::once(Ok(described)).chain(sources);
    let files = files.map(|file| file.map(|(name, sha256)| SourceFile { name, sha256 }));
    Ok(ContestantInfo {
        name: name.clone(),
        title: contestant.title.clone(),
        version,
        command: contestant.program.command.clone(),
        files: files.collect::<anyhow::Result<_>>()?,
        not_audited: contestant.audit.clone().err(),
    })
}

/// Whether its program can be started, which would otherwise be known only at its first turn in the
/// race. A name with a slash is meant from its folder, any other is looked for in PATH.
fn is_there(contestant: &Contestant, folder: &Path) -> Result<(), Fault> {
    let Some(program) = contestant.program.command.first() else { return Ok(()) };
    let (found, place) = if program.contains('/') {
        (folder.join(program).is_file(), folder.display().to_string())
    } else {
        (is_installed(program), "PATH".to_owned())
    };
    found.then_some(()).ok_or_else(|| {
        let name = &contestant.name;
        let why = "was it built or installed, and is `command` right?";
        Fault::Missing(format!("{name} cannot be started: {program:?} is not in {place}; {why}"))
    })
}

/// Installs it unless the stamp says that this very lock file was installed.
fn installed(name: &str, install: &Install, folder: &Path) -> anyhow::Result<()> {
    let lock = folder.join(&install.lock);
    let locked = fs::read(&lock).with_context(|| lock.display().to_string())?;
    let wanted = sha256(&[install.command.join("\0").as_bytes(), &locked[..]].concat());
    let stamp = folder.join(STAMP);
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&stamp);
    let file = file.as_mut().map_err(|error| anyhow::anyhow!("{}: {error}", stamp.display()))?;
    file.lock().context("waiting for another race that installs it")?;
    let mut there = String::new();
    file.read_to_string(&mut there)?;
    if there == wanted {
        return Ok(());
    }
    if offline() {
        bail!(Fault::Missing("TAILRACE_OFFLINE forbids to fetch what it needs".into()));
    }
    eprintln!("{name}: {} (once)", install.command.join(" "));
    file.set_len(0)?;
    run(install, folder)?;
    file.rewind()?;
    Ok(file.write_all(wanted.as_bytes())?)
}

fn run(install: &Install, folder: &Path) -> anyhow::Result<()> {
    let output = tempfile::tempfile()?;
    let mut command = command(&install.command, folder);
    command.stdout(output.try_clone()?).stderr(output.try_clone()?);
    let limit = Duration::from_millis(install.timeout_ms);
    let shown = install.command.join(" ");
    let child = command.spawn().with_context(|| shown.clone())?;
    match within(child, limit)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => bail!("{shown} ended ({status}); it said:\n{}", last_lines(output)?),
        None => {
            let said = last_lines(output)?;
            bail!(
                "{shown} took longer than {} s; is there a network? It said:\n{said}",
                limit.as_secs()
            )
        }
    }
}

/// The first line that it says when it is asked.
fn version(contestant: &Contestant, folder: &Path) -> anyhow::Result<String> {
    let mut output = tempfile::tempfile()?;
    let mut command = command(&contestant.program.version, folder);
    command.stdout(output.try_clone()?).stderr(Stdio::null());
    let status = within(command.spawn()?, VERSION_TIMEOUT)?;
    let status = status.context("it took too long")?;
    if !status.success() {
        bail!("it ended ({status})");
    }
    output.rewind()?;
    let mut said = String::new();
    output.take(OUTPUT_BYTES_MAX).read_to_string(&mut said)?;
    let line = said.lines().map(str::trim).find(|line| !line.is_empty());
    Ok(line.context("it said nothing")?.to_owned())
}

fn command(words: &[String], folder: &Path) -> Command {
    let (program, arguments) = words.split_first().map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
    let mut command = Command::new(program);
    // A group of its own: what it starts ends with it.
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).process_group(0);
    command
}

fn last_lines(mut output: File) -> anyhow::Result<String> {
    output.rewind()?;
    let mut bytes = Vec::new();
    output.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n"))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
