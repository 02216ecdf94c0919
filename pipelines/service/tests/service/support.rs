//! A small real pipeline for the observer's tests: a log in a vector, a bus over a tokio
//! broadcast, a door that decodes; and a client that speaks bytes.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use tailrace_contract::BoxFuture;
use tailrace_contract::ingest::Accepted;
use tailrace_contract::{
    Answer, AttributeValue, Audit, Batch, BatchId, Bus, Caller, Group, Ingest, Log, LogError,
    LogHealth, Metric, Notice, Notices, Position, Problem, Producer, ProducerAudit, RunId, Server,
    Survives, Tenant, codec,
};
use tailrace_service::{Aggregate, Aggregates, Counted, Gate, Limits, Observer, Recent, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::broadcast;

/// Longer than anything here takes; a test that reaches it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct VecLog {
    batches: Mutex<Vec<Batch>>,
    bus: Arc<BroadcastBus>,
    pub(crate) broken: AtomicBool,
    pub(crate) silent: AtomicBool,
}

impl VecLog {
    pub(crate) fn add(&self, seq: u64) {
        let metric = Metric { name: "m".into(), value: 1.0, time_ms: None, attributes: Vec::new() };
        let id = BatchId { tenant: Tenant::open(), run: RUN, producer: Producer("p".into()), seq };
        self.push(Batch { id, received_ms: 5, metrics: vec![metric] });
    }

    /// A batch with a text of so many bytes.
    pub(crate) fn add_large(&self, seq: u64, bytes: usize) {
        let text = AttributeValue::Text("x".repeat(bytes).into());
        let attributes = vec![("text".into(), text)];
        let metric = Metric { name: "m".into(), value: 1.0, time_ms: None, attributes };
        let id = BatchId { tenant: Tenant::open(), run: RUN, producer: Producer("p".into()), seq };
        self.push(Batch { id, received_ms: 5, metrics: vec![metric] });
    }

    pub(crate) fn count(&self) -> usize {
        self.batches.lock().unwrap().len()
    }

    fn push(&self, batch: Batch) -> Position {
        let mut batches = self.batches.lock().unwrap();
        let id = batch.id.clone();
        batches.push(batch);
        let position = Position { major: 0, minor: batches.len() as u64 };
        // Inside the lock, so that notices come in the order of positions.
        let _ = self.bus.0.send(Notice::Live { id, position });
        position
    }
}

impl Log for VecLog {
    fn survives(&self) -> Survives {
        Survives::Nothing
    }

    fn append(&self, batch: Batch, _body: Bytes) -> BoxFuture<'static, Result<Position, LogError>> {
        let position = self.push(batch);
        Box::pin(async move { Ok(position) })
    }

    fn after(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Batch)>, LogError>> {
        let batches = self.batches.lock().unwrap();
        let numbered = batches.iter().cloned().enumerate().skip(after.minor as usize).take(limit);
        let found =
            numbered.map(|(i, b)| (Position { major: 0, minor: i as u64 + 1 }, b)).collect();
        Box::pin(async move { Ok(found) })
    }

    fn audit(
        &self,
        run: RunId,
        tenant: Option<Tenant>,
    ) -> BoxFuture<'static, Result<Audit, LogError>> {
        let mut account = ProducerAudit::new(Producer("p".into()));
        for batch in self.batches.lock().unwrap().iter().filter(|b| b.id.run == run) {
            if tenant.as_ref().is_some_and(|tenant| *tenant != batch.id.tenant) {
                continue;
            }
            account.add(batch.id.seq, batch.metrics.len() as u64);
        }
        Box::pin(async move { Ok(Audit { run, producers: vec![account] }) })
    }

    fn group(&self, name: &str) -> BoxFuture<'static, Result<Arc<dyn Group>, LogError>> {
        let cause = format!("a vector has no groups, so none called {name:?}");
        Box::pin(async move { Err(LogError::Backend { cause }) })
    }

    fn health(&self) -> BoxFuture<'static, Result<LogHealth, LogError>> {
        if self.silent.load(Ordering::Relaxed) {
            return Box::pin(std::future::pending());
        }
        let broken = self.broken.load(Ordering::Relaxed);
        let entries = self.batches.lock().unwrap().len() as u64;
        Box::pin(async move {
            if broken {
                return Err(LogError::Unreachable { cause: "the plug was pulled".into() });
            }
            Ok(LogHealth { description: "vector".into(), entries, waiting: 0 })
        })
    }
}

