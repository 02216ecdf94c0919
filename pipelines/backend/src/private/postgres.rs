//! A private PostgreSQL. All calls block (the first start takes about a second): from async code
//! use `spawn_blocking`. It knows no table; [`crate::store::postgres`] does. Where its folder is
//! and how it is filled: [`super::cluster`].

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tailrace_sys::{Signal, proc, send};

use super::cluster::{Cluster, DATABASE, USER};
use super::process::{PORTS_MAX, Process, free_port, tail};

/// How long a PostgreSQL may take until it answers; replaying a large log takes seconds.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How long its processes may take to end after they were told to.
const END_DEADLINE: Duration = Duration::from_secs(5);
/// Pause between two looks; it is not on any measured path.
const POLL_PAUSE: Duration = Duration::from_millis(5);
/// What the first lines of a start say when an earlier start's children still end.
const STILL_ENDING: &str = "pre-existing shared memory block";

/// When a commit is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commits {
    /// After it is on disk.
    Synced,
    /// At once; PostgreSQL's own death may lose the last half second or so, and tears nothing.
    Lazy,
}

/// What differs from PostgreSQL's defaults, in its own words. Results record it.
pub const SETTINGS: [(&str, &str); 6] = [
    // Loopback alone, and no socket file that would need a folder of its own.
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    // Dynamic memory as files of its folder: what is killed leaves nothing in /dev/shm.
    ("dynamic_shared_memory_type", "mmap"),
    // The tables of a few minutes under load; a checkpoint would come every ten seconds with
    // the default of the log's size.
    ("shared_buffers", "256MB"),
    ("max_wal_size", "4GB"),
    // Compiling a query costs more than the queries here.
    ("jit", "off"),
];

/// Why there is no private PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum PostgresStartError {
    /// No binaries.
    #[error(
        "PostgreSQL's server is not installed (searched PATH and /usr/lib/postgresql/*/bin for \
         postgres and initdb); on Debian: apt-get install postgresql"
    )]
    Missing,
    /// It refuses to run as root, and there is nobody else.
    #[error(
        "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor \
         nobody; run this program as another user"
    )]
    Account,
    /// The folder, the port or the process could not be made.
    #[error("a private PostgreSQL could not be prepared: {0}")]
    Prepare(#[from] io::Error),
    /// The folder could not be filled.
    #[error("initdb failed:\n{log}")]
    Initdb {
        /// What it said.
        log: String,
    },
    /// It ended instead of answering.
    #[error("postgres ended at once; its log ends with:\n{log}")]
    Ended {
        /// The end of its log.
        log: String,
    },
    /// It runs but is not ready.
    #[error("postgres was not ready within {deadline:?}; its log ends with:\n{log}")]
    Silent {
        /// How long it was given.
        deadline: Duration,
        /// The end of its log.
        log: String,
    },
}

/// A running PostgreSQL; dropping it ends it without a checkpoint and removes its folder.
pub struct PrivatePostgres {
    cluster: Cluster,
    commits: Commits,
    cores: Option<Vec<usize>>,
    port: u16,
    process: Option<Process>,
}

impl std::fmt::Debug for PrivatePostgres {
    /// Without its password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("PrivatePostgres");
        shown.field("dir", &self.dir()).field("port", &self.port).finish_non_exhaustive()
    }
}

