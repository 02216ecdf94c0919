//! A contestant that runs: started for one arm on a free port, with a Redis of its own if it asks
//! for one, spoken to as soon as it is ready, and ended with everything that it started. It is
//! watched from outside like our own servers; it has no live feed.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use tailrace_backend::PrivateRedis;
use tailrace_contract::{RunId, Wire};
use tailrace_loadgen::account::Finding;
use tailrace_loadgen::arena::Launched;
use tailrace_loadgen::experiment::contestant::{PORT, REDIS_URL, Ready, ReadyBy};
use tailrace_loadgen::observer::{self, Manner};
use tailrace_loadgen::shape::{RUN, Shape};
use tailrace_measure::record::{Arm, Measurement};

use super::Entry;
use crate::linked::Linked;
use crate::process::{EndsBy, Process};
use crate::serve;

/// Ports tried: between releasing a free one and its binding, another may take it.
const PORTS_MAX: u32 = 3;
/// Between two questions whether it is ready; nothing is measured then.
const READY_PAUSE: Duration = Duration::from_millis(20);
/// One answer to that question.
const READY_PATIENCE: Duration = Duration::from_secs(2);

/// A server of a contestant's arm.
pub(crate) struct Served {
    entry: Entry,
    in_flight: usize,
    cores: Vec<usize>,
    /// Fields are dropped in order, as those of our own servers.
    link: Option<Linked>,
    process: Option<Process<SocketAddr>>,
    redis: Option<PrivateRedis>,
}

impl Served {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// It ended, or was not ready in time: with its last words.
    pub(crate) fn start(
        entry: &Entry,
        arm: &Arm,
        redis: Option<PrivateRedis>,
        cores: &[usize],
        link_cores: &[usize],
    ) -> anyhow::Result<Self> {
        let mut served = Self {
            entry: entry.clone(),
            in_flight: arm.in_flight_per_connection as usize,
            cores: cores.to_vec(),
            link: None,
            process: None,
            redis,
        };
        served.launch()?;
        if let Some(link) = &arm.link {
            served.link = Some(Linked::start(link, &served.described(), link_cores)?);
        }
        Ok(served)
    }

    fn launch(&mut self) -> anyhow::Result<()> {
        let name = &self.entry.contestant.name;
        for attempt in 1.. {
            let address = free_address()?;
            let ready = &self.entry.contestant.ready;
            let started =
                Process::start_when(self.command(address)?, &self.cores, EndsBy::Signal, |child| {
                    wait_ready(child, ready, address)
                });
            match started.with_context(|| format!("{name} could not be started"))? {
                Ok(process) => {
                    self.process = Some(process);
                    break;
                }
                Err(failed) if attempt < PORTS_MAX && is_taken(&failed.said) => {}
                Err(failed) => {
                    let said = failed.said;
                    return Err(failed
                        .why
                        .context(format!("{name} did not start; it said: {said}")));
                }
            }
        }
        Ok(())
    }

    fn command(&self, address: SocketAddr) -> anyhow::Result<Command> {
        let program = &self.entry.contestant.program;
        let port = address.port().to_string();
        let redis = self.redis.as_ref().map(PrivateRedis::url).unwrap_or_default();
        let filled = |text: &String| text.replace(PORT, &port).replace(REDIS_URL, &redis);
        let words: Vec<String> = program.command.iter().map(filled).collect();
        let (first, arguments) = words.split_first().context("it has no command")?;
        let environment: HashMap<&String, String> =
            program.environment.iter().map(|(name, value)| (name, filled(value))).collect();
        let mut command = Command::new(first);
        command.args(arguments).envs(environment);
        command.current_dir(self.entry.folder()?.join(&program.folder));
        // A group of its own: what it starts ends with it.
        command.process_group(0);
        Ok(command)
    }

    fn address(&self) -> SocketAddr {
        self.process.as_ref().map_or_else(|| ([127, 0, 0, 1], 0).into(), |process| process.ready)
    }

    /// As a link knows servers.
    fn described(&self) -> serve::Ready {
        serve::Ready {
            ready: self.entry.contestant.name.clone(),
            pid: self.server_pid(),
            ingest: self.address(),
            observer: None,
            tls: false,
            certificate_sha256: None,
        }
    }

