//! Where it runs and what runs: cores, machine, build. What a manifest says about them.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::net::Ipv4Addr;
use std::path::Path;

use sha2::{Digest, Sha256};
use tailrace_loadgen::account::Finding;
use tailrace_loadgen::congestion;
use tailrace_measure::record::{Build, Machine, Placement};

use crate::exit::Fault;
use crate::play::suspect;

/// The cores of this machine and who gets which.
pub struct Surroundings {
    /// Server, backend, worker, and this program's own watching.
    pub server_cores: Vec<usize>,
    /// The event loop.
    pub generator_cores: Vec<usize>,
    /// Links, where arms have one.
    pub link_cores: Vec<usize>,
    shared: bool,
    /// All of them, counted before any thread was bound to one.
    cores: u32,
}

impl Surroundings {
    /// The first core for the server's side, the last for the generator; with one core they
    /// share it, and every trial says so. A link gets a core in between, or else shares the
    /// server's: on the generator's it would make the schedule late.
    pub fn look() -> Self {
        let cores = tailrace_sys::allowed_cores();
        let first = cores.first().copied();
        let last = cores.last().copied();
        let shared = first == last;
        let link = cores.get(1).copied().filter(|core| Some(*core) != last).or(first);
        Self {
            server_cores: first.into_iter().collect(),
            generator_cores: last.into_iter().collect(),
            link_cores: link.into_iter().collect(),
            shared,
            cores: cores.len() as u32,
        }
    }

    /// Beside an endpoint whose place nobody knows: nothing is bound to a core but event loops, to
    /// those that were named.
    pub fn beside_an_endpoint(generator_cores: &[usize]) -> Self {
        let cores = tailrace_sys::allowed_cores();
        Self {
            server_cores: Vec::new(),
            generator_cores: generator_cores.to_vec(),
            link_cores: Vec::new(),
            shared: false,
            cores: cores.len() as u32,
        }
    }

    /// The same with a core for each of so many event loops, from the last one down.
    ///
    /// # Errors
    /// There are not so many beside the server's.
    pub fn with_generators(threads: u32) -> Result<Self, Fault> {
        let surroundings = Self::look();
        if threads == 1 {
            return Ok(surroundings);
        }
        let cores = tailrace_sys::allowed_cores();
        let free = cores.get(1..).unwrap_or_default();
        let Some(first) = free.len().checked_sub(threads as usize) else {
            return Err(Fault::Usage(format!(
                "{threads} threads of the generator need a core each beside the server's: {} \
                 cores, and this process may use {}",
                threads + 1,
                cores.len()
            )));
        };
        Ok(Self { generator_cores: free[first..].to_vec(), ..surroundings })
    }

    /// Whether the server's cores are its own.
    pub fn server_is_alone(&self) -> bool {
        !self.shared && !self.server_cores.is_empty()
    }

    /// Keeps progress bars, watching and writing away from the generator's core.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn stay_off_the_generators_core(&self) -> std::io::Result<()> {
        if !self.server_is_alone() {
            return Ok(());
        }
        tailrace_sys::pin_current_thread(&self.server_cores)
    }

    /// What every trial of this run must carry with it.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.shared {
            findings.push(suspect(
                "server and generator share one core, so each waits for the other; run on a \
                 machine with two",
            ));
        }
        if cfg!(debug_assertions) {
            findings.push(suspect(
                "this is a debug build, several times slower than the real thing; build with \
                 --release",
            ));
        }
        findings
    }

    /// For the manifest.
    pub fn placement(&self) -> Placement {
        let numbers = |cores: &[usize]| cores.iter().map(|&core| core as u32).collect();
        Placement {
            server_cores: numbers(&self.server_cores),
            generator_cores: numbers(&self.generator_cores),
            shared: self.shared,
        }
    }

    /// For the manifest.
    pub fn machine(&self) -> Machine {
        let seen = tailrace_sys::Machine::describe();
        Machine {
            cpu: seen.cpu_model.unwrap_or_else(|| "unknown".into()),
            cores: self.cores,
            memory_bytes: seen.memory_bytes.unwrap_or(0),
            kernel: seen.kernel,
            governor: seen.governor,
            virtualization: seen.virtualisation,
            congestion_control: seen.congestion_control,
            generator_congestion_control: congestion::used(Ipv4Addr::LOCALHOST.into()),
        }
    }
}

/// The program as it runs.
///
/// # Errors
/// Its file cannot be read.
pub fn build() -> anyhow::Result<Build> {
    let mut file = File::open(crate::itself::file()?)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
    }
    let digest = hasher.finalize();
    Ok(Build {
        revision: env!("TAILRACE_REVISION").into(),
        binary_sha256: hex(&digest),
        rustc: env!("TAILRACE_RUSTC").into(),
        profile: if cfg!(debug_assertions) { "debug" } else { "release" }.into(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The command line as it may be published: the program by its name only, files without the
/// folder they lie in on this machine, no password of a URL, and not where the results went, which
/// changes nothing about them.
pub fn command() -> Vec<String> {
    publishable(std::env::args_os().map(|word| word.to_string_lossy().into_owned()))
}

fn publishable(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut shown = vec!["tailrace".to_string()];
    let mut words = words.skip(1);
    while let Some(word) = words.next() {
        if word == "--results" {
            words.next();
        } else if !word.starts_with("--results=") {
            shown.push(tailrace_backend::redis::masked(&without_folder(&word)));
        }
    }
    shown
}

/// A word, or the value of a flag, that is an absolute path: its last part.
fn without_folder(word: &str) -> String {
    let (flag, value) = match word.split_once('=') {
        Some((flag, value)) if flag.starts_with("--") => (&word[..=flag.len()], value),
        _ => ("", word),
    };
    let name = Path::new(value).file_name().and_then(OsStr::to_str);
    match name {
        Some(name) if value.starts_with('/') => format!("{flag}{name}"),
        _ => word.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_paths_nor_passwords_are_published() {
        for (words, expected) in [
            (&["race", "--redis", "redis://:secret@host"][..], "race --redis redis://***@host"),
            (&["run", "/home/me/mine.toml", "--results", "/srv/runs"], "run mine.toml"),
            (&["race", "--results=/srv/runs", "--seed", "7"], "race --seed 7"),
            (&["race", "--tls-cert=/home/me/a.pem"], "race --tls-cert=a.pem"),
            (
                &["load", "http://host/a/path", "--body", "a/b"],
                "load http://host/a/path --body a/b",
            ),
        ] {
            let words = ["/home/me/tailrace"].iter().chain(words).map(|&word| word.into());
            assert_eq!(publishable(words).join(" "), format!("tailrace {expected}"));
        }
    }
}
