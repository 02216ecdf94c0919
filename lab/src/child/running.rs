//! A server of an arm while it runs: how it and its workers are started, watched, and brought back
//! after a fault. Read next: `backend.rs`.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use tailrace_contract::{Peer, RunId, Wire};
use tailrace_loadgen::account::Finding;
use tailrace_loadgen::arena::Launched;
use tailrace_loadgen::faults::Target;
use tailrace_loadgen::observer::Key;
use tailrace_measure::record::{Arm, Flush, Measurement};
use tailrace_producers::tls::Tls;

use super::backend::Backend;
use crate::cli::{REDIS_PASSWORD_FILE, REDIS_URL};
use crate::exit::{Ended, Fault};
use crate::itself;
use crate::linked::Linked;
use crate::locked::Locked;
use crate::process::Process;
use crate::registry::Protocol;
use crate::secured::Secured;
use crate::serve::Ready;
use crate::stocked::Stocked;

/// A system that was hit by a fault takes batches again within this time: Redis loads its
/// file, and the server's pauses between two attempts to reach it grow to a second.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(20);
/// Between two questions whether it does; nothing is measured then.
const RECOVERY_PAUSE: Duration = Duration::from_millis(20);

/// What every observer agrees on in a TLS handshake.
const OBSERVER_ALPN: &str = "http/1.1";

/// A server of an arm, with its backend.
pub(super) struct Running {
    pub(super) arm: Arm,
    pub(super) protocol: Protocol,
    pub(super) server_cores: Vec<usize>,
    /// Fields are dropped in order: nobody needs a link to a server that is going.
    pub(super) link: Option<Linked>,
    /// Before its backend.
    pub(super) process: Option<Process<Ready>>,
    pub(super) stocked: Option<Stocked>,
    pub(super) backend: Option<Backend>,
    /// None: in clear text.
    pub(super) secured: Option<Secured>,
    /// None: it asks for no key.
    pub(super) locked: Option<Locked>,
    pub(super) findings: Vec<Finding>,
}

impl Running {
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        let mut command = program()?;
        command.env_remove(REDIS_PASSWORD_FILE);
        command.args(["serve", &self.arm.pipeline, "--with-parent"]);
        Locked::tell(self.locked.as_ref(), &mut command);
        command.args(["--ingest", "127.0.0.1:0", "--observer", "127.0.0.1:0"]);
        if self.arm.flush == Flush::Each {
            command.args(["--flush", "each"]);
        }
        if let Some(backend) = &self.backend {
            backend.tell(&mut command);
        }
        Stocked::tell_server(self.stocked.as_ref(), &mut command);
        Secured::tell(self.secured.as_ref(), &mut command);
        let started = Process::start(command, &self.server_cores).context("the server")?;
        match started {
            Ok(process) => {
                let ready = &process.ready;
                self.secured.as_mut().map_or(Ok(()), |secured| secured.learn(ready))?;
                self.process = Some(process);
                Ok(())
            }
            Err(failed) => {
                let what = format!("{} did not start; it said: {}", self.arm.pipeline, failed.said);
                if failed.status.code() == Some(Ended::Missing as i32) {
                    return Err(Fault::Missing(what).into());
                }
                Err(failed.why.context(what))
            }
        }
    }

    pub(super) fn start_workers(&mut self) -> anyhow::Result<()> {
        let (Some(stocked), Some(backend)) = (&mut self.stocked, &self.backend) else {
            return Ok(());
        };
        stocked.start_workers(&self.arm, program, |command| {
            command.env_remove(REDIS_PASSWORD_FILE).env(REDIS_URL, &backend.url);
            command.args(["--redis-prefix", &backend.prefix]);
        })
    }

    fn process_death(&mut self) -> Option<String> {
        let how = self.process.as_mut()?.death()?;
        Some(format!("the server ended {how}"))
    }

    /// Starts again what died, if anything of it survives.
    fn restart_dead(&mut self) -> Result<(), String> {
        if let Some(private) = self.backend.as_mut().and_then(|b| b.private.as_mut())
            && !private.is_running()
        {
            private.restart().map_err(|e| format!("Redis did not come back: {e}"))?;
        }
        self.stocked.as_mut().map_or(Ok(()), Stocked::restart_dead)?;
        if self.process_death().is_some() {
            if self.backend.is_none() && !self.stocked.as_ref().is_some_and(Stocked::is_log) {
                return Err("the log died with the server, as its promise says".into());
            }
            self.process = None;
            self.start().map_err(|e| format!("the server did not come back: {e:#}"))?;
        }
        self.start_workers().map_err(|e| format!("a worker did not come back: {e:#}"))
    }

    /// Whether the server takes batches, as it says itself.
    fn health(&self) -> anyhow::Result<()> {
        let Some(observer) = self.observer() else { return Ok(()) };
        let (tls, key) = (self.observer_tls(), self.key());
        let manner = (tls.as_ref(), key.as_ref());
        tailrace_loadgen::observer::get(observer, manner, "/health").map(drop)
    }

    pub(super) fn ready(&self) -> Option<&Ready> {
        self.process.as_ref().map(|process| &process.ready)
    }
}

