//! The store of an arm's server, and the workers that fill it where they are processes of their
//! own. Every server gets a fresh store: a file in a folder of its own, or a private PostgreSQL,
//! whose start takes about a second and whose death, when it is a fault made on purpose, then
//! concerns one arm only. A PostgreSQL that was given is shared by all, and no fault hits it.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, bail};
use tailrace_backend::Found;
use tailrace_backend::private::{Commits, Folder, Kind, PrivatePostgres};
use tailrace_measure::record::{Arm, Insert, StoreKind, StoreSetup};

use crate::exit::Fault;
use crate::postgres::{POSTGRES_URL, PostgresArgs};
use crate::process::Process;
use crate::registry::LogKind;
use crate::store::STORE;
use crate::worker::Ready;

/// The file of a SQLite store in its folder.
const FILE: &str = "store.db";

/// The store of a pipeline that commits to it before it answers, as an arm has it; none: its log
/// is somewhere else.
pub(crate) fn own_store(log: Option<LogKind>) -> Option<StoreSetup> {
    let own = StoreSetup { kind: StoreKind::Postgres, workers: 0, insert: Some(Insert::Copy) };
    (log == Some(LogKind::Postgres)).then_some(own)
}

/// A store, and who fills it.
pub(crate) struct Stocked {
    setup: StoreSetup,
    /// Dropped before the store: nobody needs workers of a store that is going.
    workers: Vec<Process<Ready>>,
    place: Place,
    cores: Vec<usize>,
}

/// Where the store is.
enum Place {
    /// A folder that goes with this.
    Sqlite(Folder),
    /// Started here.
    Private(Box<PrivatePostgres>),
    /// Somebody's, with what is secret in its address.
    Given(String),
}

impl Stocked {
    /// A fresh store for an arm, without workers yet.
    ///
    /// # Errors
    /// There is no PostgreSQL, or it did not start; no folder can be made.
    pub(crate) fn new(
        setup: StoreSetup,
        postgres: &PostgresArgs,
        cores: &[usize],
    ) -> anyhow::Result<Self> {
        let place = match setup.kind {
            StoreKind::Sqlite => {
                let folder = Folder::new(Kind::Store);
                Place::Sqlite(folder.context("no folder for the store")?)
            }
            StoreKind::Postgres => match postgres.find() {
                Found::Given(url) => Place::Given(url),
                Found::Private => {
                    let cores = (!cores.is_empty()).then_some(cores);
                    let server = PrivatePostgres::start(Commits::Synced, cores);
                    let server = server.map_err(|error| Fault::Missing(error.to_string()))?;
                    Place::Private(Box::new(server))
                }
                Found::Missing(how) => bail!(Fault::Missing(how)),
            },
        };
        Ok(Self { setup, workers: Vec::new(), place, cores: cores.to_vec() })
    }

    /// What a program knows the store by.
    fn choice(&self) -> String {
        match &self.place {
            Place::Sqlite(folder) => format!("sqlite:{}", folder.path().join(FILE).display()),
            Place::Private(server) => server.url(),
            Place::Given(url) => url.clone(),
        }
    }

    /// Tells a server or a worker which store is its own: other users of the machine can read
    /// command lines, and an address may hold a password.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env(STORE, self.choice());
    }

    /// The same for a server, which looks for spikes and fills the store itself only where it was
    /// asked to.
    pub(crate) fn tell_server(stocked: Option<&Self>, command: &mut Command) {
        // What this program was told of stores is not meant for the servers that it measures.
        for name in [STORE, POSTGRES_URL, "TAILRACE_POSTGRES_PASSWORD_FILE"] {
            command.env_remove(name);
        }
        if let Some(stocked) = stocked {
            stocked.tell(command);
            match stocked.setup.insert {
                Some(insert) => command.args(["--insert", insert.name()]),
                None => command.arg("--no-detector"),
            };
            if stocked.setup.workers > 0 {
                command.arg("--no-worker");
            }
        }
    }

    /// Starts the workers that do not run; `tell` says which Redis is theirs.
    ///
    /// # Errors
    /// One did not start.
    pub(crate) fn start_workers(
        &mut self,
        arm: &Arm,
        program: impl Fn() -> anyhow::Result<Command>,
        tell: impl Fn(&mut Command),
    ) -> anyhow::Result<()> {
        self.workers.retain_mut(|worker| worker.death().is_none());
        while self.workers.len() < self.setup.workers as usize {
            let mut command = program()?;
            command.args(["worker", &arm.pipeline, "--with-parent", "--metrics", "127.0.0.1:0"]);
            tell(&mut command);
            self.tell(&mut command);
            match Process::start(command, &self.cores).context("a worker")? {
                Ok(worker) => self.workers.push(worker),
                Err(failed) => {
                    let what = format!("a worker did not start; it said: {}", failed.said);
                    return Err(failed.why.context(what));
                }
            }
        }
        Ok(())
    }

    /// Starts the store's server again if it was started here and died.
    ///
    /// # Errors
    /// It did not come back.
    pub(crate) fn restart_dead(&mut self) -> Result<(), String> {
        let Place::Private(server) = &mut self.place else { return Ok(()) };
        if server.is_running() {
            return Ok(());
        }
        server.restart().map_err(|error| format!("PostgreSQL did not come back: {error}"))
    }

    /// The store's first process, if it was started here.
    pub(crate) fn store_pid(&self) -> Option<u32> {
        match &self.place {
            Place::Private(server) => server.pid(),
            _ => None,
        }
    }

    /// Processes of the workers.
    pub(crate) fn worker_pids(&self) -> Vec<u32> {
        self.workers.iter().map(Process::pid).collect()
    }

    /// Where workers of their own tell how they are doing.
    pub(crate) fn pages(&self) -> Vec<SocketAddr> {
        self.workers.iter().filter_map(|worker| worker.ready.metrics).collect()
    }

    /// Whether a worker in the server fills the store.
    pub(crate) fn is_embedded(&self) -> bool {
        self.setup.workers == 0 && self.setup.insert.is_none()
    }

    /// Whether what was acknowledged is still there when the server died.
    pub(crate) fn is_log(&self) -> bool {
        self.setup.insert.is_some()
    }
}
