//! Servers as children of the race: started fresh, pinned, watched, ended with it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use tailrace_backend::{Found, PrivateRedis};
use tailrace_contract::{Peer, RunId, Wire};
use tailrace_loadgen::account::Finding;
use tailrace_loadgen::arena::{Launched, Launcher};
use tailrace_measure::record::Arm;

use crate::cli::{REDIS_PASSWORD_FILE, REDIS_URL, RedisArgs};
use crate::exit::{Ended, Fault};
use crate::race::suspect;
use crate::redis;
use crate::registry::{self, LogKind, Protocol};
use crate::serve::Ready;

/// A server that does not say within this time that it accepts has failed.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
/// A server that does not end within this time after its input was closed is killed.
const END_TIMEOUT: Duration = Duration::from_secs(3);

/// A system that was hit by a fault takes batches again within this time: Redis loads its
/// file, and the server's pauses between two attempts to reach it grow to a second.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(20);
/// Between two questions whether it does; nothing is measured then.
const RECOVERY_PAUSE: Duration = Duration::from_millis(20);

/// Starts `tailrace serve` for each arm.
pub struct Children {
    /// Where servers and backends run; empty: anywhere.
    pub server_cores: Vec<usize>,
    /// The Redis of redis pipelines.
    pub redis: RedisArgs,
}

impl Launcher for Children {
    fn launch(&mut self, arm: &Arm) -> anyhow::Result<Box<dyn Launched>> {
        let (protocol, log) = parts(&arm.pipeline)?;
        let backend = match log {
            Some(LogKind::Redis) => Some(self.redis()?),
            _ => None,
        };
        let mut server = Running {
            arm: arm.clone(),
            protocol,
            server_cores: self.server_cores.clone(),
            backend,
            process: None,
            findings: Vec::new(),
        };
        server.start()?;
        if let Some(backend) = &server.backend {
            server.findings = backend.findings(server.observer());
        }
        Ok(Box::new(server))
    }
}

/// Protocol and log of a pipeline or a bare server.
fn parts(name: &str) -> anyhow::Result<(Protocol, Option<LogKind>)> {
    if let Some(bare) = tailrace_targets::Bare::find(name) {
        return Ok((Protocol::of_bare(bare), None));
    }
    let pipeline = registry::find(name)?;
    Ok((pipeline.protocol, pipeline.log()))
}

impl Children {
    fn redis(&self) -> anyhow::Result<Backend> {
        let prefix = format!("tailrace:{}", redis::fresh_run());
        match redis::find(&self.redis) {
            Found::Given(url) => Ok(Backend { url, prefix, private: None }),
            Found::Private => {
                let persistence = redis::persistence(self.redis.fsync);
                let cores = (!self.server_cores.is_empty()).then_some(&self.server_cores[..]);
                let private = PrivateRedis::start(persistence, cores)?;
                Ok(Backend { url: private.url(), prefix, private: Some(private) })
            }
            Found::Missing(how) => bail!(how),
        }
    }
}

/// The Redis of one server.
struct Backend {
    url: String,
    /// Keys and channels of this server only.
    prefix: String,
    /// When it was started here.
    private: Option<PrivateRedis>,
}

impl Backend {
    /// Tells a server which Redis is its own.
    fn tell(&self, command: &mut Command) {
        command.args(["--redis-prefix", &self.prefix, "--throwaway"]).env(REDIS_URL, &self.url);
    }

    /// What makes every trial on it SUSPECT. A private one was set up here.
    fn findings(&self, observer: Option<SocketAddr>) -> Vec<Finding> {
        let Some(observer) = observer.filter(|_| self.private.is_none()) else { return vec![] };
        let described = tailrace_loadgen::observer::get(observer, "/health");
        let described = described.map(|body| String::from_utf8_lossy(&body).into_owned());
        finding(described).into_iter().collect()
    }
}

/// What the answer about a log's health leaves open.
fn finding(described: anyhow::Result<String>) -> Option<Finding> {
    match described {
        Ok(text) if text.contains("maxmemory-policy unknown") => Some(suspect(
            "the Redis that was given does not tell its maxmemory-policy, so it may evict \
             acknowledged batches; allow CONFIG GET, or leave it to a private one",
        )),
        Ok(_) => None,
        Err(why) => Some(suspect(&format!("the Redis could not be asked how it is set: {why:#}"))),
    }
}

/// A server process.
struct Process {
    child: Child,
    /// Closing it asks the server to end.
    input: Option<ChildStdin>,
    /// What it wrote to standard error.
    errors: File,
    ready: Ready,
}

/// A server of an arm, with its backend.
struct Running {
    arm: Arm,
    protocol: Protocol,
    server_cores: Vec<usize>,
    /// After the process: fields are dropped in order, and the server goes first.
    process: Option<Process>,
    backend: Option<Backend>,
    findings: Vec<Finding>,
}

