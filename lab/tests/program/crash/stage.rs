//! A whole way: a server over a private Redis, a store, workers between them; each can be killed
//! and comes back.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tailrace_backend::private::{Commits, PrivatePostgres};
use tailrace_backend::{Persistence, PostgresConfig, PostgresStore, PrivateRedis, SqliteStore};
use tailrace_contract::{Reconciled, Store, StoreError};
use tailrace_sys::{Signal, send};
use tempfile::TempDir;

use super::sender::{METRICS, Place, RUN, Senders, Sent};
use crate::stage::{Bound, Lines, PATIENCE, Server, http, tailrace};

/// Between two looks at something that comes by itself.
const LOOK: Duration = Duration::from_millis(30);

/// Metrics of a worker's commit: small ones, so that there are many.
pub(super) const COMMIT_METRICS: u64 = 50;

/// One value of a page for Prometheus.
fn figure(page: SocketAddr, name: &str) -> Option<u64> {
    let page = String::from_utf8(http::get(page, "/metrics").body).expect("UTF-8");
    let of = |line: &str| line.split_once('{').is_some_and(|(known, _)| known == name);
    page.lines().find(|line| of(line))?.rsplit(' ').next()?.parse().ok()
}

/// Waits for something that comes by itself.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited for {what}");
        std::thread::sleep(LOOK);
    }
}

#[derive(Clone, Copy)]
pub(super) enum StoreKind {
    Sqlite,
    Postgres,
}

enum Kept {
    Sqlite(TempDir),
    Postgres(Box<PrivatePostgres>),
}

pub(super) struct Stage {
    // In this order: whoever needs the other goes first.
    server: Option<Server>,
    redis: PrivateRedis,
    kept: Kept,
    place: Place,
}

/// A worker of this stage.
pub(super) struct Worker {
    child: Bound,
    lines: Lines,
    metrics: SocketAddr,
}

impl Worker {
    pub(super) fn kill(mut self) {
        send(self.child.0.id(), Signal::Kill).expect("it runs");
        self.child.wait();
    }

    /// What it tells Prometheus by this name; none: it does not tell it now.
    pub(super) fn figure(&self, name: &str) -> Option<u64> {
        figure(self.metrics, name)
    }

    /// Asks it to end, which it does in good order.
    pub(super) fn end(mut self) {
        send(self.child.0.id(), Signal::Term).expect("it runs");
        let status = self.child.wait();
        assert!(status.success(), "{status}: {:?}", self.lines.rest());
    }
}

impl Stage {
    pub(super) fn new(store: StoreKind, persistence: Persistence) -> Self {
        let redis = PrivateRedis::start(persistence, None).unwrap_or_else(|e| panic!("{e}"));
        let kept = match store {
            StoreKind::Sqlite => Kept::Sqlite(tempfile::tempdir().expect("a folder")),
            StoreKind::Postgres => {
                let started = PrivatePostgres::start(Commits::Synced, None);
                Kept::Postgres(Box::new(started.unwrap_or_else(|e| panic!("{e}"))))
            }
        };
        let place = Arc::new(Mutex::new(([127, 0, 0, 1], 0).into()));
        let mut stage = Self { server: None, redis, kept, place };
        stage.serve();
        stage
    }

    fn store(&self) -> String {
        match &self.kept {
            Kept::Sqlite(folder) => format!("sqlite:{}", folder.path().join("store.db").display()),
            Kept::Postgres(server) => server.url(),
        }
    }

    fn serve(&mut self) {
        let (url, store) = (self.redis.url(), self.store());
        let more = ["--redis", &url, "--redis-prefix", "crash", "--store", &store, "--no-worker"];
        let server = Server::start("http1-redis", &more);
        *self.place.lock().expect("the place") = server.ingest;
        self.server = Some(server);
    }

