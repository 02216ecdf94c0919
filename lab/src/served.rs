//! A pipeline in this process: log, bus, door, transport and observer, joined and served.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tailrace_backend::{
    DirectLimits, DirectLog, Forgetting, LocalAlerts, LocalBus, MemoryCache, MemoryCacheLimits,
    MemoryLimits, MemoryLog, RedisAlerts, RedisBus, RedisCache, RedisConfig, RedisLog,
};
use tailrace_contract::{
    Alerts, Batch, Bus, Cache, Drained, Log, Options, Position, Promise, RunId, Server, Store,
    Tenant,
};
use tailrace_service::{Aggregate, Aggregates, Counted, Gate, Observer, Recent};

use crate::door::Door;
use crate::embedded::{Embedded, Stored};
use crate::registry::{Behind, LogKind, Pipeline};

/// Requests in flight may finish in this time when a server stops.
pub const DRAIN: Duration = Duration::from_secs(5);
/// What was acknowledged may be stored in this time when a server stops: for a log in memory it is
/// the last chance.
const STORE_DRAIN: Duration = Duration::from_secs(10);

/// Listeners of a server, bound, what its pages are completed with, and who may call there.
pub struct Listeners {
    /// For the transport.
    pub ingest: TcpListener,
    /// For live feeds, audit and health.
    pub observer: TcpListener,
    /// Where Chart.js may be, see [`crate::chart_js::places`].
    pub chart_js: Vec<std::path::PathBuf>,
    /// Who may call; none: everybody.
    pub gate: Option<Gate>,
    /// Where batches end up; none: in the log.
    pub stored: Option<Stored>,
}

/// A running pipeline.
pub struct Served {
    transport: Box<dyn Server>,
    observer: Option<Box<dyn Server>>,
    draining: tokio_util::sync::CancellationToken,
    embedded: Option<Embedded>,
    redis: Option<Arc<RedisLog>>,
}

/// The parts behind the door.
pub struct Parts {
    /// Where batches go.
    pub log: Arc<dyn Log>,
    /// How subscribers hear of them.
    pub bus: Arc<dyn Bus>,
    /// What is kept for a glance, if anything.
    pub recent: Option<Arc<dyn Recent>>,
    /// What tells of spikes: found here, or by a worker elsewhere.
    pub alerts: Arc<dyn Alerts>,
    /// Where answers about history are kept until a commit makes them stale.
    pub cache: Arc<dyn Cache>,
    /// What dead letters call the log.
    pub name: String,
    /// The log again where it is in Redis, for whoever has to clean up.
    pub redis: Option<Arc<RedisLog>>,
}

impl Parts {
    /// Makes the log of a kind, and the bus whose notices wait in `local` for subscribers.
    ///
    /// # Errors
    /// Redis cannot be reached, or is set up so that it may lose what it acknowledged; the log
    /// commits to a store and there is none.
    pub async fn start(
        kind: LogKind,
        redis: Option<RedisConfig>,
        store: Option<Arc<dyn Store>>,
        local: Arc<LocalBus>,
    ) -> anyhow::Result<Self> {
        match kind {
            LogKind::Postgres => {
                let store = store.context("a log that commits needs a store: give --store")?;
                Ok(Self::direct(store, local))
            }
            LogKind::Memory => {
                let bus: Arc<dyn Bus> = local;
                let log = MemoryLog::start(Arc::clone(&bus), MemoryLimits::default());
                let recent: Arc<dyn Recent> = Arc::new(Glance(Arc::clone(&log)));
                // Positions begin anew at every start: a name that does too keeps letters apart.
                let name = format!("memory:{}", crate::redis::fresh_run());
                let alerts = Arc::new(LocalAlerts::default());
                let cache = Arc::new(MemoryCache::new(MemoryCacheLimits::default()));
                Ok(Self { log, bus, recent: Some(recent), alerts, cache, name, redis: None })
            }
            LogKind::Redis => {
                let config = redis.context("a redis pipeline needs a Redis: give --redis URL")?;
                let bus = RedisBus::connect(&config, local).await?;
                let alerts = RedisAlerts::connect(&config).await?;
                let cache = Arc::new(RedisCache::new(&config)?);
                let name = config.stream();
                let log = RedisLog::connect(config).await?;
                Ok(Self {
                    log: Arc::clone(&log) as Arc<dyn Log>,
                    bus,
                    recent: None,
                    alerts,
                    cache,
                    name,
                    redis: Some(log),
                })
            }
        }
    }
}

impl Parts {
    /// A log that commits to a store before it answers, announced on `bus`.
    pub fn direct(store: Arc<dyn Store>, bus: Arc<LocalBus>) -> Self {
        let cache = Arc::new(MemoryCache::new(MemoryCacheLimits::default()));
        let after = Arc::new(Forgetting::new(Arc::clone(&cache) as _));
        let name = format!("direct:{}", store.name());
        let log = DirectLog::new(store, Arc::clone(&bus), after, &DirectLimits::default());
        let alerts = Arc::new(LocalAlerts::default());
        Self { log: Arc::new(log), bus, recent: None, alerts, cache, name, redis: None }
    }
}

