//! A log with traffic, and a store that does what it is told.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tailrace_backend::{LocalBus, MemoryLimits, MemoryLog};
use tailrace_contract::codec::Codec;
use tailrace_contract::history::{AggregateQuery, Aggregated, MetricsPage, MetricsQuery};
use tailrace_contract::history::{NameSummary, Range};
use tailrace_contract::{
    Audit, Batch, BatchId, BoxFuture, Bus, Committed, DeadLetter, Delivery, Group, Lag, Log,
    LogError, LogHealth, Metric, Position, Producer, Reconciled, RunId, Store, StoreError,
    StoreHealth, Survives, Tenant,
};
use tailrace_worker::{Options, Parts, Worker};
use tokio::time::{Instant, sleep};

/// A metric of this name is refused; nothing else in the same commit is stored then.
pub(crate) const POISON: &str = "poison";
/// A metric of this name makes the store fail in a way that makes no sense.
pub(crate) const NONSENSE: &str = "nonsense";

pub(crate) fn id(seq: u64) -> BatchId {
    let (tenant, producer) = (Tenant::open(), Producer(format!("p{}", seq % 3).into()));
    BatchId { tenant, run: RunId(1), producer, seq }
}

pub(crate) fn batch(seq: u64, name: &str) -> Batch {
    let metric = Metric { name: name.into(), value: 1.0, time_ms: None, attributes: Vec::new() };
    Batch { id: id(seq), received_ms: 1_000, metrics: vec![metric] }
}

pub(crate) async fn append(log: &dyn Log, batch: Batch) -> Position {
    let mut body = Vec::new();
    Codec::Json.encode_batch(&batch.id.producer, batch.id.seq, &batch.metrics, &mut body);
    log.append(batch, Bytes::from(body)).await.unwrap()
}

/// Log, bus and store of a test.
pub(crate) struct Stage {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) bus: Arc<LocalBus>,
    pub(crate) store: Obedient,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let bus = Arc::new(LocalBus::new());
        let log = MemoryLog::start(Arc::clone(&bus) as Arc<dyn Bus>, MemoryLimits::default());
        Self { log, bus, store: Obedient::default() }
    }

    pub(crate) async fn append(&self, seqs: std::ops::Range<u64>, name: &str) {
        for seq in seqs {
            append(&*self.log, batch(seq, name)).await;
        }
    }

    pub(crate) fn parts(&self) -> Parts {
        let (log, bus) = (Arc::clone(&self.log), Arc::clone(&self.bus) as Arc<dyn Bus>);
        Parts { log, store: Arc::new(self.store.clone()), bus, after: None }
    }

    pub(crate) async fn worker(&self, options: Options) -> Worker {
        Worker::start(&self.parts(), options).await.unwrap()
    }

    pub(crate) async fn lag(&self) -> Lag {
        self.log.group("store").await.unwrap().lag().await.unwrap()
    }
}