    fn process_death(&mut self) -> Option<String> {
        let how = self.process.as_mut()?.death()?;
        Some(format!("the contestant ended {how}"))
    }

    fn survives(&self) -> bool {
        self.entry.contestant.promise != tailrace_contract::promise::Survives::Nothing
    }
}

impl Launched for Served {
    fn ingest(&self) -> SocketAddr {
        self.link.as_ref().map_or_else(|| self.address(), Linked::ingest)
    }

    fn observer(&self) -> Option<SocketAddr> {
        None
    }

    fn wires(&self) -> Box<dyn Fn(RunId) -> Box<dyn Wire> + Send + Sync> {
        let (entry, in_flight) = (self.entry.clone(), self.in_flight);
        let authority = self.ingest().to_string();
        Box::new(move |run| entry.wire(&authority, run, in_flight))
    }

    fn shape(&self) -> Option<Shape> {
        Some(self.entry.contestant.shape.clone())
    }

    fn audit_at(&self, run: RunId) -> Result<(SocketAddr, String), String> {
        let path = self.entry.contestant.audit.clone()?;
        Ok((self.address(), path.replace(RUN, &run.to_string())))
    }

    fn server_pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::pid)
    }

    fn serves_on_one_thread(&self) -> bool {
        false
    }

    fn backend_pid(&self) -> Option<u32> {
        self.redis.as_ref()?.pid()
    }

    fn link_pid(&self) -> Option<u32> {
        self.link.as_ref().map(Linked::pid)
    }

    fn findings(&self) -> Vec<Finding> {
        let death = self.link.as_ref().and_then(Linked::death);
        death.map(|how| (Measurement::Invalid, how.to_owned())).into_iter().collect()
    }

    fn server_death(&mut self) -> Option<String> {
        self.process_death().or_else(|| self.link.as_mut()?.look())
    }

    fn recover(&mut self) -> Result<(), String> {
        if let Some(redis) = &mut self.redis
            && !redis.is_running()
        {
            redis.restart().map_err(|error| format!("Redis did not come back: {error}"))?;
        }
        if self.process_death().is_none() {
            return Ok(());
        }
        if !self.survives() {
            return Err("what it held died with it, as its promise says".into());
        }
        self.process = None;
        self.launch().map_err(|error| format!("the contestant did not come back: {error:#}"))
    }
}

/// A free port of the loopback.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

fn is_taken(said: &str) -> bool {
    said.contains("EADDRINUSE") || said.to_lowercase().contains("address already in use")
}

fn wait_ready(child: &mut Child, ready: &Ready, at: SocketAddr) -> anyhow::Result<SocketAddr> {
    let deadline = Instant::now() + Duration::from_millis(ready.timeout_ms);
    let lines = lines(child)?;
    match &ready.by {
        ReadyBy::Line(text) => wait_line(&lines, text, deadline)?,
        ReadyBy::Get(path) => {
            drop(lines);
            wait_get(child, at, path, deadline)?;
        }
    }
    Ok(at)
}

/// Its standard output, line by line. It is read to its end whether or not somebody wants it: a
/// full pipe would stop the server.
fn lines(child: &mut Child) -> anyhow::Result<mpsc::Receiver<String>> {
    let output = child.stdout.take().context("it has no standard output")?;
    let (tell, told) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut tell = Some(tell);
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            // Nobody listens once it is ready.
            tell = tell.filter(|tell| tell.send(line).is_ok());
        }
    });
    Ok(told)
}

fn wait_line(lines: &mpsc::Receiver<String>, text: &str, deadline: Instant) -> anyhow::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(line) if line.contains(text) => return Ok(()),
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => bail!("it did not say {text:?} in time"),
            Err(RecvTimeoutError::Disconnected) => bail!("it ended without saying {text:?}"),
        }
    }
}

fn wait_get(
    child: &mut Child,
    at: SocketAddr,
    path: &str,
    deadline: Instant,
) -> anyhow::Result<()> {
    loop {
        let Err(why) = observer::get_within(at, Manner::default(), path, READY_PATIENCE) else {
            return Ok(());
        };
        if let Some(status) = child.try_wait()? {
            return Err(anyhow!("it ended ({status}) before it was ready"));
        }
        if Instant::now() > deadline {
            return Err(why.context("it was not ready in time"));
        }
        std::thread::sleep(READY_PAUSE);
    }
}