impl Recent for VecLog {
    fn aggregates(&self, tenant: &Tenant) -> Aggregates {
        let batches = self.batches.lock().unwrap();
        let count = batches.iter().filter(|batch| batch.id.tenant == *tenant).count() as u64;
        let (sum, min, max, last) = (count as f64, 1.0, 1.0, 1.0);
        let names = vec![Aggregate { name: "m".into(), count, sum, min, max, last }];
        Aggregates { names, overflow: 0 }
    }

    fn recent(&self, tenant: &Tenant, limit: usize) -> Vec<(Position, Batch)> {
        let batches = self.batches.lock().unwrap();
        let numbered = batches.iter().cloned().enumerate();
        let own: Vec<_> = numbered
            .filter(|(_, batch)| batch.id.tenant == *tenant)
            .map(|(i, b)| (Position { major: 0, minor: i as u64 + 1 }, b))
            .collect();
        own[own.len().saturating_sub(limit)..].to_vec()
    }
}

pub(crate) struct BroadcastBus(broadcast::Sender<Notice>);

impl Bus for BroadcastBus {
    fn publish(&self, notices: Vec<Notice>) -> BoxFuture<'static, ()> {
        for notice in notices {
            let _ = self.0.send(notice);
        }
        Box::pin(async {})
    }

    fn subscribe(&self) -> Notices {
        Box::pin(stream::unfold(self.0.subscribe(), |mut receiver| async move {
            match receiver.recv().await {
                Ok(notice) => Some((notice, receiver)),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    Some((Notice::Lagged { missed }, receiver))
                }
                Err(broadcast::error::RecvError::Closed) => None,
            }
        }))
    }

    fn has_subscribers(&self) -> bool {
        self.0.receiver_count() > 0
    }
}

#[derive(Clone)]
struct Door {
    gate: Option<Gate>,
    log: Arc<VecLog>,
    next: Arc<AtomicU64>,
}

impl Ingest for Door {
    fn admit(&self, caller: &Caller, body: Bytes) -> impl Future<Output = Answer> + Send + 'static {
        let decoded = codec::decode(&body);
        let (log, run) = (Arc::clone(&self.log), caller.run.unwrap_or(RUN));
        let spare = self.next.fetch_add(1, Ordering::Relaxed);
        let admitted = self.gate.as_ref().map(|gate| gate.admit(caller)).transpose();
        async move {
            let tenant = match admitted {
                Ok(admitted) => admitted.map_or_else(Tenant::open, |admitted| admitted.tenant),
                Err(problem) => return Answer { seq: None, outcome: Err(problem) },
            };
            let decoded = match decoded {
                Ok(decoded) => decoded,
                Err(refused) => return Answer { seq: refused.seq, outcome: Err(refused.problem) },
            };
            let producer = decoded.producer.unwrap_or(Producer("p".into()));
            let seq = decoded.seq.unwrap_or(spare);
            let id = BatchId { tenant, run, producer, seq };
            let metrics = decoded.metrics.len();
            let batch = Batch { id, received_ms: 5, metrics: decoded.metrics };
            let outcome = log.append(batch, body).await.map_err(Problem::from);
            let outcome = outcome.map(|_| Accepted { metrics, assigned: None });
            Answer { seq: decoded.seq, outcome }
        }
    }
}

pub(crate) const RUN: RunId = RunId(0xabc);

/// A served observer and the parts behind it.
pub(crate) struct Bench {
    pub(crate) address: SocketAddr,
    pub(crate) log: Arc<VecLog>,
    pub(crate) server: Box<dyn Server>,
    pub(crate) draining: tokio_util::sync::CancellationToken,
}

/// Serves an observer whose bus keeps `notices` for each subscriber.
pub(crate) async fn bench(limits: Limits, notices: usize) -> Bench {
    bench_with(limits, notices, false).await
}