/// Waits, on the paused clock, until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(3_600);
    while !holds().await {
        assert!(Instant::now() < deadline, "an hour passed without: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// A store in memory that can be away, slow, or particular. Clones are the same store.
#[derive(Clone, Default)]
pub(crate) struct Obedient(Arc<Orders>);

impl std::ops::Deref for Obedient {
    type Target = Orders;

    fn deref(&self) -> &Orders {
        &self.0
    }
}

/// What a store does, and did.
#[derive(Default)]
pub(crate) struct Orders {
    state: Mutex<State>,
    /// Until then it cannot be reached.
    pub(crate) away_until: Mutex<Option<Instant>>,
    /// How long each commit takes.
    pub(crate) pause: Mutex<Duration>,
    /// Calls of `commit`, whatever they answered.
    pub(crate) calls: AtomicUsize,
    /// Commits that are on their way now, and the most that ever were.
    running: AtomicUsize,
    pub(crate) running_max: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// In the order of their commit.
    stored: Vec<Batch>,
    known: HashSet<BatchId>,
    seen: HashMap<BatchId, u32>,
    letters: Vec<DeadLetter>,
}

impl Orders {
    pub(crate) fn stored(&self) -> Vec<u64> {
        self.state.lock().unwrap().stored.iter().map(|batch| batch.id.seq).collect()
    }

    pub(crate) fn letters(&self) -> Vec<DeadLetter> {
        self.state.lock().unwrap().letters.clone()
    }

    /// How often a batch came in a commit that succeeded.
    pub(crate) fn seen_max(&self) -> u32 {
        self.state.lock().unwrap().seen.values().copied().max().unwrap_or(0)
    }

    pub(crate) fn away_for(&self, time: Duration) {
        *self.away_until.lock().unwrap() = Some(Instant::now() + time);
    }

    fn reachable(&self) -> Result<(), StoreError> {
        let away = self.away_until.lock().unwrap().is_some_and(|until| Instant::now() < until);
        if away { Err(StoreError::Unreachable { cause: "told to be away".into() }) } else { Ok(()) }
    }

    fn try_commit(&self, batches: &[Batch]) -> Result<Committed, StoreError> {
        self.reachable()?;
        let holds = |name: &str| {
            batches.iter().any(|batch| batch.metrics.iter().any(|metric| metric.name == name))
        };
        if holds(POISON) {
            return Err(StoreError::Refused { cause: "it is poison".into() });
        }
        if holds(NONSENSE) {
            return Err(StoreError::Backend { cause: "it makes no sense".into() });
        }
        let (mut state, mut did) = (self.state.lock().unwrap(), Committed::default());
        for batch in batches {
            *state.seen.entry(batch.id.clone()).or_default() += 1;
            if state.known.insert(batch.id.clone()) {
                did.new += 1;
                did.metrics += batch.metrics.len() as u64;
                state.stored.push(batch.clone());
            } else {
                did.duplicate += 1;
            }
        }
        Ok(did)
    }
}

fn not_asked<T: Send + 'static>() -> BoxFuture<'static, Result<T, StoreError>> {
    let error = StoreError::Backend { cause: "a worker has no business to ask this".into() };
    Box::pin(std::future::ready(Err(error)))
}

impl Store for Obedient {
    fn name(&self) -> &'static str {
        "obedient"
    }

    fn survives(&self) -> Survives {
        Survives::Nothing
    }

    fn commit(
        &self,
        batches: Arc<Vec<Batch>>,
    ) -> BoxFuture<'static, Result<Committed, StoreError>> {
        let store = self.clone();
        Box::pin(async move {
            store.calls.fetch_add(1, SeqCst);
            let running = store.running.fetch_add(1, SeqCst) + 1;
            store.running_max.fetch_max(running, SeqCst);
            let pause = *store.pause.lock().unwrap();
            sleep(pause).await;
            store.running.fetch_sub(1, SeqCst);
            store.try_commit(&batches)
        })
    }

    fn bury(&self, letters: Vec<DeadLetter>) -> BoxFuture<'static, Result<(), StoreError>> {
        let answer = self.reachable();
        if answer.is_ok() {
            self.state.lock().unwrap().letters.extend(letters);
        }
        Box::pin(std::future::ready(answer))
    }

    fn dead(
        &self,
        _: i64,
        _: usize,
    ) -> BoxFuture<'static, Result<Vec<(i64, DeadLetter)>, StoreError>> {
        not_asked()
    }

    fn revive(&self, _: i64, _: Batch) -> BoxFuture<'static, Result<Committed, StoreError>> {
        not_asked()
    }

    fn audit(&self, _: RunId, _: Option<Tenant>) -> BoxFuture<'static, Result<Audit, StoreError>> {
        not_asked()
    }

    fn reconcile(&self) -> BoxFuture<'static, Result<Reconciled, StoreError>> {
        not_asked()
    }

    fn metrics(
        &self,
        _: Tenant,
        _: MetricsQuery,
    ) -> BoxFuture<'static, Result<MetricsPage, StoreError>> {
        not_asked()
    }

    fn aggregate(
        &self,
        _: Tenant,
        _: AggregateQuery,
    ) -> BoxFuture<'static, Result<Vec<Aggregated>, StoreError>> {
        not_asked()
    }

    fn summary(
        &self,
        _: Tenant,
        _: Range,
    ) -> BoxFuture<'static, Result<Vec<NameSummary>, StoreError>> {
        not_asked()
    }

    fn health(&self) -> BoxFuture<'static, Result<StoreHealth, StoreError>> {
        not_asked()
    }
}