impl Served {
    /// Serves a pipeline on bound listeners.
    ///
    /// # Errors
    /// Its log did not start, or a listener cannot be used.
    pub async fn start(
        pipeline: Pipeline,
        listeners: Listeners,
        run: RunId,
        redis: Option<RedisConfig>,
        options: &Options,
    ) -> anyhow::Result<Self> {
        let Behind::Log(kind, _) = pipeline.behind else {
            let limits = tailrace_tcp::Limits::default();
            let transport = tailrace_tcp::serve(listeners.ingest, limits)?;
            let draining = tokio_util::sync::CancellationToken::new();
            return Ok(Self { transport, observer: None, draining, embedded: None, redis: None });
        };
        let store = listeners.stored.as_ref().map(|stored| Arc::clone(&stored.store));
        let parts = Parts::start(kind, redis, store, Arc::new(LocalBus::new())).await?;
        Self::join(pipeline, parts, listeners, run, options).await
    }

    /// Serves a transport in front of given parts: also how the conformance suite puts a log
    /// of its own behind a real transport.
    ///
    /// # Errors
    /// A listener cannot be used, or the pipeline is the floor, which has no door.
    pub async fn join(
        pipeline: Pipeline,
        parts: Parts,
        listeners: Listeners,
        run: RunId,
        options: &Options,
    ) -> anyhow::Result<Self> {
        let Behind::Log(_, serve) = pipeline.behind else {
            anyhow::bail!("{} has no door in front of a log", pipeline.name);
        };
        let door = Counted::new(Door::new(Arc::clone(&parts.log), run, listeners.gate.clone()));
        // A log that commits by itself leaves nobody anything to do.
        let carries = parts.log.promise() != Promise::Committed;
        let embedded = match listeners.stored.as_ref().filter(|_| carries) {
            Some(stored) => Some(Embedded::start(&parts, stored).await?),
            None => None,
        };
        let mut observer = Observer::new(pipeline.name, door.clone(), parts.log, parts.bus);
        // A log in memory has no reader but those in this process.
        let has_detector = listeners.stored.as_ref().is_some_and(|stored| stored.detector);
        observer.alerts = (has_detector || parts.redis.is_some()).then_some(parts.alerts);
        observer.cache = listeners.stored.as_ref().map(|_| parts.cache);
        observer.store = listeners.stored.map(|stored| stored.store);
        observer.behind = embedded.as_ref().map(Embedded::behind);
        observer.recent = parts.recent;
        observer.gate = listeners.gate;
        observer.chart_js = listeners.chart_js;
        observer.counts = Some(door.counts());
        let draining = observer.draining.clone();
        let transport = serve(listeners.ingest, door, options)?;
        let limits = tailrace_service::Limits::default();
        let observer =
            tailrace_service::serve(listeners.observer, observer, limits, options.tls.as_ref())
                .await?;
        let (observer, redis) = (Some(observer), parts.redis);
        Ok(Self { transport, observer, draining, embedded, redis })
    }

    /// Where the transport listens.
    pub fn ingest(&self) -> Option<SocketAddr> {
        self.transport.addresses().first().copied()
    }

    /// Where the observer listens.
    pub fn observer(&self) -> Option<SocketAddr> {
        self.observer.as_ref()?.addresses().first().copied()
    }

    /// Resolves when a part of it has ended though nobody asked for it: it must be drained and
    /// started anew.
    pub async fn failed(&mut self) {
        match &mut self.embedded {
            Some(embedded) => embedded.failed().await,
            None => std::future::pending().await,
        }
    }

    /// Stops accepting, finishes what is in flight, stores what is in hand, then ends the feeds,
    /// which tell of it. A throwaway pipeline also removes what it put into Redis.
    pub async fn drain(self, throwaway: bool) -> Drained {
        self.draining.cancel();
        let mut drained = self.transport.drain(DRAIN).await;
        if let Some(embedded) = self.embedded {
            embedded.drain(STORE_DRAIN).await;
        }
        if let Some(observer) = self.observer {
            drained.cut += observer.drain(DRAIN).await.cut;
        }
        if let Some(log) = self.redis.filter(|_| throwaway)
            && let Err(error) = log.remove().await
        {
            tracing::warn!(%error, "could not remove this run's keys; they will expire");
        }
        drained
    }
}

/// The memory log, seen by the observer.
struct Glance(Arc<MemoryLog>);

impl Recent for Glance {
    fn aggregates(&self, tenant: &Tenant) -> Aggregates {
        let kept = self.0.aggregates(tenant);
        let names = kept.names.into_iter().map(|a| Aggregate {
            name: a.name.into(),
            count: a.count,
            sum: a.sum,
            min: a.min,
            max: a.max,
            last: a.last,
        });
        Aggregates { names: names.collect(), overflow: kept.overflow }
    }

    fn recent(&self, tenant: &Tenant, limit: usize) -> Vec<(Position, Batch)> {
        self.0.recent(tenant, limit)
    }
}
