//! The ordinary way, and how it ends.

use std::collections::HashMap;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tailrace_contract::{AfterCommit, BoxFuture, Bus, Group, Notice, SmolStr, Touched};
use tailrace_worker::{Drained, Options, Worker};
use tokio::time::Instant;

use crate::doubles::{Stage, id, until};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn what_is_in_the_log_is_stored_once_in_order_and_told() {
    let stage = Stage::new();
    let mut notices = stage.bus.subscribe();
    stage.append(0..500, "cpu").await;
    let worker = stage.worker(Options::new("log")).await;
    assert!(worker.caught_up(LONG).await);
    stage.append(500..1_000, "cpu").await;
    assert!(worker.caught_up(LONG).await);

    assert_eq!(stage.store.stored(), (0..1_000).collect::<Vec<_>>());
    assert_eq!((worker.progress().batches(), worker.progress().duplicates()), (1_000, 0));
    let mut durable = Vec::new();
    while durable.len() < 1_000 {
        if let Some(Notice::Durable { id }) = notices.next().await {
            durable.push(id);
        }
    }
    assert_eq!(durable, (0..1_000).map(id).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_was_sent_twice_is_stored_once_and_told_each_time() {
    let stage = Stage::new();
    let mut notices = stage.bus.subscribe();
    stage.append(7..8, "cpu").await;
    stage.append(7..8, "cpu").await;
    let worker = stage.worker(Options::new("log")).await;
    assert!(worker.caught_up(LONG).await);
    assert_eq!((worker.progress().batches(), worker.progress().duplicates()), (1, 1));
    let mut told = HashMap::new();
    while told.get("durable") != Some(&2) {
        match notices.next().await {
            Some(Notice::Durable { .. }) => *told.entry("durable").or_insert(0) += 1,
            other => assert!(matches!(other, Some(Notice::Live { .. })), "{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn commits_are_large_where_much_waits_and_early_where_little_does() {
    let stage = Stage::new();
    stage.append(0..1_000, "cpu").await;
    *stage.store.pause.lock().unwrap() = Duration::from_millis(100);
    let options = Options { commit_metrics: 400, ..Options::new("log") };
    let worker = stage.worker(options).await;
    assert!(worker.caught_up(LONG).await);
    let calls = stage.store.calls.load(SeqCst);
    assert!((3..=5).contains(&calls), "{calls} commits for 1,000 batches of at most 400");

    *stage.store.pause.lock().unwrap() = Duration::ZERO;
    let began = Instant::now();
    stage.append(1_000..1_001, "cpu").await;
    until("the single one", async || stage.store.stored().len() == 1_001).await;
    let age = Options::new("log").commit_age;
    assert!(began.elapsed() <= age + Duration::from_millis(15), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_drain_stores_what_is_in_hand_and_leaves_the_group() {
    let stage = Stage::new();
    stage.append(0..50, "cpu").await;
    *stage.store.pause.lock().unwrap() = Duration::from_secs(3);
    let worker = stage.worker(Options::new("log")).await;
    until("a commit on its way", async || stage.store.calls.load(SeqCst) > 0).await;
    stage.append(50..100, "cpu").await;
    until("the next load in hand", async || stage.lag().await.unread == 0).await;
    assert!(stage.store.stored().is_empty(), "the commit is still on its way");
    assert_eq!(worker.drain(LONG).await, Drained::Whole);
    let lag = stage.lag().await;
    assert_eq!((lag.unread, lag.pending, lag.members), (0, 0, 0), "{lag:?}");
    assert_eq!(stage.store.stored().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_no_dead_store() {
    let stage = Stage::new();
    stage.append(0..50, "cpu").await;
    stage.store.away_for(Duration::from_secs(3_600));
    let worker = stage.worker(Options::new("log")).await;
    until("a try", async || stage.store.calls.load(SeqCst) > 0).await;
    let began = Instant::now();
    assert_eq!(worker.drain(Duration::from_secs(5)).await, Drained::Cut);
    assert_eq!(began.elapsed().as_secs(), 5);
    let lag = stage.lag().await;
    assert_eq!(lag.pending + lag.unread, 50, "what was not stored stays in the log: {lag:?}");
}

type Told = Vec<(Vec<Touched>, u64)>;

/// Remembers what it was told, and how much was pending then.
struct Witness {
    told: Arc<Mutex<Told>>,
    group: Arc<dyn Group>,
}

impl AfterCommit for Witness {
    fn committed(&self, touched: Vec<Touched>) -> BoxFuture<'static, ()> {
        let (told, lag) = (Arc::clone(&self.told), self.group.lag());
        Box::pin(async move {
            let pending = lag.await.unwrap().pending;
            told.lock().unwrap().push((touched, pending));
        })
    }
}

#[tokio::test(start_paused = true)]
async fn caches_hear_of_a_commit_before_it_is_acknowledged() {
    let stage = Stage::new();
    stage.append(0..3, "cpu").await;
    let group = stage.log.group("store").await.unwrap();
    let told: Arc<Mutex<Told>> = Arc::default();
    let witness = Witness { told: Arc::clone(&told), group };
    let after = Some(Arc::new(witness) as Arc<dyn AfterCommit>);
    let parts = tailrace_worker::Parts { after, ..stage.parts() };
    let worker = Worker::start(&parts, Options::new("log")).await.unwrap();
    assert!(worker.caught_up(LONG).await);
    let told = told.lock().unwrap();
    let [(touched, pending)] = told.as_slice() else { panic!("told {} times", told.len()) };
    assert_eq!(*pending, 3);
    assert_eq!(touched.len(), 1);
    assert!(touched[0].names.iter().eq([&SmolStr::from("cpu")]));
}