impl Running {
    fn start(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(program()?);
        command.env_remove(REDIS_PASSWORD_FILE);
        command.args(["serve", &self.arm.pipeline, "--open", "--with-parent"]);
        command.args(["--ingest", "127.0.0.1:0", "--observer", "127.0.0.1:0"]);
        if let Some(backend) = &self.backend {
            backend.tell(&mut command);
        }
        let errors = tempfile::tempfile()?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors.try_clone()?);
        let cores = (!self.server_cores.is_empty()).then_some(&self.server_cores[..]);
        let mut child = tailrace_sys::spawn_bound(&mut command, cores)
            .context("the server's process could not be started")?;
        let input = child.stdin.take();
        match wait_ready(&mut child) {
            Ok(ready) => {
                self.process = Some(Process { child, input, errors, ready });
                Ok(())
            }
            Err(why) => {
                child.kill().unwrap_or_default();
                let status = child.wait()?;
                let said = tail(errors);
                let what = format!("{} did not start; it said: {said}", self.arm.pipeline);
                if status.code() == Some(Ended::Missing as i32) {
                    return Err(Fault::Missing(what).into());
                }
                Err(why.context(what))
            }
        }
    }

    /// Starts again what died, if anything of it survives.
    fn restart_dead(&mut self) -> Result<(), String> {
        if let Some(private) = self.backend.as_mut().and_then(|b| b.private.as_mut())
            && !private.is_running()
        {
            private.restart().map_err(|e| format!("Redis did not come back: {e}"))?;
        }
        if self.server_death().is_none() {
            return Ok(());
        }
        if self.backend.is_none() {
            return Err("the log died with the server, as its promise says".into());
        }
        self.process = None;
        self.start().map_err(|e| format!("the server did not come back: {e:#}"))
    }

    /// Whether the server takes batches, as it says itself.
    fn health(&self) -> anyhow::Result<()> {
        let Some(observer) = self.observer() else { return Ok(()) };
        tailrace_loadgen::observer::get(observer, "/health").map(drop)
    }

    fn ready(&self) -> Option<&Ready> {
        self.process.as_ref().map(|process| &process.ready)
    }
}

/// This very program.
fn program() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("TAILRACE_PROGRAM") {
        return Ok(path.into());
    }
    std::env::current_exe().context("the path of this program is not known")
}

/// Reads the readiness line; a thread of its own, because a pipe has no time limit.
fn wait_ready(child: &mut Child) -> anyhow::Result<Ready> {
    let output = child.stdout.take().context("the server has no standard output")?;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        // Nobody listens after the time limit; then nobody needs the line.
        tell.send(read.map(|_| line)).unwrap_or_default();
    });
    let line = told
        .recv_timeout(READY_TIMEOUT)
        .map_err(|_| anyhow!("it was not ready within {} s", READY_TIMEOUT.as_secs()))??;
    if line.is_empty() {
        bail!("it ended before it was ready");
    }
    serde_json::from_str(&line).with_context(|| format!("it said {line:?} instead of being ready"))
}

/// The last lines of what a server wrote to standard error.
fn tail(mut errors: File) -> String {
    let mut text = String::new();
    let read = errors
        .seek(SeekFrom::Start(0))
        .and_then(|_| errors.take(1 << 20).read_to_string(&mut text));
    if read.is_err() || text.is_empty() {
        return "nothing".into();
    }
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}

impl Launched for Running {
    fn ingest(&self) -> SocketAddr {
        self.ready().map_or_else(|| ([127, 0, 0, 1], 0).into(), |ready| ready.ingest)
    }

    fn observer(&self) -> Option<SocketAddr> {
        self.ready().and_then(|ready| ready.observer)
    }

    fn wires(&self) -> Box<dyn Fn(RunId) -> Box<dyn Wire> + Send + Sync> {
        let authority = self.ingest().to_string();
        let (protocol, depth) = (self.protocol, self.arm.in_flight_per_connection as usize);
        Box::new(move |run| protocol.wire(&Peer::plain(&authority, Some(run), depth)))
    }

    fn server_pid(&self) -> u32 {
        self.process.as_ref().map_or(0, |process| process.child.id())
    }

    fn backend_pid(&self) -> Option<u32> {
        self.backend.as_ref()?.private.as_ref()?.pid()
    }

    fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }

    fn server_death(&mut self) -> Option<String> {
        let process = self.process.as_mut()?;
        let status = process.child.try_wait().ok().flatten()?;
        let said = process.errors.try_clone().map(tail).unwrap_or_default();
        Some(format!("the server ended ({status}); it said: {said}"))
    }

    fn recover(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + RECOVERY_TIMEOUT;
        loop {
            self.restart_dead()?;
            // A Redis that was killed a moment ago may still look alive, and one that is back
            // is of no use before the server has found it.
            match self.health() {
                Ok(()) => return Ok(()),
                Err(why) if Instant::now() > deadline => {
                    return Err(format!("the server did not recover: {why:#}"));
                }
                Err(_) => std::thread::sleep(RECOVERY_PAUSE),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.input = None;
        let deadline = Instant::now() + END_TIMEOUT;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                _ => return,
            }
        }
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_stands_in_no_command_line() {
        let url = "redis://:secret@127.0.0.1:6379/".to_owned();
        let backend = Backend { url: url.clone(), prefix: "p".into(), private: None };
        let mut command = Command::new("tailrace");
        backend.tell(&mut command);
        assert!(command.get_args().all(|word| !word.to_string_lossy().contains("secret")));
        let given = command.get_envs().find(|(name, _)| *name == REDIS_URL);
        assert_eq!(given.and_then(|(_, value)| value), Some(url.as_ref()));
    }

    #[test]
    fn a_redis_that_hides_its_policy_makes_trials_suspect() {
        let health = |text: &str| finding(Ok(format!(r#"{{"log":{{"description":"{text}"}}}}"#)));
        assert_eq!(health("Redis 7.0, appendonly yes"), None);
        let found = health("Redis 7.0, appendonly unknown, maxmemory-policy unknown");
        assert!(found.is_some_and(|(_, why)| why.contains("maxmemory-policy")));
    }
}