impl PrivatePostgres {
    /// Makes one and waits until it answers. `cores`: all its processes are pinned to these.
    ///
    /// # Errors
    /// See [`PostgresStartError`]; nothing keeps running after an error.
    pub fn start(commits: Commits, cores: Option<&[usize]>) -> Result<Self, PostgresStartError> {
        let cluster = Cluster::create()?;
        let cores = cores.map(<[usize]>::to_vec);
        let mut postgres = Self { cluster, commits, cores, port: 0, process: None };
        for attempt in 1.. {
            postgres.port = free_port()?;
            match postgres.launch() {
                Err(PostgresStartError::Ended { log })
                    if attempt < PORTS_MAX && log.contains("Address already in use") => {}
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        Ok(postgres)
    }

    /// Its address, as clients want it, with the password that nobody else knows.
    pub fn url(&self) -> String {
        let password = &self.cluster.password;
        format!("postgres://{USER}:{password}@127.0.0.1:{}/{DATABASE}", self.port)
    }

    /// Its first process; none while it is killed.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// All its processes, one a connection among them; they come and go.
    pub fn pids(&self) -> Vec<u32> {
        self.pid().map(proc::family).unwrap_or_default()
    }

    /// Whether it lives; one that was killed from outside is reaped here.
    pub fn is_running(&mut self) -> bool {
        let lives = self.process.as_mut().is_some_and(Process::lives);
        if !lives {
            self.process = None;
        }
        lives
    }

    /// Where it keeps its files.
    pub fn dir(&self) -> &Path {
        self.cluster.dir.path()
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The version of the binary, such as "15.14".
    pub fn version(&self) -> &str {
        &self.cluster.version
    }

    /// How it was set up: what differs from the defaults.
    pub fn settings(&self) -> Vec<(&'static str, &'static str)> {
        let commit = match self.commits {
            Commits::Synced => "on",
            Commits::Lazy => "off",
        };
        SETTINGS.into_iter().chain([("synchronous_commit", commit)]).collect()
    }

    /// Kills all its processes at once (SIGKILL), as if the power had failed but for what the
    /// kernel already had.
    ///
    /// # Errors
    /// When it cannot be killed or reaped, or a process of it does not end.
    pub fn kill(&mut self) -> io::Result<()> {
        let pids = self.pids();
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.child.kill()?;
        process.child.wait()?;
        // They would notice by themselves, but one that works notices only when it has done.
        for &pid in &pids[1..] {
            // It may have ended meanwhile.
            let _ = send(pid, Signal::Kill);
        }
        wait_until_gone(&pids)
    }

    /// Freezes all its processes (SIGSTOP): connections stay open, nothing is answered.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&self) -> io::Result<()> {
        self.send_all(Signal::Stop)
    }

    /// Lets it go on after [`Self::pause`].
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self) -> io::Result<()> {
        self.send_all(Signal::Cont)
    }

    /// Starts it again on the same port and folder (what was committed is there), killing it
    /// first if it runs.
    ///
    /// # Errors
    /// See [`PostgresStartError`].
    pub fn restart(&mut self) -> Result<(), PostgresStartError> {
        self.kill()?;
        let started = Instant::now();
        loop {
            match self.launch() {
                Err(PostgresStartError::Ended { log })
                    if log.contains(STILL_ENDING) && started.elapsed() < END_DEADLINE =>
                {
                    thread::sleep(POLL_PAUSE);
                }
                done => return done,
            }
        }
    }

    fn send_all(&self, signal: Signal) -> io::Result<()> {
        let stopped =
            || io::Error::new(io::ErrorKind::NotFound, "the private PostgreSQL does not run");
        send(self.pid().ok_or_else(stopped)?, signal)?;
        for &pid in &self.pids()[1..] {
            // A connection's process may have ended meanwhile.
            let _ = send(pid, signal);
        }
        Ok(())
    }

    fn launch(&mut self) -> Result<(), PostgresStartError> {
        self.process = Some(Process::spawn(self.command()?, self.cores.clone())?);
        let ready = self.wait_until_ready();
        if ready.is_err() {
            self.kill()?;
        }
        ready
    }

    fn command(&self) -> io::Result<Command> {
        let log = File::create(self.log_file())?;
        let mut command = self.cluster.command("postgres");
        command.arg("-D").arg(self.cluster.data()).args(["-p", &self.port.to_string()]);
        for (name, value) in self.settings() {
            command.args(["-c", &format!("{name}={value}")]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    fn log_file(&self) -> PathBuf {
        self.dir().join("postgres.log")
    }

    fn wait_until_ready(&mut self) -> Result<(), PostgresStartError> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if !self.is_running() {
                return Err(PostgresStartError::Ended { log: tail(&self.log_file()) });
            }
            if self.says_ready() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let log = tail(&self.log_file());
                return Err(PostgresStartError::Silent { deadline: START_DEADLINE, log });
            }
            thread::sleep(POLL_PAUSE);
        }
    }

    /// As `pg_ctl` asks: the first line of this file is the process, the eighth its state.
    fn says_ready(&self) -> bool {
        let text = fs::read_to_string(self.cluster.data().join("postmaster.pid"));
        let text = text.unwrap_or_default();
        let mut lines = text.lines();
        let ours = lines.next().and_then(|pid| pid.parse().ok()) == self.pid();
        ours && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    }

    /// Ends it as an emergency does, but lets it remove what it holds outside its folder.
    fn end(&mut self) -> io::Result<()> {
        let Some(pid) = self.pid() else { return Ok(()) };
        // What is paused handles no request.
        self.resume()?;
        send(pid, Signal::Quit)?;
        let deadline = Instant::now() + END_DEADLINE;
        while self.is_running() && Instant::now() < deadline {
            thread::sleep(POLL_PAUSE);
        }
        self.kill()
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        // Nobody is left to be told; the kernel kills it with its keeper anyway.
        let _ = self.end();
    }
}

/// Waits until all these processes have ended. One that nobody reaps holds nothing any more.
fn wait_until_gone(pids: &[u32]) -> io::Result<()> {
    let deadline = Instant::now() + END_DEADLINE;
    while let Some(pid) = pids.iter().find(|&&pid| runs(pid)) {
        if Instant::now() > deadline {
            let text = format!("process {pid} of PostgreSQL does not end");
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        thread::sleep(POLL_PAUSE);
    }
    Ok(())
}

fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_ends_it_when_nobody_holds_it() {
        let mut postgres = PrivatePostgres::start(Commits::Lazy, None).unwrap();
        let pids = postgres.pids();
        assert!(pids.len() > 3, "the first process has started others: {pids:?}");
        // What is left of a parent that was killed: nothing, its threads neither.
        let mut child = postgres.process.take().unwrap().child;
        child.wait().unwrap();
        wait_until_gone(&pids).unwrap();
        // Finds the shared memory that the dead one left, and removes it when it ends.
        postgres.restart().unwrap();
    }
}
