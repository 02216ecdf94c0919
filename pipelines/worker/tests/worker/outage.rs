//! Store or log are away for a while.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tailrace_contract::Log;
use tailrace_worker::{Drained, Options, Parts, Worker};
use tokio::time::{Instant, sleep};

use crate::doubles::{Flaky, Stage, until};

const LONG: Duration = Duration::from_secs(600);

#[tokio::test(start_paused = true)]
async fn nothing_is_acknowledged_while_the_store_is_away_and_little_is_held() {
    let stage = Stage::new();
    stage.store.away_for(Duration::from_secs(300));
    let options = Options { commit_metrics: 1_000, ..Options::new("log") };
    let worker = stage.worker(options).await;
    stage.append(0..20_000, "cpu").await;
    sleep(Duration::from_secs(200)).await;

    let lag = stage.lag().await;
    assert_eq!(lag.pending + lag.unread, 20_000, "nothing is stored, so nothing is acknowledged");
    // The load that is being committed, the one that waits, and the reads on their way.
    assert!(lag.pending <= 2 * 1_100 + 100, "{} entries in memory", lag.pending);
    assert_eq!(worker.progress().held(), lag.pending, "what is held is told");
    assert!(worker.progress().store_is_away());

    let back = Instant::now() + Duration::from_secs(100);
    assert!(worker.caught_up(LONG).await);
    assert!(Instant::now() - back < Duration::from_secs(3), "the backlog drains by itself");
    assert_eq!(stage.store.stored(), (0..20_000).collect::<Vec<_>>());
    assert_eq!(stage.store.seen_max(), 1, "it claimed its own entries while it waited");
    assert!(!worker.progress().store_is_away());
    assert_eq!(worker.progress().held(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_not_hammered() {
    let stage = Stage::new();
    stage.append(0..1, "cpu").await;
    stage.store.away_for(Duration::from_secs(300));
    let worker = stage.worker(Options::new("log")).await;
    assert!(worker.caught_up(LONG).await);
    let tries = stage.store.calls.load(SeqCst);
    // A second between two tries on average once the pauses have grown.
    assert!((150..600).contains(&tries), "{tries} tries in 300 s");
}

#[tokio::test(start_paused = true)]
async fn a_slow_commit_is_not_robbed_by_its_own_worker() {
    let stage = Stage::new();
    stage.append(0..300, "cpu").await;
    *stage.store.pause.lock().unwrap() = Duration::from_secs(60);
    let claim_idle = Duration::from_secs(1);
    let worker = stage.worker(Options { claim_idle, members: 2, ..Options::new("log") }).await;
    assert!(worker.caught_up(LONG).await);
    let progress = worker.progress();
    // What it claimed of itself would be committed once more now.
    assert_eq!(worker.drain(LONG).await, Drained::Whole);
    assert_eq!((stage.store.seen_max(), progress.duplicates()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_goes_away_is_waited_for() {
    let stage = Stage::new();
    let flaky = Arc::new(Flaky::around(Arc::clone(&stage.log)));
    let parts = Parts { log: Arc::clone(&flaky) as Arc<dyn Log>, ..stage.parts() };
    *stage.store.pause.lock().unwrap() = Duration::from_millis(50);
    let worker = Worker::start(&parts, Options::new("log")).await.unwrap();
    stage.append(0..100, "cpu").await;
    until("a commit on its way", async || stage.store.calls.load(SeqCst) > 0).await;

    flaky.away.store(true, SeqCst);
    until("the commit is through", async || !stage.store.stored().is_empty()).await;
    stage.append(100..200, "cpu").await;
    sleep(Duration::from_secs(30)).await;
    assert!(stage.lag().await.pending > 0, "acknowledged to a log that is away");

    flaky.away.store(false, SeqCst);
    assert!(worker.caught_up(LONG).await);
    assert_eq!(stage.store.stored(), (0..200).collect::<Vec<_>>());
}
