//! The worker's own account of how old batches are when they are committed, as it tells
//! Prometheus: read before a trial and after it, because the counts run on from trial to trial.

use std::net::SocketAddr;
use std::time::Duration;

use tailrace_measure::record::BatchAge;

use crate::observer::{self, Manner};

/// Whoever does not answer by then is busy, and the figure is missing: nothing depends on it.
const PATIENCE: Duration = Duration::from_secs(5);
/// What the lines begin with.
const NAME: &str = "tailrace_worker_batch_age_ms_";

/// Counts of one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ages {
    /// Upper bound in milliseconds (none: no bound) and batches at or below it.
    buckets: Vec<(Option<f64>, u64)>,
    sum_ms: f64,
}

impl Ages {
    /// Asks every worker; none when one of them does not tell.
    pub fn ask(workers: &[SocketAddr], manner: Manner<'_>) -> Option<Ages> {
        let mut all: Option<Ages> = None;
        for worker in workers {
            let page = observer::get_within(*worker, manner, "/metrics", PATIENCE).ok()?;
            let ages = Ages::read(&String::from_utf8_lossy(&page))?;
            all = Some(all.map_or(ages.clone(), |all| all.plus(&ages)));
        }
        all
    }

    /// Reads them from a page for Prometheus.
    fn read(page: &str) -> Option<Ages> {
        let mut ages = Ages::default();
        for line in page.lines().filter_map(|line| line.strip_prefix(NAME)) {
            let (what, value) = line.rsplit_once(' ')?;
            if what.starts_with("sum") {
                ages.sum_ms = value.parse().ok()?;
            } else if let Some(bound) = what.strip_prefix("bucket").and_then(bound) {
                ages.buckets.push((bound.parse().ok(), value.parse().ok()?));
            }
        }
        (!ages.buckets.is_empty()).then_some(ages)
    }

    fn plus(mut self, other: &Ages) -> Ages {
        self.sum_ms += other.sum_ms;
        for ((_, count), (_, more)) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
        self
    }

    /// What was committed since `before`; none: nothing, or a worker began anew meanwhile.
    pub fn since(&self, before: &Ages) -> Option<BatchAge> {
        let counts = self.buckets.iter().zip(&before.buckets);
        let counts: Option<Vec<(Option<f64>, u64)>> =
            counts.map(|((le, now), (_, then))| Some((*le, now.checked_sub(*then)?))).collect();
        let counts = counts?;
        let batches = counts.last()?.1;
        let rank = (batches as f64 * 0.99).ceil() as u64;
        let p99 = counts.iter().find(|(_, count)| *count >= rank);
        (batches > 0).then(|| BatchAge {
            batches,
            mean_ms: (self.sum_ms - before.sum_ms).max(0.0) / batches as f64,
            p99_at_most_ms: p99.and_then(|(bound, _)| *bound).filter(|bound| bound.is_finite()),
        })
    }
}

/// The text of `le` among the labels of a bucket.
fn bound(labels: &str) -> Option<&str> {
    labels.split("le=\"").nth(1)?.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(counts: [u64; 3], sum: u64) -> String {
        let group = "group=\"store\"";
        let bucket = |le: &str, n: u64| format!("{NAME}bucket{{{group},le=\"{le}\"}} {n}\n");
        format!(
            "# TYPE tailrace_worker_batch_age_ms histogram\n{}{}{}{NAME}sum{{{group}}} {sum}\n\
             {NAME}count{{{group}}} {}\n",
            bucket("5", counts[0]),
            bucket("10", counts[1]),
            bucket("+Inf", counts[2]),
            counts[2]
        )
    }

    #[test]
    fn what_came_between_two_pages_is_told() {
        let before = Ages::read(&page([5, 5, 5], 10)).unwrap();
        let after = Ages::read(&page([5, 105, 105], 810)).unwrap();
        let age = after.since(&before).unwrap();
        assert_eq!((age.batches, age.p99_at_most_ms), (100, Some(10.0)));
        assert!((age.mean_ms - 8.0).abs() < 1e-9);
        let slow = Ages::read(&page([5, 5, 25], 9_999)).unwrap().since(&before).unwrap();
        assert_eq!(slow.p99_at_most_ms, None, "above all bounds");
        assert_eq!(before.since(&before), None);
        assert_eq!(before.since(&after), None, "it began anew");
        assert_eq!(Ages::read("nothing of it"), None);
    }
}
