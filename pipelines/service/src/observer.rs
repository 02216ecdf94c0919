//! What an observer is made of, and what its routes share.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tailrace_contract::{Alerts, Bus, Cache, Ingest, Log, Store};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::chart::ChartFile;
use crate::query::{History, Streams};
use crate::{Behind, Gate, IngestCounts, Limits, Recent};

/// The parts of a pipeline that its observer looks at.
pub struct Observer<I: Ingest> {
    /// The pipeline's name, for people and for Prometheus.
    pub pipeline: String,
    /// The same door as the transport's.
    pub ingest: I,
    /// The pipeline's log.
    pub log: Arc<dyn Log>,
    /// The bus that the log announces on.
    pub bus: Arc<dyn Bus>,
    /// Where batches end up, where the pipeline has a store.
    pub store: Option<Arc<dyn Store>>,
    /// Answers of the store, kept until a commit makes them stale.
    pub cache: Option<Arc<dyn Cache>>,
    /// What fills the store.
    pub behind: Option<Behind>,
    /// Spikes that were found, where anybody looks for them.
    pub alerts: Option<Arc<dyn Alerts>>,
    /// Recent metrics and aggregates, where the log keeps them.
    pub recent: Option<Arc<dyn Recent>>,
    /// Who may ask for what; none: everybody for everything.
    pub gate: Option<Gate>,
    /// Answers of the door, counted by [`crate::Counted`] or by whoever built it.
    pub counts: Option<Arc<IngestCounts>>,
    /// Cancel it when the pipeline starts to drain: `/ready` then says 503 while the feeds
    /// still carry what is in flight.
    pub draining: CancellationToken,
    /// Where a copy of Chart.js may lie, for the live page: the first that can be read counts.
    pub chart_js: Vec<PathBuf>,
}

impl<I: Ingest> Observer<I> {
    /// An observer without store, recent metrics, counts and Chart.js.
    pub fn new(
        pipeline: impl Into<String>,
        ingest: I,
        log: Arc<dyn Log>,
        bus: Arc<dyn Bus>,
    ) -> Self {
        let draining = CancellationToken::new();
        Self {
            pipeline: pipeline.into(),
            ingest,
            log,
            bus,
            store: None,
            cache: None,
            behind: None,
            alerts: None,
            recent: None,
            gate: None,
            counts: None,
            draining,
            chart_js: Vec::new(),
        }
    }
}

/// What every route but the ingest needs; one a listener.
pub(crate) struct Shared {
    pub(crate) pipeline: String,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) store: Option<Arc<dyn Store>>,
    /// Questions to the store, where there is one.
    pub(crate) history: Option<Arc<History>>,
    pub(crate) streams: Streams,
    pub(crate) behind: Option<Behind>,
    pub(crate) alerts: Option<Arc<dyn Alerts>>,
    pub(crate) recent: Option<Arc<dyn Recent>>,
    pub(crate) gate: Option<Gate>,
    pub(crate) counts: Option<Arc<IngestCounts>>,
    pub(crate) limits: Limits,
    /// The pipeline drains.
    pub(crate) draining: CancellationToken,
    /// This listener drains: feeds end.
    pub(crate) ending: CancellationToken,
    /// Everything is cut.
    pub(crate) cut: CancellationToken,
    /// Connections, upgraded ones included.
    pub(crate) connections: TaskTracker,
    /// One permit a subscriber that may still come.
    pub(crate) seats: Arc<Semaphore>,
    pub(crate) feed: FeedCounts,
    pub(crate) chart: ChartFile,
    /// How the addresses served here begin.
    pub(crate) scheme: &'static str,
}

/// What the feeds did so far.
#[derive(Debug, Default)]
pub(crate) struct FeedCounts {
    /// Notices handed to subscribers' connections.
    pub(crate) sent: AtomicU64,
    /// Notices that subscribers were too slow for.
    pub(crate) missed: AtomicU64,
}

impl Shared {
    pub(crate) fn new<I: Ingest>(parts: Observer<I>, limits: Limits, tls: bool) -> (Arc<Self>, I) {
        let history = parts.store.as_ref();
        let history = history.map(|store| History::new(Arc::clone(store), parts.cache, &limits));
        let shared = Self {
            pipeline: parts.pipeline,
            log: parts.log,
            bus: parts.bus,
            store: parts.store,
            history,
            streams: Streams::default(),
            behind: parts.behind,
            alerts: parts.alerts,
            recent: parts.recent,
            gate: parts.gate,
            counts: parts.counts,
            draining: parts.draining,
            ending: CancellationToken::new(),
            cut: CancellationToken::new(),
            connections: TaskTracker::new(),
            seats: Arc::new(Semaphore::new(limits.subscribers_max)),
            feed: FeedCounts::default(),
            chart: ChartFile::new(parts.chart_js),
            scheme: if tls { "https" } else { "http" },
            limits,
        };
        (Arc::new(shared), parts.ingest)
    }

    /// Live subscribers now.
    pub(crate) fn subscribers(&self) -> usize {
        self.limits.subscribers_max - self.seats.available_permits()
    }
}