    /// A worker that is ready.
    pub(super) fn worker(&self) -> Worker {
        let url = self.redis.url();
        let mut command = tailrace(["worker", "--with-parent", "--store", &self.store()]);
        command.args(["--redis", &url, "--redis-prefix", "crash"]);
        let commit_metrics = COMMIT_METRICS.to_string();
        command.args(["--claim-idle", "150ms", "--commit-age", "2ms"]);
        command.args(["--commit-metrics", &commit_metrics, "--metrics", "127.0.0.1:0"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = Bound::start(&mut command);
        let lines = child.lines();
        let ready = lines.wait_for("a worker", |line| line.contains("\"ready\""));
        let ready: Value = serde_json::from_str(&ready).expect("the readiness line is JSON");
        let metrics = ready["metrics"].as_str().and_then(|address| address.parse().ok());
        Worker { child, lines, metrics: metrics.expect("an address") }
    }

    pub(super) fn send(&self, producers: usize) -> Senders {
        Senders::start(&self.place, producers)
    }

    pub(super) fn kill_server(&mut self) {
        let server = self.server.take().expect("a server");
        send(server.pid, Signal::Kill).expect("it runs");
        drop(server);
        self.serve();
    }

    pub(super) fn kill_redis(&mut self) {
        self.redis.kill().expect("it runs");
        self.redis.restart().unwrap_or_else(|e| panic!("{e}"));
    }

    pub(super) fn kill_postgres(&mut self) {
        let Kept::Postgres(server) = &mut self.kept else { panic!("there is no PostgreSQL") };
        server.kill().expect("it runs");
        server.restart().unwrap_or_else(|e| panic!("{e}"));
    }

    /// PostgreSQL stands still: it answers nothing and hangs up on nobody.
    pub(super) fn pause_postgres(&self) {
        let Kept::Postgres(server) = &self.kept else { panic!("there is no PostgreSQL") };
        server.pause().expect("it runs");
    }

    pub(super) fn resume_postgres(&self) {
        let Kept::Postgres(server) = &self.kept else { panic!("there is no PostgreSQL") };
        server.resume().expect("it runs");
    }

    /// What the server tells Prometheus by this name.
    pub(super) fn figure(&self, name: &str) -> Option<u64> {
        figure(self.server.as_ref()?.observer, name)
    }

    /// Waits until the store has what was acknowledged, then looks for anything else.
    pub(super) fn check_whole(&self, sent: &Sent) {
        let expected = |batches: &u64| json!([[0, batches - 1]]);
        let expected: Vec<Value> = sent.0.iter().map(expected).collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (present, repeated) = self.audit();
            assert!(repeated.iter().all(|of| of == &json!([])), "stored twice: {repeated:?}");
            if present == expected {
                break;
            }
            assert!(Instant::now() < deadline, "stored {present:?}, acknowledged {expected:?}");
            std::thread::sleep(LOOK);
        }
        let seen = self.reconciled().expect("the store answers");
        let metrics = sent.batches() * METRICS;
        let whole = Reconciled {
            batches: sent.batches(),
            metrics,
            metrics_promised: metrics,
            rollups: seen.rollups,
            wrong: 0,
            dead: 0,
        };
        assert!(seen.rollups > 0);
        assert_eq!(seen, whole);
    }

    /// Ranges of every producer, ordered by name: those that are there, those that are there twice.
    fn audit(&self) -> (Vec<Value>, Vec<Value>) {
        let server = self.server.as_ref().expect("a server");
        let answer = http::get(server.observer, &format!("/v1/audit/{RUN}?of=store"));
        if answer.status != 200 {
            return (Vec::new(), Vec::new());
        }
        let producers = answer.json()["producers"].as_array().expect("producers").clone();
        let part = |name: &str| producers.iter().map(|one| one[name].clone()).collect();
        (part("present"), part("repeated"))
    }

    fn reconciled(&self) -> Result<Reconciled, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            match &self.kept {
                Kept::Sqlite(folder) => {
                    SqliteStore::open(folder.path().join("store.db"))?.reconcile().await
                }
                Kept::Postgres(server) => {
                    let config = PostgresConfig::new(server.url());
                    PostgresStore::connect(&config).await?.reconcile().await
                }
            }
        })
    }
}
