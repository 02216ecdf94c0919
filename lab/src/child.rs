//! Servers as children of the race: started fresh, pinned, watched, ended with it. Here: which parts
//! an arm has. `child/running.rs` is a server while it runs, `child/backend.rs` its Redis.

mod backend;
mod running;

use anyhow::bail;
use tailrace_backend::{Found, PrivateRedis};
use tailrace_loadgen::arena::{Launched, Launcher};
use tailrace_measure::record::Arm;

use crate::cli::{FsyncArg, RedisArgs};
use crate::contestants::{Contestants, Entry, Served};
use crate::exit::Fault;
use crate::linked::Linked;
use crate::locked::Locked;
use crate::postgres::PostgresArgs;
use crate::redis;
use crate::registry::{self, LogKind, Protocol};
use crate::secured::Secured;
use crate::stocked::Stocked;
use backend::Backend;
use running::Running;

/// Starts `tailrace serve` for each arm.
pub struct Children {
    /// Where servers and backends run; empty: anywhere.
    pub server_cores: Vec<usize>,
    /// Where links run, if an arm has one; empty: anywhere.
    pub link_cores: Vec<usize>,
    /// The Redis of redis pipelines.
    pub redis: RedisArgs,
    /// The PostgreSQL of arms with such a store.
    pub postgres: PostgresArgs,
    /// Servers of others that arms may name.
    pub contestants: Contestants,
}

impl Launcher for Children {
    fn launch(&mut self, arm: &Arm) -> anyhow::Result<Box<dyn Launched>> {
        if let Some(entry) = self.contestants.named(&arm.pipeline) {
            return self.contestant(entry, arm);
        }
        let (protocol, log) = parts(&arm.pipeline)?;
        let backend = match log {
            Some(LogKind::Redis) => Some(self.redis(arm)?),
            _ => None,
        };
        let stocked = |setup| Stocked::new(setup, &self.postgres, &self.server_cores);
        let mut server = Running {
            arm: arm.clone(),
            protocol,
            server_cores: self.server_cores.clone(),
            backend,
            stocked: arm.store.map(stocked).transpose()?,
            process: None,
            link: None,
            secured: arm.tls.then(Secured::new).transpose()?,
            locked: arm.keys.then(Locked::new).transpose()?,
            findings: Vec::new(),
        };
        server.start()?;
        server.start_workers()?;
        if let (Some(link), Some(ready)) = (&arm.link, server.ready()) {
            server.link = Some(Linked::start(link, ready, &self.link_cores)?);
        }
        if let Some(backend) = &server.backend {
            let (tls, key) = (server.observer_tls(), server.key());
            server.findings =
                backend.findings(server.observer(), (tls.as_ref(), key.as_ref()).into());
        }
        Ok(Box::new(server))
    }
}

/// Protocol and log of a pipeline, or of a server to measure against.
fn parts(name: &str) -> anyhow::Result<(Protocol, Option<LogKind>)> {
    if let Some(protocol) = Protocol::of_target(name) {
        return Ok((protocol, None));
    }
    let pipeline = registry::find(name)?;
    Ok((pipeline.protocol, pipeline.log()))
}

impl Children {
    fn contestant(&self, entry: &Entry, arm: &Arm) -> anyhow::Result<Box<dyn Launched>> {
        let wants_redis = entry.contestant.wants_redis;
        let redis = wants_redis.then(|| self.private_redis(arm)).transpose()?;
        let (cores, link_cores) = (&self.server_cores, &self.link_cores);
        Ok(Box::new(Served::start(entry, arm, redis, cores, link_cores)?))
    }

    fn private_redis(&self, arm: &Arm) -> anyhow::Result<PrivateRedis> {
        let fsync = arm.fsync.map_or(self.redis.fsync, FsyncArg::from);
        let persistence = redis::persistence(fsync);
        let cores = (!self.server_cores.is_empty()).then_some(&self.server_cores[..]);
        Ok(PrivateRedis::start(persistence, cores)?)
    }

    fn redis(&self, arm: &Arm) -> anyhow::Result<Backend> {
        let prefix = format!("tailrace:{}", redis::fresh_run());
        match redis::find(&self.redis) {
            Found::Given(_) if arm.fsync.is_some() => bail!(Fault::Usage(format!(
                "the arm {} says how its Redis writes to disk, and one that was given is not ours \
                 to configure: leave out --redis",
                arm.slug
            ))),
            Found::Given(url) => Ok(Backend { url, prefix, private: None }),
            Found::Private => {
                let private = self.private_redis(arm)?;
                Ok(Backend { url: private.url(), prefix, private: Some(private) })
            }
            Found::Missing(how) => bail!(how),
        }
    }
}
