//! What the generator needs of the program: somebody who starts servers and knows their wires.

use std::net::SocketAddr;

use tailrace_contract::{RunId, Wire};
use tailrace_measure::record::Arm;
use tailrace_producers::tls::Tls;

use crate::account::Finding;
use crate::faults::Target;
use crate::observer::Key;
use crate::shape::Shape;
use crate::template::Asked;

/// Starts a fresh server, with a fresh backend of its own, for an arm.
pub trait Launcher {
    /// Returns when the server accepts.
    ///
    /// # Errors
    /// It did not start: what was seen, the likely cause, what to try.
    fn launch(&mut self, arm: &Arm) -> anyhow::Result<Box<dyn Launched>>;
}

/// A running server. Dropping it ends it and everything that was started for it.
pub trait Launched: Send {
    /// Where batches go.
    fn ingest(&self) -> SocketAddr;

    /// Where the live feed and the audit are; the floor has none.
    fn observer(&self) -> Option<SocketAddr>;

    /// Where the live feed is subscribed to: behind the same link as [`Self::ingest`], if there is
    /// one. The audit goes the direct way.
    fn feed(&self) -> Option<SocketAddr> {
        self.observer()
    }

    /// How connections to the transport begin; none: in clear text.
    fn ingest_tls(&self) -> Option<Tls> {
        None
    }

    /// The same for the observer and the feed.
    fn observer_tls(&self) -> Option<Tls> {
        None
    }

    /// The key that the observer asks for; none: it is open. The wires show it by themselves.
    fn key(&self) -> Option<Key> {
        None
    }

    /// Makes client halves, each for one new connection of a run.
    fn wires(&self) -> Box<dyn Fn(RunId) -> Box<dyn Wire> + Send + Sync>;

    /// The shape of its requests; none: batches as every pipeline takes them.
    fn shape(&self) -> Option<Shape> {
        None
    }

    /// The requests of somebody's endpoint, as they were written; none: batches, in whatever shape.
    fn asked(&self) -> Option<&Asked> {
        None
    }

    /// Whether a connection carries further requests.
    fn keeps_connections(&self) -> bool {
        true
    }

    /// Where it is asked what its log holds of a run: address and path.
    ///
    /// # Errors
    /// Nobody is asked: a sentence that says why.
    fn audit_at(&self, run: RunId) -> Result<(SocketAddr, String), String> {
        let address = self.observer();
        let address = address.ok_or("the floor keeps nothing, so there is nothing to audit")?;
        Ok((address, format!("/v1/audit/{run}")))
    }

    /// Where it is asked what its store holds of a run: address and path.
    ///
    /// # Errors
    /// Nobody is asked: a sentence that says why.
    fn store_audit_at(&self, run: RunId) -> Result<(SocketAddr, String), String> {
        let address = self.observer().ok_or("without an observer nobody can ask the store")?;
        Ok((address, format!("/v1/audit/{run}?of=store")))
    }

    /// Where workers tell how old batches are when they are committed.
    fn worker_pages(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    /// The server's process; what it started itself is counted with it.
    fn server_pid(&self) -> u32;

    /// Whether one of its threads serves alone and the others do next to nothing. Then, without a backend on its core, its waiting for
    /// that core is somebody else's doing; else it may be its own.
    fn serves_on_one_thread(&self) -> bool {
        true
    }

    /// The log's process (a Redis), when it was started here.
    fn backend_pid(&self) -> Option<u32>;

    /// The store's server and the workers that run in processes of their own: first processes,
    /// what each started is counted with it. Only those that were started here.
    fn store_pid(&self) -> Option<u32> {
        None
    }

    /// See [`Launched::store_pid`].
    fn worker_pids(&self) -> Vec<u32> {
        Vec::new()
    }

    /// The process that imitates a link between generator and server, if there is one.
    fn link_pid(&self) -> Option<u32> {
        None
    }

    /// What every trial on this server must carry with it; usually nothing. Asked when a trial
    /// is over.
    fn findings(&self) -> Vec<Finding> {
        Vec::new()
    }

    /// Why the server, or the link before it, is no longer running, if so.
    fn server_death(&mut self) -> Option<String>;

    /// Starts again what was killed on purpose, beside a server that runs: a worker, or the
    /// store's server on its data. Does nothing while it runs.
    ///
    /// # Errors
    /// It did not come back.
    fn revive(&mut self, target: Target) -> Result<(), String> {
        Err(format!("{} cannot be started again here", target.name()))
    }

    /// Brings back what died, on the data that survived, so that the audit can be asked.
    /// Does nothing while everything runs.
    ///
    /// # Errors
    /// Nothing survives the death of this server, or it could not be brought back.
    fn recover(&mut self) -> Result<(), String>;
}
