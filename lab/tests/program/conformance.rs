//! The conformance suite on every pipeline of the registry: a new pipeline is a line there, and
//! is tested here without one.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tailrace_backend::{
    Commits, LocalBus, PostgresConfig, PostgresStore, PrivatePostgres, PrivateRedis, RedisConfig,
};
use tailrace_conformance::{CASES, GatedLog, NOTICES, Subject};
use tailrace_contract::{BoxFuture, Drained, Options, Peer, RunId, Wire};
use tailrace_lab::redis::fresh_run;
use tailrace_lab::registry::{LogKind, PIPELINES, Pipeline};
use tailrace_lab::served::{Listeners, Parts, Served};

use crate::seventh::SEVENTH;
use crate::stage;

/// A fresh pipeline with a gate before its log.
struct OnStage {
    pipeline: Pipeline,
    gate: GatedLog,
    ingest: SocketAddr,
    observer: SocketAddr,
    /// In a mutex because it is drained through a shared reference.
    served: Mutex<Option<Served>>,
}

/// What stands behind a log while it is tested.
enum Backend {
    Nothing,
    Redis(PrivateRedis),
    /// Answers before it syncs: here it is asked whether rules are kept, not what survives.
    Postgres(PrivatePostgres),
}

impl Backend {
    fn start(kind: LogKind) -> Self {
        match kind {
            LogKind::Memory => Self::Nothing,
            LogKind::Redis => Self::Redis(stage::redis()),
            LogKind::Postgres => {
                Self::Postgres(PrivatePostgres::start(Commits::Lazy, None).expect("a server"))
            }
        }
    }

    async fn parts(&self) -> Parts {
        let bus = Arc::new(LocalBus::with_capacity(NOTICES));
        match self {
            Self::Nothing => Parts::start(LogKind::Memory, None, None, bus).await.unwrap(),
            Self::Redis(redis) => {
                // Each case has keys of its own: what an earlier one left is invisible to it.
                let config = RedisConfig::new(redis.url(), fresh_run().to_string());
                Parts::start(LogKind::Redis, Some(config), None, bus).await.unwrap()
            }
            Self::Postgres(server) => {
                let config = PostgresConfig::direct(server.url(), tailrace_backend::Insert::Copy);
                let store = Arc::new(PostgresStore::connect(&config).await.unwrap());
                Parts::direct(store, bus)
            }
        }
    }
}

async fn serve(pipeline: Pipeline, backend: &Backend) -> OnStage {
    let mut parts = backend.parts().await;
    let gate = GatedLog::new(parts.log);
    parts.log = Arc::new(gate.clone());
    let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (ingest, observer, chart_js) = (bind(), bind(), Vec::new());
    let listeners = Listeners { ingest, observer, chart_js, gate: None, stored: None };
    let served =
        Served::join(pipeline, parts, listeners, fresh_run(), &Options::default()).await.unwrap();
    OnStage {
        pipeline,
        gate,
        ingest: served.ingest().unwrap(),
        observer: served.observer().unwrap(),
        served: Mutex::new(Some(served)),
    }
}

impl Subject for OnStage {
    fn name(&self) -> &str {
        self.pipeline.name
    }

    fn ingest(&self) -> SocketAddr {
        self.ingest
    }

    fn observer(&self) -> SocketAddr {
        self.observer
    }

    fn wire(&self, run: Option<RunId>) -> Box<dyn Wire> {
        let depth = self.pipeline.protocol.depth(64);
        self.pipeline.protocol.wire(&Peer::plain(&self.ingest.to_string(), run, depth))
    }

    fn gate(&self) -> &GatedLog {
        &self.gate
    }

    /// With the program's own deadline, which is the one that matters.
    fn drain(&self, _deadline: Duration) -> BoxFuture<'_, Drained> {
        let served = self.served.lock().unwrap().take().expect("drained once");
        Box::pin(served.drain(false))
    }
}

/// Every case on one pipeline; names and faults of those that failed.
async fn failures(pipeline: Pipeline, kind: LogKind) -> Vec<String> {
    let backend = Backend::start(kind);
    let mut failed = Vec::new();
    for (name, case) in CASES {
        let subject = serve(pipeline, &backend).await;
        if let Err(seen) = tailrace_conformance::run(*case, &subject).await {
            failed.push(format!("{name}: {seen:#}"));
        }
    }
    failed
}

/// Runs the suite on all pipelines of a part of the registry; names and faults of those that
/// failed. The floor has no log and promises nothing.
fn conform(part: impl Fn(&Pipeline) -> bool) -> Vec<(&'static str, Vec<String>)> {
    let pipelines = PIPELINES.iter().filter(|pipeline| part(pipeline));
    let pipelines: Vec<_> =
        pipelines.filter_map(|pipeline| Some((*pipeline, pipeline.log()?))).collect();
    assert!(!pipelines.is_empty());
    // A thread and a runtime for each: the suite waits more than it works.
    let threads: Vec<_> = pipelines
        .into_iter()
        .map(|(pipeline, kind)| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                (pipeline.name, runtime.unwrap().block_on(failures(pipeline, kind)))
            })
        })
        .collect();
    let ended = threads.into_iter().map(|thread| thread.join().unwrap());
    ended.filter(|(_, failed)| !failed.is_empty()).collect()
}

#[test]
fn every_pipeline_conforms() {
    assert_eq!(conform(Pipeline::is_raced_unasked), []);
}

/// The rest of the registry, by itself: a database beside all others would slow them down.
#[test]
fn what_commits_first_conforms() {
    assert_eq!(conform(|pipeline| !pipeline.is_raced_unasked()), []);
}

/// A folder and a line are all that a new pipeline needs: see `seventh/`.
#[test]
fn a_seventh_pipeline_is_a_folder_and_a_line() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let failed = runtime.block_on(failures(SEVENTH, LogKind::Memory));
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn only_the_registry_names_pipelines() {
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in stage::files_below(&sources) {
        let text = std::fs::read_to_string(sources.join(&file)).unwrap();
        let named = PIPELINES.iter().find(|p| text.contains(&format!("{:?}", p.name)));
        let is_registry = file.ends_with("registry.rs");
        assert_eq!(named.is_some(), is_registry, "{} names {named:?}", file.display());
    }
}
