//! How a worker is doing: counters for Prometheus, and rows for a file that a chart is made of.
//! Nothing here is used for measuring durable latency; the load generator has its own clock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use tailrace_contract::{Batch, Committed, Lag, StoreError};
use tokio::time::Instant;

use crate::Tally;
use crate::page::Page;

/// Upper bounds of the age histogram's buckets in milliseconds: from what a quiet pipeline shows
/// to what is left after an outage of minutes.
const AGE_BOUNDS_MS: [u64; 12] =
    [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 60_000, 300_000];

/// Counts since the start, of all members of a worker.
#[derive(Debug, Default)]
pub struct Progress {
    commits: AtomicU64,
    batches: AtomicU64,
    metrics: AtomicU64,
    duplicates: AtomicU64,
    dead: AtomicU64,
    store_retries: AtomicU64,
    log_retries: AtomicU64,
    store_away: AtomicBool,
    held: AtomicU64,
    ages: Ages,
}

/// Ages of batches when they were committed: commit time minus time of arrival, by the wall
/// clocks of worker and server.
#[derive(Debug, Default)]
struct Ages {
    /// One a bound, and one for what is older.
    buckets: [AtomicU64; AGE_BOUNDS_MS.len() + 1],
    sum_ms: AtomicU64,
    /// The largest since somebody last asked.
    max_ms: AtomicU64,
}

impl Progress {
    /// A commit is through.
    pub(crate) fn committed<'a>(
        &self,
        did: Committed,
        stored: impl Iterator<Item = &'a Batch>,
        now_ms: u64,
    ) {
        self.commits.fetch_add(1, Relaxed);
        self.batches.fetch_add(did.new, Relaxed);
        self.metrics.fetch_add(did.metrics, Relaxed);
        self.duplicates.fetch_add(did.duplicate, Relaxed);
        for batch in stored {
            self.ages.add(now_ms.saturating_sub(batch.received_ms));
        }
    }

    /// Entries were read.
    pub(crate) fn took(&self, entries: usize) {
        self.held.fetch_add(entries as u64, Relaxed);
    }

    /// Entries that had been read are nothing to this process any more.
    pub(crate) fn released(&self, entries: usize) {
        self.held.fetch_sub(entries as u64, Relaxed);
    }

    /// Letters were kept.
    pub(crate) fn buried(&self, letters: u64) {
        self.dead.fetch_add(letters, Relaxed);
    }

    /// The log was asked and did answer, or not.
    pub(crate) fn log_answered(&self, well: bool) {
        if !well {
            self.log_retries.fetch_add(1, Relaxed);
        }
    }

    /// The store was asked and did what it should, or why not. An outage is told once.
    pub(crate) fn store_answered(&self, failed: Option<&StoreError>) {
        let was_away = self.store_away.swap(failed.is_some(), Relaxed);
        if let Some(error) = failed {
            self.store_retries.fetch_add(1, Relaxed);
            if !was_away {
                tracing::warn!(%error, "nothing is acknowledged until it is stored; trying again");
            }
        } else if was_away {
            tracing::info!("the store takes commits again");
        }
    }

    /// Batches that were stored; those that were there already are [`Self::duplicates`].
    pub fn batches(&self) -> u64 {
        self.batches.load(Relaxed)
    }

    /// Metrics of the stored batches.
    pub fn metrics(&self) -> u64 {
        self.metrics.load(Relaxed)
    }

    /// Batches that the store had already: a crash between commit and acknowledgement, or a
    /// client that sent again.
    pub fn duplicates(&self) -> u64 {
        self.duplicates.load(Relaxed)
    }

    /// Entries that became dead letters.
    pub fn dead(&self) -> u64 {
        self.dead.load(Relaxed)
    }

    /// Entries in the memory of this process: read, and neither stored nor given up yet. Bounded
    /// by what its members hold, however much waits in the log.
    pub fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    /// Whether the last question to the store went unanswered.
    pub fn store_is_away(&self) -> bool {
        self.store_away.load(Relaxed)
    }

    /// Appends the text for Prometheus, with what the log says of the group now.
    pub fn prometheus(&self, group: &str, lag: Option<Lag>, out: &mut String) {
        let mut page = Page::new("tailrace_worker", group, out);
        page.counter("commits_total", "Transactions.", self.commits.load(Relaxed));
        page.counter("batches_total", "Batches stored.", self.batches());
        page.counter("metrics_total", "Metrics of the batches stored.", self.metrics());
        page.counter("duplicates_total", "Batches that were stored before.", self.duplicates());
        page.counter("dead_total", "Entries that became dead letters.", self.dead());
        let retries = self.store_retries.load(Relaxed);
        page.counter("store_retries_total", "Questions asked again of the store.", retries);
        let retries = self.log_retries.load(Relaxed);
        page.counter("log_retries_total", "Questions asked again of the log.", retries);
        page.gauge("held_entries", "Entries in the memory of this process.", self.held());
        let up = u64::from(!self.store_is_away());
        page.gauge("store_up", "1 while the store takes commits.", up);
        page.lag(lag);
        self.ages.tell(&mut page);
    }
}

impl Ages {
    fn add(&self, age_ms: u64) {
        let bucket = AGE_BOUNDS_MS.partition_point(|&bound| bound < age_ms);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_ms.fetch_add(age_ms, Relaxed);
        self.max_ms.fetch_max(age_ms, Relaxed);
    }

    fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    fn tell(&self, page: &mut Page<'_>) {
        page.head("batch_age_ms", "Commit time minus time of arrival of a batch.", "histogram");
        let mut sum = 0;
        for (place, bucket) in self.buckets.iter().enumerate() {
            sum += bucket.load(Relaxed);
            let bound = AGE_BOUNDS_MS.get(place).map_or("+Inf".into(), ToString::to_string);
            page.sample("batch_age_ms_bucket", &format!(",le=\"{bound}\""), sum);
        }
        page.sample("batch_age_ms_sum", "", self.sum_ms.load(Relaxed));
        page.sample("batch_age_ms_count", "", sum);
    }
}

