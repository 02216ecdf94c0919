//! The suite on one real pipeline, so that the suite itself is tested where it lives. The
//! program runs it on every pipeline of its registry.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use tailrace_backend::{LocalBus, MemoryLimits, MemoryLog};
use tailrace_conformance::{CASES, GatedLog, Subject, run};
use tailrace_contract::ingest::Accepted;
use tailrace_contract::{
    Answer, Batch, BatchId, BoxFuture, Caller, Drained, Ingest, Log, Problem, Producer, RunId,
    Server, Tenant, Wire, codec,
};
use tailrace_http1::Http1Wire;
use tailrace_service::{Counted, Observer};

/// The shortest door: decode, name, append.
#[derive(Clone)]
struct Door {
    log: GatedLog,
    next: Arc<AtomicU64>,
}

impl Door {
    fn name(&self, run: Option<RunId>, producer: Option<Producer>, seq: Option<u64>) -> BatchId {
        BatchId {
            tenant: Tenant::open(),
            run: run.unwrap_or(RunId(1)),
            producer: producer.unwrap_or(Producer("anonymous".into())),
            seq: seq.unwrap_or_else(|| self.next.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

impl Ingest for Door {
    fn admit(&self, caller: &Caller, body: Bytes) -> impl Future<Output = Answer> + Send + 'static {
        let admitted = codec::decode(&body).map(|decoded| {
            let id = self.name(caller.run, decoded.producer, decoded.seq);
            let count = decoded.metrics.len();
            let batch = Batch { id, received_ms: 0, metrics: decoded.metrics };
            (decoded.seq, count, self.log.append(batch, body))
        });
        async move {
            match admitted {
                Err(refused) => Answer { seq: refused.seq, outcome: Err(refused.problem) },
                Ok((seq, metrics, append)) => {
                    let accepted = Accepted { metrics, assigned: None };
                    let outcome = append.await.map(|_| accepted).map_err(Problem::from);
                    Answer { seq, outcome }
                }
            }
        }
    }
}

struct Served {
    gate: GatedLog,
    ingest: SocketAddr,
    observer: SocketAddr,
    transport: Mutex<Option<Box<dyn Server>>>,
    /// Serves until it is dropped. In a mutex only because servers cannot be shared.
    _serving: Mutex<Box<dyn Server>>,
    depth: usize,
}

async fn serve(depth: usize) -> Result<Served> {
    let bus = Arc::new(LocalBus::new());
    let log = MemoryLog::start(Arc::clone(&bus) as _, MemoryLimits::default());
    let gate = GatedLog::new(log);
    let door = Counted::new(Door { log: gate.clone(), next: Arc::default() });
    let mut parts = Observer::new("http1-memory", door.clone(), Arc::new(gate.clone()), bus);
    parts.counts = Some(door.counts());
    let loopback = || TcpListener::bind("127.0.0.1:0");
    let observer =
        tailrace_service::serve(loopback()?, parts, tailrace_service::Limits::default()).await?;
    let transport =
        tailrace_http1::serve(loopback()?, door, tailrace_http1::Limits::default()).await?;
    Ok(Served {
        gate,
        ingest: transport.addresses()[0],
        observer: observer.addresses()[0],
        transport: Mutex::new(Some(transport)),
        _serving: Mutex::new(observer),
        depth,
    })
}

impl Subject for Served {
    fn name(&self) -> &'static str {
        "http1-memory"
    }

    fn ingest(&self) -> SocketAddr {
        self.ingest
    }

    fn observer(&self) -> SocketAddr {
        self.observer
    }

    fn wire(&self, _run: Option<RunId>) -> Box<dyn Wire> {
        Box::new(Http1Wire::new(&self.ingest.to_string(), self.depth))
    }

    fn gate(&self) -> &GatedLog {
        &self.gate
    }

    fn drain(&self, deadline: Duration) -> BoxFuture<'_, Drained> {
        let transport = self.transport.lock().unwrap().take();
        transport.expect("drained once").drain(deadline)
    }
}

/// Runs every case on a fresh pipeline and names all that failed.
async fn check(depth: usize) {
    let mut broken = Vec::new();
    for (name, case) in CASES {
        let subject = serve(depth).await.unwrap();
        let begun = std::time::Instant::now();
        let outcome = run(*case, &subject).await;
        eprintln!("{name}: {:?} {:?}", begun.elapsed(), outcome.as_ref().err());
        broken.extend(outcome.err().map(|fault| format!("{name}: {fault:#}")));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn conforms_one_request_at_a_time() {
    check(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_pipelined() {
    check(16).await;
}