/// A log whose groups can be out of reach, and can hold entries that are no batches.
pub(crate) struct Flaky {
    inner: Arc<dyn Log>,
    pub(crate) away: Arc<AtomicBool>,
    /// Positions that cannot be read.
    pub(crate) garbage: Arc<Mutex<HashSet<Position>>>,
}

impl Flaky {
    pub(crate) fn around(inner: Arc<dyn Log>) -> Self {
        Self { inner, away: Arc::default(), garbage: Arc::default() }
    }
}

impl Log for Flaky {
    fn survives(&self) -> Survives {
        self.inner.survives()
    }

    fn append(&self, batch: Batch, body: Bytes) -> BoxFuture<'static, Result<Position, LogError>> {
        self.inner.append(batch, body)
    }

    fn after(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Batch)>, LogError>> {
        self.inner.after(after, limit)
    }

    fn audit(
        &self,
        run: RunId,
        tenant: Option<Tenant>,
    ) -> BoxFuture<'static, Result<Audit, LogError>> {
        self.inner.audit(run, tenant)
    }

    fn group(&self, name: &str) -> BoxFuture<'static, Result<Arc<dyn Group>, LogError>> {
        let (inner, away) = (self.inner.group(name), Arc::clone(&self.away));
        let garbage = Arc::clone(&self.garbage);
        Box::pin(async move {
            let group: Arc<dyn Group> = Arc::new(FlakyGroup { inner: inner.await?, away, garbage });
            Ok(group)
        })
    }

    fn health(&self) -> BoxFuture<'static, Result<LogHealth, LogError>> {
        self.inner.health()
    }
}

struct FlakyGroup {
    inner: Arc<dyn Group>,
    away: Arc<AtomicBool>,
    garbage: Arc<Mutex<HashSet<Position>>>,
}

impl FlakyGroup {
    fn unless_away<T: Send + 'static>(
        &self,
        asked: impl FnOnce() -> BoxFuture<'static, Result<T, LogError>>,
    ) -> BoxFuture<'static, Result<T, LogError>> {
        if self.away.load(SeqCst) {
            let error = LogError::Unreachable { cause: "told to be away".into() };
            return Box::pin(std::future::ready(Err(error)));
        }
        asked()
    }

    fn spoil(&self, asked: Deliveries) -> Deliveries {
        let garbage = Arc::clone(&self.garbage);
        Box::pin(async move {
            let mut deliveries = asked.await?;
            let garbage = garbage.lock().unwrap();
            for delivery in deliveries.iter_mut().filter(|d| garbage.contains(&d.position)) {
                let (reason, body) =
                    ("its fields are not h and b".into(), Bytes::from_static(b"?"));
                delivery.content = Err(tailrace_contract::Unreadable { reason, id: None, body });
            }
            Ok(deliveries)
        })
    }
}

type Deliveries = BoxFuture<'static, Result<Vec<Delivery>, LogError>>;

impl Group for FlakyGroup {
    fn read(&self, member: &str, limit: usize, wait: Duration) -> Deliveries {
        self.spoil(self.unless_away(|| self.inner.read(member, limit, wait)))
    }

    fn claim(&self, member: &str, idle: Duration, limit: usize) -> Deliveries {
        self.spoil(self.unless_away(|| self.inner.claim(member, idle, limit)))
    }

    fn acknowledge(&self, positions: Vec<Position>) -> BoxFuture<'static, Result<(), LogError>> {
        self.unless_away(|| self.inner.acknowledge(positions))
    }

    fn leave(&self, member: &str) -> BoxFuture<'static, Result<(), LogError>> {
        self.unless_away(|| self.inner.leave(member))
    }

    fn forget_silent(&self, idle: Duration) -> BoxFuture<'static, Result<u64, LogError>> {
        self.unless_away(|| self.inner.forget_silent(idle))
    }

    fn lead(&self, member: &str, lease: Duration) -> BoxFuture<'static, Result<bool, LogError>> {
        self.unless_away(|| self.inner.lead(member, lease))
    }

    fn lag(&self) -> BoxFuture<'static, Result<Lag, LogError>> {
        self.unless_away(|| self.inner.lag())
    }
}