/// This very program, or the one that looks into servers.
fn program() -> anyhow::Result<Command> {
    if let Some(path) = std::env::var_os("TAILRACE_PROGRAM") {
        return Ok(Command::new(path));
    }
    itself::command().context("the path of this program is not known")
}

impl Launched for Running {
    fn ingest(&self) -> SocketAddr {
        if let Some(link) = &self.link {
            return link.ingest();
        }
        self.ready().map_or_else(|| ([127, 0, 0, 1], 0).into(), |ready| ready.ingest)
    }

    fn observer(&self) -> Option<SocketAddr> {
        self.ready().and_then(|ready| ready.observer)
    }

    fn feed(&self) -> Option<SocketAddr> {
        self.link.as_ref().map_or_else(|| self.observer(), Linked::feed)
    }

    fn ingest_tls(&self) -> Option<Tls> {
        self.secured.as_ref()?.tls(self.ingest(), self.protocol.alpn)
    }

    fn observer_tls(&self) -> Option<Tls> {
        self.secured.as_ref()?.tls(self.observer()?, OBSERVER_ALPN)
    }

    fn key(&self) -> Option<Key> {
        self.locked.as_ref().map(|locked| locked.key().clone())
    }

    fn wires(&self) -> Box<dyn Fn(RunId) -> Box<dyn Wire> + Send + Sync> {
        let authority = self.ingest().to_string();
        let (protocol, tls) = (self.protocol, self.arm.tls);
        let in_flight = self.arm.in_flight_per_connection as usize;
        let key = self.key();
        Box::new(move |run| {
            let key = key.as_ref().map(|Key(text)| text.as_str());
            protocol.wire(&Peer { authority: &authority, tls, run: Some(run), in_flight, key })
        })
    }

    fn server_pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::pid)
    }

    fn backend_pid(&self) -> Option<u32> {
        self.backend.as_ref()?.private.as_ref()?.pid()
    }

    /// A store's own threads share its core.
    fn serves_on_one_thread(&self) -> bool {
        self.stocked.is_none()
    }

    fn store_pid(&self) -> Option<u32> {
        self.stocked.as_ref()?.store_pid()
    }

    fn worker_pids(&self) -> Vec<u32> {
        self.stocked.as_ref().map(Stocked::worker_pids).unwrap_or_default()
    }

    fn worker_pages(&self) -> Vec<SocketAddr> {
        let Some(stocked) = &self.stocked else { return Vec::new() };
        if stocked.is_embedded() { self.observer().into_iter().collect() } else { stocked.pages() }
    }

    fn link_pid(&self) -> Option<u32> {
        self.link.as_ref().map(Linked::pid)
    }

    fn findings(&self) -> Vec<Finding> {
        let death = self.link.as_ref().and_then(Linked::death);
        // It is part of the instrument: what was measured without it is no result.
        let death = death.map(|how| (Measurement::Invalid, how.to_owned()));
        self.findings.iter().cloned().chain(death).collect()
    }

    fn server_death(&mut self) -> Option<String> {
        self.process_death().or_else(|| self.link.as_mut()?.look())
    }

    fn revive(&mut self, target: Target) -> Result<(), String> {
        match target {
            Target::Postgres => self.stocked.as_mut().map_or(Ok(()), Stocked::restart_dead),
            Target::Worker => self.start_workers().map_err(|error| format!("{error:#}")),
            // Their death ends the trial, or is mended by whoever asks for the audit.
            Target::Server | Target::Redis => Ok(()),
        }
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
