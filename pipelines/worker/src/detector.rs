//! The second group: it reads every batch too, knows nothing of the store, and tells people where
//! a value is far above the usual. What it knows it holds in memory, so an entry is acknowledged
//! once it was judged; after a restart it learns anew what is usual. Members of one group each see
//! a part of every series, so one of them leads and reads, and the others stand by until it is gone.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tailrace_contract::{
    Alert, Alerts, AttributeValue, Batch, Delivery, Group, Log, LogError, Metric, Position, SmolStr,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::claim::{Source, fresh_member};
use crate::hold::Hold;
use crate::lead::{ASKED_A_LEASE, Lead};
use crate::options::{DETECTOR_GROUP, Options};
use crate::spikes::{Series, Spike, Spikes};
use crate::tally::Tally;
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
    /// After so long without a sign of life of the detector that reads, another one reads, and
    /// judges what that one had in hand.
    pub lease: Duration,
}

impl Default for DetectorOptions {
    fn default() -> Self {
        let sweep_every = Duration::from_secs(5 * 60);
        let lease = Options::new(DETECTOR_GROUP).claim_idle;
        Self { threshold: 8.0, series_max: 20_000, sweep_every, lease }
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
    group: Arc<dyn Group>,
    tally: Arc<Tally>,
}

impl Detector {
    /// Joins its group, which begins with the oldest entry of the log, and tells `alerts`. While
    /// another one of the group lives, it only waits.
    ///
    /// # Errors
    /// The log has no groups or cannot be reached.
    pub async fn start(
        log: &Arc<dyn Log>,
        alerts: Arc<dyn Alerts>,
        options: DetectorOptions,
    ) -> Result<Self, LogError> {
        let group = log.group(DETECTOR_GROUP).await?;
        let reading = reading(options.lease);
        let member = fresh_member(DETECTOR_GROUP, 0);
        let source = Source::new(Arc::clone(&group), member, Hold::default(), &reading);
        let (stopping, tally) = (CancellationToken::new(), Arc::new(Tally::default()));
        let lead = Lead::new(options.lease);
        let watch = Watch {
            spikes: Spikes::new(options.threshold, options.series_max),
            sweep_at: Instant::now() + options.sweep_every,
            tally: Arc::clone(&tally),
            options,
        };
        let reader = Reader { source, lead, entries: reading.read_entries, watch, alerts };
        let task = tokio::spawn(reader.run(stopping.clone()));
        Ok(Self { task, stopping, group, tally })
    }

    /// Its counters.
    pub fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    /// Its group: how far it is behind.
    pub fn group(&self) -> Arc<dyn Group> {
        Arc::clone(&self.group)
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

/// How the log is read by one that leads for so long.
fn reading(lease: Duration) -> Options {
    let usual = Options::new(DETECTOR_GROUP);
    Options {
        // A read must end before it is time to ask for the lead again.
        read_wait: usual.read_wait.min(lease / ASKED_A_LEASE),
        claim_every: usual.claim_every.min(lease),
        claim_idle: lease,
        ..usual
    }
}

/// The task of a detector.
struct Reader {
    source: Source,
    lead: Lead,
    /// Entries of one read.
    entries: usize,
    watch: Watch,
    alerts: Arc<dyn Alerts>,
}

impl Reader {
    async fn run(mut self, stopping: CancellationToken) {
        while !stopping.is_cancelled() {
            if self.leads().await {
                self.read().await;
            } else {
                tokio::select! {
                    () = stopping.cancelled() => {}
                    () = sleep_until(self.lead.ask_at()) => {}
                }
            }
        }
        if let Err(error) = self.source.group.leave(&self.source.member).await {
            tracing::debug!(%error, "the detector could not leave its group");
        }
    }

    async fn leads(&mut self) -> bool {
        let leads = self.lead.holds(&self.source).await;
        if self.watch.tally.leads.swap(leads, Relaxed) != leads {
            let role = if leads { "reads" } else { "stands by: another one reads" };
            tracing::info!(member = self.source.member, "this detector {role}");
        }
        leads
    }

    async fn read(&mut self) {
        let asked = self.source.ask(self.entries).await;
        let deliveries = self.source.answered(asked);
        if deliveries.is_empty() {
            return;
        }
        let found = self.watch.look(&deliveries);
        let positions: Vec<Position> = deliveries.iter().map(|entry| entry.position).collect();
        let told = async {
            if !found.is_empty() {
                self.watch.tally.alerts.fetch_add(found.len() as u64, Relaxed);
                self.alerts.publish(found).await;
            }
        };
        let (acknowledged, ()) = tokio::join!(self.source.group.acknowledge(positions), told);
        if let Err(error) = acknowledged {
            // They come again when they are claimed, and are then judged twice: no harm.
            tracing::debug!(%error, "the detector could not acknowledge");
        }
    }
}

/// The state of a detector.
struct Watch {
    spikes: Spikes,
    sweep_at: Instant,
    tally: Arc<Tally>,
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
            self.tally.unwatched.fetch_add(1, Relaxed);
            return None;
        };
        self.tally.judged.fetch_add(1, Relaxed);
        let Spike { usual, score } = judged?;
        self.tally.found.fetch_add(1, Relaxed);
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
