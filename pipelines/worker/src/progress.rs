//! How a worker is doing: counters for Prometheus, and rows for a file that a chart is made of.
//! Nothing here is used for measuring durable latency; the load generator has its own clock.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use tailrace_contract::{Batch, Committed, Lag, StoreError};
use tokio::time::Instant;

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

    /// Whether the last question to the store went unanswered.
    pub fn store_is_away(&self) -> bool {
        self.store_away.load(Relaxed)
    }

    /// Appends the text for Prometheus, format 0.0.4. `lag` is what the log says of the group
    /// now; without an answer its figures are left out rather than told as zero.
    pub fn prometheus(&self, group: &str, lag: Option<Lag>, out: &mut String) {
        let mut page = Page { group, out };
        page.counter("commits_total", "Transactions.", self.commits.load(Relaxed));
        page.counter("batches_total", "Batches stored.", self.batches());
        page.counter("metrics_total", "Metrics of the batches stored.", self.metrics());
        page.counter("duplicates_total", "Batches that were stored before.", self.duplicates());
        page.counter("dead_total", "Entries that became dead letters.", self.dead());
        let retries = self.store_retries.load(Relaxed);
        page.counter("store_retries_total", "Questions asked again of the store.", retries);
        let retries = self.log_retries.load(Relaxed);
        page.counter("log_retries_total", "Questions asked again of the log.", retries);
        let up = u64::from(!self.store_is_away());
        page.gauge("store_up", "1 while the store takes commits.", up);
        page.gauge("lag_known", "1 when the log told how far behind it is.", lag.is_some().into());
        if let Some(lag) = lag {
            page.gauge("unread_entries", "Entries that nobody was given yet.", lag.unread);
            page.gauge("pending_entries", "Entries given and not acknowledged.", lag.pending);
            page.gauge("members", "Members that the log knows.", lag.members);
            let oldest = lag.oldest_ms.unwrap_or_default();
            page.gauge("oldest_ms", "Age of the oldest entry not acknowledged.", oldest);
        }
        page.ages(&self.ages);
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
}

/// Text for Prometheus.
struct Page<'a> {
    group: &'a str,
    out: &'a mut String,
}

// Writing to a string cannot fail, so what `writeln!` answers is not looked at.
impl Page<'_> {
    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.one(name, help, "counter", value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.one(name, help, "gauge", value);
    }

    fn one(&mut self, name: &str, help: &str, kind: &str, value: u64) {
        self.head(name, help, kind);
        let _ = writeln!(self.out, "tailrace_worker_{name}{{group=\"{}\"}} {value}", self.group);
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.out, "# HELP tailrace_worker_{name} {help}");
        let _ = writeln!(self.out, "# TYPE tailrace_worker_{name} {kind}");
    }

    fn ages(&mut self, ages: &Ages) {
        let name = "batch_age_ms";
        self.head(name, "Commit time minus time of arrival of a batch.", "histogram");
        let mut sum = 0;
        for (place, bucket) in ages.buckets.iter().enumerate() {
            sum += bucket.load(Relaxed);
            let bound = AGE_BOUNDS_MS.get(place).map_or("+Inf".into(), ToString::to_string);
            let group = self.group;
            let _ = writeln!(
                self.out,
                "tailrace_worker_{name}_bucket{{group=\"{group}\",le=\"{bound}\"}} {sum}"
            );
        }
        let total = ages.sum_ms.load(Relaxed);
        for (part, value) in [("sum", total), ("count", sum)] {
            let group = self.group;
            let _ =
                writeln!(self.out, "tailrace_worker_{name}_{part}{{group=\"{group}\"}} {value}");
        }
    }
}

/// Column names of [`Sampler::row`].
pub const CSV_HEAD: &str = "time,unread,pending,members,oldest_ms,metrics_per_s,batches_per_s,\
    age_ms_mean,age_ms_max,batches,metrics,duplicates,dead,store_retries,log_retries";

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
    /// committed), then counts since the start.
    pub fn row(&mut self, progress: &Progress, lag: Option<Lag>, now_ms: u64) -> String {
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
        let row = format!(
            "{now_ms},{of_lag},{},{},{of_ages},{batches},{metrics},{},{},{},{}",
            rate(metrics, self.metrics),
            rate(batches, self.batches),
            progress.duplicates(),
            progress.dead(),
            progress.store_retries.load(Relaxed),
            progress.log_retries.load(Relaxed),
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
        let row = sampler.row(&progress, Some(lag), 5);
        assert_eq!(row, "5,7,3,1,12,20,1,42.0,110,2,40,1,0,0,0");
        assert_eq!(row.split(',').count(), CSV_HEAD.split(',').count());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(sampler.row(&progress, None, 6), "6,,,,,0,0,,,2,40,1,0,0,0");
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
