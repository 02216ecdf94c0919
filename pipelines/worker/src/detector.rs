//! The second group: it reads every batch too, knows nothing of the store, and tells people where
//! a value is far above the usual. What it knows it holds in memory, so an entry is acknowledged
//! once it was judged; after a restart it learns anew what is usual. Members of one group each see
//! a part of every series: run one detector a log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tailrace_contract::{
    Alert, Alerts, AttributeValue, Batch, Delivery, Log, LogError, Metric, Position, SmolStr,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::claim::{Source, fresh_member};
use crate::hold::Hold;
use crate::options::{DETECTOR_GROUP, Options};
use crate::spikes::{Series, Spike, Spikes};
use crate::worker::Drained;

/// What can be set.
#[derive(Debug, Clone)]
pub struct DetectorOptions {
    /// Deviations above the usual that make a spike; the live page's own choice.
    pub threshold: f64,
    /// Series that are watched: about 12 MB. Others are counted.
    pub series_max: usize,
    /// Series that were silent for so long are forgotten.
    pub sweep_every: Duration,
}

impl Default for DetectorOptions {
    fn default() -> Self {
        let sweep_every = Duration::from_secs(5 * 60);
        Self { threshold: 8.0, series_max: 20_000, sweep_every }
    }
}

/// Alerts that one read may bring: names come from strangers.
const ALERTS_AT_ONCE_MAX: usize = 64;
/// Metrics of this kind are counts of what happened, not readings.
const EVENT_PREFIX: &str = "event.";

/// A running detector. Dropping it stops it.
pub struct Detector {
    task: JoinHandle<()>,
    stopping: CancellationToken,
    counts: Arc<DetectorCounts>,
}

/// What a detector did so far.
#[derive(Debug, Default)]
pub struct DetectorCounts {
    /// Values that were judged.
    pub judged: AtomicU64,
    /// Values of series that there was no room for.
    pub unwatched: AtomicU64,
    /// Spikes that were found.
    pub found: AtomicU64,
}

impl Detector {
    /// Joins its group, which begins with the oldest entry of the log, and tells `alerts`.
    ///
    /// # Errors
    /// The log has no groups or cannot be reached.
    pub async fn start(
        log: &Arc<dyn Log>,
        alerts: Arc<dyn Alerts>,
        options: DetectorOptions,
    ) -> Result<Self, LogError> {
        let group = log.group(DETECTOR_GROUP).await?;
        let reading = Options::new(DETECTOR_GROUP);
        let source = Source::new(group, fresh_member(DETECTOR_GROUP, 0), Hold::default(), &reading);
        let (stopping, counts) = (CancellationToken::new(), Arc::new(DetectorCounts::default()));
        let watch = Watch {
            spikes: Spikes::new(options.threshold, options.series_max),
            sweep_at: Instant::now() + options.sweep_every,
            counts: Arc::clone(&counts),
            options,
        };
        let entries = reading.read_entries;
        let task = tokio::spawn(run(source, entries, watch, alerts, stopping.clone()));
        Ok(Self { task, stopping, counts })
    }

    /// Its counters.
    pub fn counts(&self) -> Arc<DetectorCounts> {
        Arc::clone(&self.counts)
    }

    /// Stops reading, judges what is in hand, leaves the group.
    pub async fn drain(mut self, deadline: Duration) -> Drained {
        self.stopping.cancel();
        match timeout(deadline, &mut self.task).await {
            Ok(_) => Drained::Whole,
            Err(_) => Drained::Cut,
        }
    }
}

impl Drop for Detector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    mut source: Source,
    entries: usize,
    mut watch: Watch,
    alerts: Arc<dyn Alerts>,
    stopping: CancellationToken,
) {
    while !stopping.is_cancelled() {
        let asked = source.ask(entries).await;
        let deliveries = source.answered(asked);
        if deliveries.is_empty() {
            continue;
        }
        let found = watch.look(&deliveries);
        let positions: Vec<Position> = deliveries.iter().map(|entry| entry.position).collect();
        let told = async {
            if !found.is_empty() {
                alerts.publish(found).await;
            }
        };
        let (acknowledged, ()) = tokio::join!(source.group.acknowledge(positions), told);
        if let Err(error) = acknowledged {
            // They come again when they are claimed, and are then judged twice: no harm.
            tracing::debug!(%error, "the detector could not acknowledge");
        }
    }
    if let Err(error) = source.group.leave(&source.member).await {
        tracing::debug!(%error, "the detector could not leave its group");
    }
}

/// The state of a detector.
struct Watch {
    spikes: Spikes,
    sweep_at: Instant,
    counts: Arc<DetectorCounts>,
    options: DetectorOptions,
}

impl Watch {
    /// Judges all values; answers the alerts, those of one metric and second joined.
    fn look(&mut self, deliveries: &[Delivery]) -> Vec<Alert> {
        if Instant::now() >= self.sweep_at {
            self.sweep_at = Instant::now() + self.options.sweep_every;
            self.spikes.sweep();
            tracing::debug!(series = self.spikes.watched(), "forgot series that are silent");
        }
        let mut alerts: Vec<Alert> = Vec::new();
        // What cannot be read is the store group's to bury.
        for batch in deliveries.iter().filter_map(|entry| entry.content.as_ref().ok()) {
            for metric in batch.metrics.iter().filter(|m| !m.name.starts_with(EVENT_PREFIX)) {
                if let Some(alert) = self.judge(batch, metric) {
                    add(&mut alerts, alert);
                }
            }
        }
        alerts
    }

    fn judge(&mut self, batch: &Batch, metric: &Metric) -> Option<Alert> {
        let (tenant, name) = (batch.id.tenant.clone(), metric.name.clone());
        let series = Series { tenant, name, host: host(batch, metric) };
        let Ok(judged) = self.spikes.judge(&series, metric.value) else {
            self.counts.unwatched.fetch_add(1, Relaxed);
            return None;
        };
        self.counts.judged.fetch_add(1, Relaxed);
        let Spike { usual, score } = judged?;
        self.counts.found.fetch_add(1, Relaxed);
        let Series { tenant, name, host } = series;
        let time_ms = metric.time_ms.unwrap_or(batch.received_ms);
        Some(Alert { tenant, name, host, hosts: 1, value: metric.value, usual, score, time_ms })
    }
}

/// Whose value it is: the attribute `host` where there is one, otherwise the producer.
fn host(batch: &Batch, metric: &Metric) -> SmolStr {
    let host = metric.attributes.iter().find(|(key, _)| key == "host");
    match host {
        Some((_, AttributeValue::Text(text))) => text.clone(),
        Some((_, AttributeValue::Number(number))) => number.to_string().into(),
        Some((_, AttributeValue::Flag(flag))) => flag.to_string().into(),
        None => batch.id.producer.0.clone(),
    }
}

fn add(alerts: &mut Vec<Alert>, alert: Alert) {
    if let Some(same) = alerts.iter_mut().find(|other| other.joins(&alert)) {
        same.join(alert);
    } else if alerts.len() < ALERTS_AT_ONCE_MAX {
        alerts.push(alert);
    }
}
