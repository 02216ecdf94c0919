//! From commits to a cache: how often, and that nothing is left out.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use bytes::Bytes;
use tailrace_backend::Forgetting;
use tailrace_contract::{AfterCommit, BoxFuture, CacheError, CacheSize, Lease, Looked};

use super::*;

/// Writes down what it is told, and when.
#[derive(Default)]
struct Notes {
    told: Mutex<Vec<(Instant, Touched)>>,
    broken: AtomicBool,
}

impl Cache for Notes {
    fn name(&self) -> &'static str {
        "notes"
    }

    fn look(&self, _: &CacheKey, _: &About) -> BoxFuture<'static, Result<Looked, CacheError>> {
        unreachable!("nobody asks")
    }

    fn put(
        &self,
        _: &CacheKey,
        _: &About,
        _: Lease,
        _: Bytes,
        _: Duration,
    ) -> BoxFuture<'static, Result<bool, CacheError>> {
        unreachable!("nobody asks")
    }

    fn forget(&self, touched: Touched) -> BoxFuture<'static, Result<u64, CacheError>> {
        if self.broken.load(Ordering::Relaxed) {
            return Box::pin(async { Err(CacheError { cause: "away".into() }) });
        }
        self.told.lock().unwrap().push((Instant::now(), touched));
        Box::pin(async { Ok(1) })
    }

    fn clear(&self, _: &Tenant) -> BoxFuture<'static, Result<u64, CacheError>> {
        unreachable!("nobody asks")
    }

    fn size(&self, _: &Tenant) -> BoxFuture<'static, Result<CacheSize, CacheError>> {
        unreachable!("nobody asks")
    }
}

impl Notes {
    /// Waits until this name was told with this time.
    async fn wait_for(&self, name: &str, time_ms: u64) {
        let told = async {
            loop {
                let is_told = self.told.lock().unwrap().iter().any(|(_, touched)| {
                    touched.names.contains(name) && touched.range.to_ms == time_ms + 1
                });
                if is_told {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told).await.expect("it is told");
    }

    /// When this name was told.
    fn times(&self, name: &str) -> Vec<Instant> {
        let told = self.told.lock().unwrap();
        told.iter().filter(|(_, t)| t.names.contains(name)).map(|(at, _)| *at).collect()
    }
}

#[tokio::test]
async fn a_tag_is_told_at_once_then_once_a_second_and_the_last_is_never_left_out() {
    let notes = Arc::new(Notes::default());
    let forgetting = Forgetting::new(Arc::clone(&notes) as _);
    let began = Instant::now();
    forgetting.committed(vec![touched("a", "cpu", 0, 1)]).await;
    assert_eq!(notes.times("cpu").len(), 1, "at once, before the commit goes on");
    let mut last = 0;
    while began.elapsed() < Duration::from_millis(1_300) {
        last += 1;
        forgetting.committed(vec![touched("a", "cpu", last, last + 1)]).await;
        forgetting.committed(vec![touched("a", &format!("other{}", last % 3), 5, 6)]).await;
        tokio::task::yield_now().await;
    }
    notes.wait_for("cpu", last).await;
    let times = notes.times("cpu");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(1)), "{times:?}");
    assert_eq!(times.len(), 3, "{last} commits");
}

#[tokio::test]
async fn what_a_cache_did_not_take_is_told_when_it_is_back() {
    let notes = Arc::new(Notes::default());
    let forgetting = Forgetting::new(Arc::clone(&notes) as _);
    notes.broken.store(true, Ordering::Relaxed);
    forgetting.committed(vec![touched("a", "cpu", 7, 8)]).await;
    forgetting.committed(vec![touched("a", "mem", 7, 8)]).await;
    notes.broken.store(false, Ordering::Relaxed);
    notes.wait_for("cpu", 7).await;
    notes.wait_for("mem", 7).await;
}

#[tokio::test]
async fn a_process_that_ends_tells_what_waits() {
    let notes = Arc::new(Notes::default());
    let forgetting = Forgetting::new(Arc::clone(&notes) as _);
    for time in [7, 8] {
        forgetting.committed(vec![touched("a", "cpu", time, time + 1)]).await;
    }
    assert_eq!(notes.times("cpu").len(), 1);
    forgetting.flush().await;
    notes.wait_for("cpu", 8).await;
}