/// The same, with recent metrics if wanted.
pub(crate) async fn bench_with(limits: Limits, notices: usize, recent: bool) -> Bench {
    start(limits, notices, recent, Vec::new(), None).await
}

/// The same, with places where Chart.js may be.
pub(crate) async fn bench_with_chart(places: Vec<PathBuf>) -> Bench {
    start(Limits::default(), 64, false, places, None).await
}

/// The same with recent metrics, for those whom the gate lets in.
pub(crate) async fn bench_with_gate(gate: Gate) -> Bench {
    start(Limits::default(), 64, true, Vec::new(), Some(gate)).await
}

async fn start(
    limits: Limits,
    notices: usize,
    recent: bool,
    chart: Vec<PathBuf>,
    gate: Option<Gate>,
) -> Bench {
    let bus = Arc::new(BroadcastBus(broadcast::channel(notices).0));
    let log = Arc::new(VecLog {
        batches: Mutex::default(),
        bus: Arc::clone(&bus),
        broken: false.into(),
        silent: false.into(),
    });
    let door =
        Counted::new(Door { gate: gate.clone(), log: Arc::clone(&log), next: Arc::default() });
    let mut parts = Observer::new("vec-test", door.clone(), Arc::clone(&log) as _, bus);
    parts.counts = Some(door.counts());
    parts.chart_js = chart;
    parts.gate = gate;
    parts.recent = recent.then_some(Arc::clone(&log) as _);
    let draining = parts.draining.clone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = serve(listener, parts, limits, None).await.unwrap();
    Bench { address: server.addresses()[0], log, server, draining }
}

impl Bench {
    /// Sends one request and reads until the server closes.
    pub(crate) async fn ask(&self, request: &str) -> String {
        let mut stream = self.send(request).await;
        let mut text = String::new();
        let read = stream.read_to_string(&mut text);
        tokio::time::timeout(PATIENCE, read).await.expect("an answer in time").unwrap();
        text
    }

    pub(crate) async fn get(&self, target: &str) -> String {
        self.ask(&format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await
    }

    pub(crate) async fn post(&self, headers: &str, body: &str) -> String {
        let length = body.len();
        self.ask(&format!(
            "POST /v1/ingest HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\
             content-length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    pub(crate) async fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// Subscribes over SSE as HTTP/1.0 and returns once the subscription stands.
    pub(crate) async fn subscribe(&self, query: &str, headers: &str) -> Sse {
        let request = format!("GET /v1/metrics/live{query} HTTP/1.0\r\n{headers}\r\n");
        let mut sse = Sse { stream: self.send(&request).await, text: String::new() };
        sse.until("retry: 1000\n\n").await;
        sse
    }
}

/// A subscriber that reads the raw stream.
pub(crate) struct Sse {
    pub(crate) stream: TcpStream,
    text: String,
}

impl Sse {
    /// Everything up to and including `mark`; the rest is kept. None at the stream's end.
    pub(crate) async fn try_until(&mut self, mark: &str) -> Option<String> {
        loop {
            if let Some(at) = self.text.find(mark) {
                let rest = self.text.split_off(at + mark.len());
                return Some(std::mem::replace(&mut self.text, rest));
            }
            let mut buffer = vec![0; 16 << 10];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await;
            match read.expect("more in time") {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.text.push_str(std::str::from_utf8(&buffer[..n]).unwrap()),
            }
        }
    }

    pub(crate) async fn until(&mut self, mark: &str) -> String {
        self.try_until(mark).await.expect("the stream goes on")
    }

    /// The next event as its id and its JSON. None at the stream's end.
    pub(crate) async fn event(&mut self) -> Option<(Option<String>, serde_json::Value)> {
        loop {
            let block = self.try_until("\n\n").await?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            if let Some(data) = field("data: ") {
                return Some((field("id: ").map(Into::into), serde_json::from_str(data).unwrap()));
            }
        }
    }

    /// The next sequence that is seen live.
    pub(crate) async fn seq(&mut self) -> u64 {
        let (_, event) = self.event().await.expect("the stream goes on");
        assert_eq!(event["type"], "live", "{event}");
        event["seq"].as_u64().unwrap()
    }
}
