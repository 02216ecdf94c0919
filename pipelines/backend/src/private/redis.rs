//! A private Redis. All calls block (starting takes some 10 ms): from async code use
//! `spawn_blocking`. It knows nothing of streams; [`crate::redis`] does.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tailrace_sys::{Signal, send};

use super::folder::{Folder, Kind};
use super::process::{PORTS_MAX, Process, free_port, tail};

/// How long a Redis may take until it answers; loading a large log file takes seconds.
const START_DEADLINE: Duration = Duration::from_secs(20);
/// Pause between two attempts to reach it; it is not on any measured path.
const POLL_PAUSE: Duration = Duration::from_millis(5);

/// What Redis keeps on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing.
    None,
    /// An append-only file, synced every second: may lose about two seconds.
    EverySec,
    /// An append-only file, synced before every answer.
    Always,
}

/// Why there is no private Redis.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No binary.
    #[error(
        "redis-server is not installed (searched PATH, /usr/bin, /usr/local/bin, /usr/sbin); \
         on Debian: apt-get install redis-server"
    )]
    Missing,
    /// The directory, the port or the process could not be made.
    #[error("a private Redis could not be prepared: {0}")]
    Prepare(#[from] io::Error),
    /// It ended instead of answering.
    #[error("redis-server ended at once; its log ends with:\n{log}")]
    Ended {
        /// The end of its log.
        log: String,
    },
    /// It runs but does not answer.
    #[error("redis-server did not answer within {deadline:?}; its log ends with:\n{log}")]
    Silent {
        /// How long it was asked.
        deadline: Duration,
        /// The end of its log.
        log: String,
    },
}

/// Finds `redis-server` in PATH and where systems keep it outside of PATH.
pub fn find_binary() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/bin", "/usr/local/bin", "/usr/sbin"].map(PathBuf::from);
    let places = std::env::split_paths(&path).chain(usual);
    places.map(|place| place.join("redis-server")).find(|file| file.is_file())
}

/// The version of the installed binary, such as "7.0.15"; none without one.
pub fn installed_version() -> Option<String> {
    version_of(&find_binary()?).ok()
}

/// A running Redis; dropping it kills it and removes its directory.
#[derive(Debug)]
pub struct PrivateRedis {
    binary: PathBuf,
    persistence: Persistence,
    cores: Option<Vec<usize>>,
    dir: Folder,
    port: u16,
    version: String,
    process: Option<Process>,
}

impl PrivateRedis {
    /// Starts one and waits until it answers. `cores`: pinned to these.
    ///
    /// # Errors
    /// See [`StartError`]; nothing keeps running after an error.
    pub fn start(persistence: Persistence, cores: Option<&[usize]>) -> Result<Self, StartError> {
        let binary = find_binary().ok_or(StartError::Missing)?;
        let version = version_of(&binary)?;
        let dir = Folder::new(Kind::Redis)?;
        let cores = cores.map(<[usize]>::to_vec);
        let mut redis = Self { binary, persistence, cores, dir, port: 0, version, process: None };
        for attempt in 1.. {
            redis.port = free_port()?;
            match redis.launch() {
                Err(StartError::Ended { log }) if attempt < PORTS_MAX && log.contains("in use") => {
                }
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        Ok(redis)
    }

    /// Its address, as clients want it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Its process; none while it is killed.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// Whether its process lives; one that was killed from outside is reaped here.
    pub fn is_running(&mut self) -> bool {
        let Some(process) = &mut self.process else { return false };
        let lives = process.lives();
        if !lives {
            self.process = None;
        }
        lives
    }

    /// Where it keeps its files.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The version of the binary, such as "7.0.15".
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Asks it to end (SIGTERM), so that it syncs its file, and waits for that.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn stop(&mut self) -> io::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let id = process.child.id();
        // A paused process would never handle the request.
        send(id, Signal::Cont)?;
        send(id, Signal::Term)?;
        process.child.wait().map(drop)
    }

    /// Kills it at once (SIGKILL) and reaps it.
    ///
    /// # Errors
    /// When it cannot be killed or reaped.
    pub fn kill(&mut self) -> io::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.child.kill()?;
        process.child.wait().map(drop)
    }

    /// Freezes it (SIGSTOP): connections stay open, nothing is answered.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&self) -> io::Result<()> {
        send(self.running()?, Signal::Stop)
    }

    /// Lets it go on after [`Self::pause`].
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self) -> io::Result<()> {
        send(self.running()?, Signal::Cont)
    }

    /// Starts it again on the same port and directory (what is on disk is loaded), killing it
    /// first if it runs.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.kill()?;
        self.launch()
    }

    fn running(&self) -> io::Result<u32> {
        let stopped = || io::Error::new(io::ErrorKind::NotFound, "the private Redis does not run");
        self.pid().ok_or_else(stopped)
    }

    fn launch(&mut self) -> Result<(), StartError> {
        self.process = Some(Process::spawn(self.command()?, self.cores.clone())?);
        let answered = self.wait_for_answer();
        if answered.is_err() {
            self.kill()?;
        }
        answered
    }

    fn command(&self) -> io::Result<Command> {
        let (appendonly, appendfsync) = match self.persistence {
            Persistence::None => ("no", "everysec"),
            Persistence::EverySec => ("yes", "everysec"),
            Persistence::Always => ("yes", "always"),
        };
        let log = File::create(self.log_file())?;
        let mut command = Command::new(&self.binary);
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string()]);
        command.args(["--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no"]);
        command.args(["--appendonly", appendonly, "--appendfsync", appendfsync]);
        command.arg("--dir").arg(self.dir.path()).current_dir(self.dir.path());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("redis.log")
    }

    fn wait_for_answer(&mut self) -> Result<(), StartError> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if let Some(process) = &mut self.process
                && process.child.try_wait()?.is_some()
            {
                return Err(StartError::Ended { log: tail(&self.log_file()) });
            }
            if answers(self.port) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(StartError::Silent {
                    deadline: START_DEADLINE,
                    log: tail(&self.log_file()),
                });
            }
            thread::sleep(POLL_PAUSE);
        }
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        // Nobody is left to be told; the kernel kills it with its keeper anyway.
        let _ = self.kill();
    }
}

/// Whether a Redis on this port answers and has loaded its data.
fn answers(port: u16) -> bool {
    let ask = || -> io::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG\r\n")
    };
    ask().unwrap_or(false)
}

/// From "Redis server v=7.0.15 sha=…".
fn version_of(binary: &Path) -> io::Result<String> {
    let text = Command::new(binary).arg("--version").stdin(Stdio::null()).output()?.stdout;
    let text = String::from_utf8_lossy(&text);
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="));
    Ok(version.unwrap_or("unknown").to_owned())
}