/// Column names of [`Sampler::row`].
pub const CSV_HEAD: &str = "time,unread,pending,members,oldest_ms,metrics_per_s,batches_per_s,\
    age_ms_mean,age_ms_max,batches,metrics,duplicates,dead,store_retries,log_retries,held,\
    detector_leads,detector_values,detector_spikes,detector_alerts,detector_unread,\
    detector_pending";

/// The columns of a detector where there is none.
const NO_DETECTOR: &str = ",,,,,";

/// Makes rows of what happened between one look and the next.
#[derive(Debug)]
pub struct Sampler {
    at: Instant,
    batches: u64,
    metrics: u64,
    ages: (u64, u64),
}

impl Default for Sampler {
    fn default() -> Self {
        Self { at: Instant::now(), batches: 0, metrics: 0, ages: (0, 0) }
    }
}

impl Sampler {
    /// One line without its end: time in milliseconds since 1970, what the log says (empty where
    /// it said nothing), rates and ages since the last row (ages empty where nothing was
    /// committed), then counts since the start, what is held now, and what a detector in the same
    /// process did (empty without one), with what the log says of its group.
    pub fn row(
        &mut self,
        (progress, lag): (&Progress, Option<Lag>),
        detector: Option<(&Tally, Option<Lag>)>,
        now_ms: u64,
    ) -> String {
        let seconds = self.at.elapsed().as_secs_f64().max(f64::MIN_POSITIVE);
        let (batches, metrics) = (progress.batches(), progress.metrics());
        let ages = (progress.ages.count(), progress.ages.sum_ms.load(Relaxed));
        let rate = |now: u64, before: u64| ((now - before) as f64 / seconds).round();
        let of_lag = lag.map_or(",,,".to_owned(), |lag| {
            let oldest = lag.oldest_ms.unwrap_or_default();
            format!("{},{},{},{oldest}", lag.unread, lag.pending, lag.members)
        });
        let aged = ages.0.saturating_sub(self.ages.0);
        let max = progress.ages.max_ms.swap(0, Relaxed);
        let of_ages = if aged == 0 {
            ",".to_owned()
        } else {
            format!("{:.1},{max}", ages.1.saturating_sub(self.ages.1) as f64 / aged as f64)
        };
        let of_detector = detector.map(|(tally, lag)| tally.columns(lag));
        let of_detector = of_detector.unwrap_or_else(|| NO_DETECTOR.to_owned());
        let row = format!(
            "{now_ms},{of_lag},{},{},{of_ages},{batches},{metrics},{},{},{},{},{},{of_detector}",
            rate(metrics, self.metrics),
            rate(batches, self.batches),
            progress.duplicates(),
            progress.dead(),
            progress.store_retries.load(Relaxed),
            progress.log_retries.load(Relaxed),
            progress.held(),
        );
        *self = Self { at: Instant::now(), batches, metrics, ages };
        row
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tailrace_contract::{BatchId, Producer, RunId, Tenant};

    use super::*;

    fn batch(received_ms: u64) -> Batch {
        let (tenant, producer) = (Tenant::open(), Producer("p".into()));
        let id = BatchId { tenant, run: RunId(1), producer, seq: 0 };
        Batch { id, received_ms, metrics: Vec::new() }
    }

    fn commit(progress: &Progress) {
        let did = Committed { new: 2, duplicate: 1, metrics: 40 };
        let stored = [batch(1_000), batch(1_004), batch(900)];
        progress.committed(did, stored.iter(), 1_010);
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_tells_rates_since_the_last_one_and_counts_since_the_start() {
        let (progress, mut sampler) = (Progress::default(), Sampler::default());
        commit(&progress);
        tokio::time::advance(Duration::from_secs(2)).await;
        let lag = Lag { unread: 7, pending: 3, members: 1, oldest_ms: Some(12) };
        progress.took(9);
        let row = sampler.row((&progress, Some(lag)), None, 5);
        assert_eq!(row, "5,7,3,1,12,20,1,42.0,110,2,40,1,0,0,0,9,,,,,,");
        assert_eq!(row.split(',').count(), CSV_HEAD.split(',').count());
        tokio::time::advance(Duration::from_secs(1)).await;
        let tally = Tally::default();
        let row = sampler.row((&progress, None), Some((&tally, Some(lag))), 6);
        assert_eq!(row, "6,,,,,0,0,,,2,40,1,0,0,0,9,0,0,0,0,7,3");
        let row = sampler.row((&progress, None), Some((&tally, None)), 7);
        assert_eq!(row.split(',').count(), CSV_HEAD.split(',').count());
    }

    #[test]
    fn prometheus_gets_cumulative_buckets_and_no_invented_lag() {
        let progress = Progress::default();
        commit(&progress);
        let mut text = String::new();
        progress.prometheus("store", None, &mut text);
        let has = |line: &str| assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        has("tailrace_worker_metrics_total{group=\"store\"} 40");
        has("tailrace_worker_batch_age_ms_bucket{group=\"store\",le=\"5\"} 0");
        has("tailrace_worker_batch_age_ms_bucket{group=\"store\",le=\"10\"} 2");
        has("tailrace_worker_batch_age_ms_bucket{group=\"store\",le=\"+Inf\"} 3");
        has("tailrace_worker_batch_age_ms_sum{group=\"store\"} 126");
        has("tailrace_worker_lag_known{group=\"store\"} 0");
        assert!(!text.contains("unread_entries"));
    }
}
