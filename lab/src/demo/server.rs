//! The server of a scenario: this very program's `serve`, with keys made for it, a log in a
//! private Redis where one is installed, and a store where the scenario needs one. Nothing that
//! was given to the program is touched: what is shown here is done to servers on purpose. Read
//! next: `load.rs`.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tailrace_backend::Found;
use tailrace_contract::{Audit, Quota, RangeSet, RunId, Tenant, Transport};
use tailrace_http1::Http1;
use tailrace_loadgen::observer::{self, Key};
use tailrace_service::gate::{Entry, KeysFile, Quotas, Roles, new_key};
use tempfile::TempDir;

use super::stage::Stage;
use crate::cli::{REDIS_PASSWORD_FILE, REDIS_URL};
use crate::postgres::POSTGRES_URL;
use crate::process::Process;
use crate::registry::{LogKind, PIPELINES};
use crate::serve::Ready;
use crate::store::STORE;
use crate::{itself, keys};

/// Nothing that a scenario sends comes near: a bucket counts in microseconds.
pub(super) const UNLIMITED: Quota = Quota { rate_per_s: 1e6, burst: 1_000_000 };
/// What was acknowledged is in the store by then, on a machine that does anything at all.
const STORED_WITHIN: Duration = Duration::from_secs(20);

/// What is behind the log.
pub(super) enum Store<'a> {
    /// The log is the end.
    Without,
    /// A file that goes with the scenario.
    Sqlite,
    /// The URL of a server that the scenario started.
    Postgres(&'a str),
}

/// A running server. Dropping it ends it.
pub(super) struct Server {
    // Before the folder, where its store is.
    process: Process<Ready>,
    _folder: TempDir,
    keys: Vec<Key>,
}

/// A store's account of a run, held against what was acknowledged.
pub(super) struct Stored {
    /// Acknowledged and not there.
    pub(super) missing: u64,
    /// There more than once.
    pub(super) repeated: u64,
    /// Metrics that are there.
    pub(super) metrics: u64,
}

impl Server {
    /// Starts one that knows these tenants, each with a key for everything and so much sending a
    /// second.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start(
        stage: &mut Stage,
        store: &Store<'_>,
        tenants: &[(&str, Quota)],
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tailrace-demo-").tempdir()?;
        let (file, keys) = keys_of(tenants)?;
        let path = folder.path().join("keys.toml");
        keys::write(&path, &file)?;
        let pipeline = pipeline()?;
        let mut command = itself::command()?;
        for name in [REDIS_URL, REDIS_PASSWORD_FILE, STORE, POSTGRES_URL] {
            command.env_remove(name);
        }
        command.args(["serve", pipeline, "--with-parent", "--keys"]).arg(path);
        command.args(["--ingest", "127.0.0.1:0", "--observer", "127.0.0.1:0"]);
        let behind = match store {
            Store::Without => "",
            Store::Sqlite => {
                let file = folder.path().join("store.db");
                command.env(STORE, format!("sqlite:{}", file.display())).arg("--no-detector");
                " with SQLite behind it"
            }
            Store::Postgres(url) => {
                command.env(STORE, url).arg("--no-detector");
                " with PostgreSQL behind it"
            }
        };
        stage.played_on = format!("{pipeline}{behind}");
        stage.step(&format!("starting {}", stage.played_on))?;
        let started = Process::start(command, &cores().0).context("the server")?;
        let process = started.map_err(|failed| {
            anyhow!("{pipeline} did not start ({:#}); it said: {}", failed.why, failed.said)
        })?;
        Ok(Self { process, _folder: folder, keys })
    }

    /// Where batches go.
    pub(super) fn ingest(&self) -> SocketAddr {
        self.process.ready.ingest
    }

    /// Where it is asked.
    pub(super) fn observer(&self) -> anyhow::Result<SocketAddr> {
        self.process.ready.observer.context("the server has no observer")
    }

    /// The key of a tenant, in the order in which they were named.
    pub(super) fn key(&self, tenant: usize) -> &Key {
        &self.keys[tenant]
    }

    /// What it answers to a question that it always can.
    ///
    /// # Errors
    /// It is gone, or the answer is no JSON.
    pub(super) fn told(&self, path: &str) -> anyhow::Result<serde_json::Value> {
        let body = observer::get(self.observer()?, (None, Some(self.key(0))), path)?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Asks the store until it holds what was acknowledged of a run, or time is up.
    ///
    /// # Errors
    /// The demo was stopped. A store that does not answer is asked again.
    pub(super) fn stored(
        &self,
        stage: &Stage,
        run: RunId,
        acked: &RangeSet,
    ) -> anyhow::Result<Stored> {
        let (at, path) = (self.observer()?, format!("/v1/audit/{run}?of=store"));
        let mut last = Err(anyhow!("the store was not asked"));
        stage.until(STORED_WITHIN, || {
            last = observer::audit(at, (None, Some(self.key(0))), &path);
            Ok(last.as_ref().is_ok_and(|audit| Stored::of(audit, acked).missing == 0))
        })?;
        Ok(Stored::of(&last.context("the store's audit")?, acked))
    }
}

impl Stored {
    /// A load is one producer.
    fn of(audit: &Audit, acked: &RangeSet) -> Self {
        let Some(found) = audit.producers.first() else {
            return Self { missing: acked.count(), repeated: 0, metrics: 0 };
        };
        Self {
            missing: acked.difference(&found.present).count(),
            repeated: found.repeated.count(),
            metrics: found.metrics,
        }
    }

    /// Nothing missing, nothing twice.
    pub(super) fn is_kept(&self) -> bool {
        self.missing == 0 && self.repeated == 0
    }
}

fn keys_of(tenants: &[(&str, Quota)]) -> anyhow::Result<(KeysFile, Vec<Key>)> {
    let (mut file, mut keys) = (KeysFile::default(), Vec::new());
    for (name, ingest) in tenants {
        let (text, sha256) = new_key(name)?;
        let (tenant, roles) = (Tenant((*name).into()), Roles::ALL);
        file.keys.push(Entry { id: (*name).into(), tenant, roles, sha256, expires_ms: None });
        file.tenants.insert((*name).into(), Quotas { ingest: *ingest, read: UNLIMITED });
        keys.push(Key(text));
    }
    Ok((file, keys))
}

/// The best log that this machine has, behind the plainest transport.
fn pipeline() -> anyhow::Result<&'static str> {
    let log = match Found::redis(None) {
        Found::Private => LogKind::Redis,
        _ => LogKind::Memory,
    };
    let fits = |name: &str, kind| name == Http1::NAME && kind == Some(log);
    let found = PIPELINES.iter().find(|one| fits(one.protocol.name, one.log()));
    found.map(|pipeline| pipeline.name).context("there is no pipeline over HTTP/1.1")
}

/// Cores of the server and all behind it, and the generator's: the last one, where there are
/// several.
pub(super) fn cores() -> (Vec<usize>, Vec<usize>) {
    let mut server = tailrace_sys::allowed_cores();
    if server.len() < 2 {
        return (Vec::new(), Vec::new());
    }
    let generator = server.split_off(server.len() - 1);
    (server, generator)
}
