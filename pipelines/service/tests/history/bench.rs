//! A server with a store in a temporary file, a cache in memory by a clock that tests set, and a
//! store that can be made to fail; and a client that speaks bytes.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tailrace_backend::{
    Forgetting, LocalBus, MemoryCache, MemoryCacheLimits, MemoryLimits, MemoryLog, SqliteStore,
};
use tailrace_contract::history::{
    AggregateQuery, Aggregated, MetricsPage, MetricsQuery, NameSummary, Range,
};
use tailrace_contract::ingest::Accepted;
use tailrace_contract::{
    AfterCommit, Answer, AttributeValue, Audit, Batch, BatchId, BoxFuture, Bus, Caller, Committed,
    DeadLetter, Ingest, Metric, Notice, Producer, Reconciled, RunId, Server, SmolStr, Store,
    StoreError, StoreHealth, Survives, Tenant, Touched,
};
use tailrace_service::{Gate, Limits, Observer, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Longer than anything here takes; a test that reaches it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const RUN: RunId = RunId(0xabc);

/// SQLite, with a plug to pull.
pub(crate) struct Plugged {
    inner: SqliteStore,
    pub(crate) broken: AtomicBool,
    /// Questions wait while this is set.
    pub(crate) held: watch::Sender<bool>,
    /// Questions that were asked.
    pub(crate) asked: AtomicU64,
    /// Questions that wait.
    pub(crate) waiting: watch::Sender<u64>,
}

impl Plugged {
    fn ask<T: Send + 'static>(
        &self,
        answer: BoxFuture<'static, Result<T, StoreError>>,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            let cause = "the plug was pulled".into();
            return Box::pin(async { Err(StoreError::Unreachable { cause }) });
        }
        let (mut held, waiting) = (self.held.subscribe(), self.waiting.clone());
        Box::pin(async move {
            waiting.send_modify(|n| *n += 1);
            let _ = held.wait_for(|held| !held).await;
            answer.await
        })
    }
}

impl Store for Plugged {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn survives(&self) -> Survives {
        self.inner.survives()
    }

    fn commit(
        &self,
        batches: Arc<Vec<Batch>>,
    ) -> BoxFuture<'static, Result<Committed, StoreError>> {
        self.inner.commit(batches)
    }

    fn bury(&self, letters: Vec<DeadLetter>) -> BoxFuture<'static, Result<(), StoreError>> {
        self.inner.bury(letters)
    }

    fn dead(
        &self,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(i64, DeadLetter)>, StoreError>> {
        self.inner.dead(after, limit)
    }

    fn revive(
        &self,
        letter: i64,
        batch: Batch,
    ) -> BoxFuture<'static, Result<Committed, StoreError>> {
        self.inner.revive(letter, batch)
    }

    fn audit(
        &self,
        run: RunId,
        tenant: Option<Tenant>,
    ) -> BoxFuture<'static, Result<Audit, StoreError>> {
        self.inner.audit(run, tenant)
    }

    fn reconcile(&self) -> BoxFuture<'static, Result<Reconciled, StoreError>> {
        self.inner.reconcile()
    }

    fn metrics(
        &self,
        tenant: Tenant,
        query: MetricsQuery,
    ) -> BoxFuture<'static, Result<MetricsPage, StoreError>> {
        self.ask(self.inner.metrics(tenant, query))
    }

    fn aggregate(
        &self,
        tenant: Tenant,
        query: AggregateQuery,
    ) -> BoxFuture<'static, Result<Vec<Aggregated>, StoreError>> {
        self.ask(self.inner.aggregate(tenant, query))
    }

    fn summary(
        &self,
        tenant: Tenant,
        range: Range,
    ) -> BoxFuture<'static, Result<Vec<NameSummary>, StoreError>> {
        self.ask(self.inner.summary(tenant, range))
    }

    fn health(&self) -> BoxFuture<'static, Result<StoreHealth, StoreError>> {
        self.ask(self.inner.health())
    }
}

/// History is filled by the tests themselves, not through a door.
#[derive(Clone)]
struct NoDoor;

impl Ingest for NoDoor {
    fn admit(&self, _: &Caller, _: Bytes) -> impl Future<Output = Answer> + Send + 'static {
        std::future::ready(Answer {
            seq: None,
            outcome: Ok(Accepted { metrics: 1, assigned: None }),
        })
    }
}

/// A served history and the parts behind it.
pub(crate) struct Bench {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<Plugged>,
    pub(crate) bus: Arc<LocalBus>,
    /// Of the cache, in milliseconds since 1970.
    pub(crate) now_ms: Arc<AtomicU64>,
    forgetting: Forgetting,
    seq: AtomicU64,
    _server: Box<dyn Server>,
}

