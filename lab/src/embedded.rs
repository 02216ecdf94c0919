//! The worker and the detector of a served pipeline, in the server's own process: one command
//! runs everything. With a log in Redis they may as well run elsewhere; with a log in memory
//! nobody else can do their work.

use std::sync::Arc;
use std::time::Duration;

use tailrace_backend::Forgetting;
use tailrace_contract::{Group, Lag, Store, Survives};
use tailrace_service::{Behind, Figures, Told};
use tailrace_worker::{
    Detector, DetectorOptions, Drained, Options, Parts, Progress, STORE_GROUP, Tally, Worker,
};

use crate::served;

/// A store, and who fills it.
#[derive(Clone)]
pub struct Stored {
    /// Where batches end up.
    pub store: Arc<dyn Store>,
    /// Filled here, or by workers elsewhere.
    pub worker: bool,
    /// Whether spikes are looked for here.
    pub detector: bool,
}

/// What runs behind a served log.
pub struct Embedded {
    worker: Option<Worker>,
    detector: Option<Detector>,
    group: Arc<dyn Group>,
    /// Makes stale what the worker's commits change.
    forgetting: Forgetting,
    /// The log dies with this process: it must be empty first.
    is_volatile: bool,
}

impl Embedded {
    /// Joins the groups of the log. The store's group is made even if workers run elsewhere, so
    /// that nothing is trimmed before the first of them has come.
    ///
    /// # Errors
    /// The log has no groups, or cannot be reached.
    pub async fn start(parts: &served::Parts, stored: &Stored) -> anyhow::Result<Self> {
        let group = parts.log.group(STORE_GROUP).await?;
        let is_volatile = parts.log.survives() == Survives::Nothing;
        let forgetting = Forgetting::new(Arc::clone(&parts.cache));
        let mut embedded = Self { worker: None, detector: None, group, forgetting, is_volatile };
        if stored.worker {
            let between = Parts {
                log: Arc::clone(&parts.log),
                store: Arc::clone(&stored.store),
                bus: Arc::clone(&parts.bus),
                after: Some(Arc::new(embedded.forgetting.clone())),
            };
            let options = Options::new(parts.name.clone());
            embedded.worker = Some(Worker::start(&between, options).await?);
        }
        if stored.detector {
            let (alerts, options) = (Arc::clone(&parts.alerts), DetectorOptions::default());
            embedded.detector = Some(Detector::start(&parts.log, alerts, options).await?);
        }
        Ok(embedded)
    }

    /// What the observer tells of it.
    pub fn behind(&self) -> Behind {
        let mut told = Vec::new();
        if let Some(worker) = &self.worker {
            let figures: Arc<dyn Figures> = Arc::new(OfWorker(worker.progress()));
            told.push(Told { group: worker.group(), figures });
        }
        if let Some(detector) = &self.detector {
            let figures: Arc<dyn Figures> = Arc::new(OfDetector(detector.tally()));
            told.push(Told { group: detector.group(), figures });
        }
        Behind { group: Arc::clone(&self.group), here: self.worker.is_some(), told }
    }

    /// Resolves when the worker has ended though nobody asked for it; never without a worker.
    pub async fn failed(&mut self) {
        match &mut self.worker {
            Some(worker) => worker.failed().await,
            None => std::future::pending().await,
        }
    }

    /// Once nothing is appended any more: empties a log that dies with this process, then stores
    /// what is in hand and leaves the groups.
    pub async fn drain(self, deadline: Duration) {
        if let Some(worker) = self.worker {
            if self.is_volatile && !worker.caught_up(deadline).await {
                tracing::error!(
                    "the store did not take everything in {} s; what is missing is gone with the \
                     log in memory",
                    deadline.as_secs()
                );
            }
            if worker.drain(deadline).await == Drained::Cut {
                tracing::warn!("the worker did not finish in time");
            }
            // Other servers may share the cache.
            self.forgetting.flush().await;
        }
        if let Some(detector) = self.detector {
            detector.drain(deadline).await;
        }
    }
}

/// The worker's counters, seen by the observer.
struct OfWorker(Arc<Progress>);

impl Figures for OfWorker {
    fn prometheus(&self, lag: Option<Lag>, out: &mut String) {
        self.0.prometheus(STORE_GROUP, lag, out);
    }
}

/// The detector's.
struct OfDetector(Arc<Tally>);

impl Figures for OfDetector {
    fn prometheus(&self, lag: Option<Lag>, out: &mut String) {
        self.0.prometheus(lag, out);
    }
}