pub(crate) async fn bench(limits: Limits) -> Bench {
    start(limits, true, None).await
}

/// A server whose pipeline ends in its log.
pub(crate) async fn without_store() -> Bench {
    start(Limits::default(), false, None).await
}

/// For those whom the gate lets in.
pub(crate) async fn bench_with_gate(limits: Limits, gate: Gate) -> Bench {
    start(limits, true, Some(gate)).await
}

async fn start(limits: Limits, has_store: bool, gate: Option<Gate>) -> Bench {
    let bus = Arc::new(LocalBus::new());
    let log = MemoryLog::start(Arc::clone(&bus) as _, MemoryLimits::default());
    let store = Arc::new(Plugged {
        inner: SqliteStore::temporary().unwrap(),
        broken: false.into(),
        held: watch::channel(false).0,
        asked: 0.into(),
        waiting: watch::channel(0).0,
    });
    let now_ms = Arc::new(AtomicU64::new(1_000_000));
    let clock = Arc::clone(&now_ms);
    let cache: Arc<MemoryCache> =
        Arc::new(MemoryCache::with_clock(MemoryCacheLimits::default(), move || {
            clock.load(Ordering::SeqCst)
        }));
    let mut parts = Observer::new("history-test", NoDoor, log, Arc::clone(&bus) as _);
    parts.store = has_store.then(|| Arc::clone(&store) as _);
    parts.gate = gate;
    parts.cache = Some(Arc::clone(&cache) as _);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = serve(listener, parts, limits, None).await.unwrap();
    let (address, forgetting) = (server.addresses()[0], Forgetting::new(cache));
    Bench { address, store, bus, now_ms, forgetting, seq: 0.into(), _server: server }
}

/// One metric with attributes that are texts.
pub(crate) fn metric(name: &str, time_ms: u64, value: f64, attributes: &[(&str, &str)]) -> Metric {
    let text = |text: &str| AttributeValue::Text(text.into());
    let attributes = attributes.iter().map(|&(key, value)| (key.into(), text(value))).collect();
    Metric { name: name.into(), value, time_ms: Some(time_ms), attributes }
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

impl Bench {
    /// Commits one batch as the worker does, and tells whoever wants to know.
    pub(crate) async fn commit(&self, tenant: &Tenant, metrics: Vec<Metric>) {
        let seq = self.seq.fetch_add(1, Ordering::SeqCst);
        let producer = Producer(SmolStr::new("p"));
        let id = BatchId { tenant: tenant.clone(), run: RUN, producer, seq };
        let batches = Arc::new(vec![Batch { id: id.clone(), received_ms: 5, metrics }]);
        let committed = self.store.commit(Arc::clone(&batches)).await.unwrap();
        assert_eq!(committed.new, 1);
        self.forgetting.committed(Touched::by(&*batches)).await;
        self.bus.publish(vec![Notice::Durable { id }]).await;
    }

    /// The same, for whoever shows no key.
    pub(crate) async fn add(&self, metrics: Vec<Metric>) {
        self.commit(&Tenant::open(), metrics).await;
    }

    pub(crate) fn asked(&self) -> u64 {
        self.store.asked.load(Ordering::SeqCst)
    }

    pub(crate) async fn ask(&self, method: &str, target: &str, headers: &str) -> Seen {
        let mut stream = self.send(method, target, headers).await;
        let mut text = String::new();
        let read = stream.read_to_string(&mut text);
        tokio::time::timeout(PATIENCE, read).await.expect("an answer in time").unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let pair = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        };
        Seen { status, headers: lines.map(pair).collect(), body: body.to_owned() }
    }

    pub(crate) async fn send(&self, method: &str, target: &str, headers: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // HTTP/1.0: no chunks, and the end of the answer is the end of the stream.
        let request = format!("{method} {target} HTTP/1.0\r\nhost: x\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    pub(crate) async fn get(&self, target: &str) -> Seen {
        self.ask("GET", target, "").await
    }

    /// The JSON of an answer that must be fine.
    pub(crate) async fn json(&self, target: &str) -> Value {
        let seen = self.get(target).await;
        assert_eq!(seen.status, 200, "{target}: {seen:?}");
        seen.json()
    }

    /// The problem of an answer that must be one.
    pub(crate) async fn problem(&self, target: &str, status: u16) -> Value {
        let seen = self.get(target).await;
        assert_eq!(seen.status, status, "{target}: {seen:?}");
        assert_eq!(seen.headers["content-type"], "application/problem+json");
        seen.json()
    }
}
