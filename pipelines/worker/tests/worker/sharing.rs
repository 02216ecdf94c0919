//! Several members, dead ones among them.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tailrace_worker::{Options, Worker};

use crate::doubles::{Stage, until};

const LONG: Duration = Duration::from_secs(600);

#[tokio::test(start_paused = true)]
async fn workers_share_what_there_is() {
    let stage = Stage::new();
    *stage.store.pause.lock().unwrap() = Duration::from_millis(5);
    let options = Options { commit_metrics: 50, ..Options::new("log") };
    let workers = [
        stage.worker(options.clone()).await,
        stage.worker(Options { members: 2, ..options }).await,
    ];
    stage.append(0..3_000, "cpu").await;
    assert!(workers[0].caught_up(LONG).await);
    let [first, second] = workers.each_ref().map(|worker: &Worker| worker.progress().batches());
    assert_eq!(first + second, 3_000);
    assert!(first > 300 && second > 600, "{first} and {second} of 3,000");
    assert_eq!(stage.store.seen_max(), 1);
    assert_eq!(stage.store.running_max.load(SeqCst), 3, "each member commits by itself");
    assert_eq!(stage.lag().await.members, 3);
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_member_held_is_taken_over_and_its_name_forgotten() {
    let stage = Stage::new();
    stage.append(0..100, "cpu").await;
    let group = stage.log.group("store").await.unwrap();
    let mut held = 0;
    while held < 60 {
        held += group.read("dead", 60 - held, LONG).await.unwrap().len();
    }

    let worker = stage.worker(Options::new("log")).await;
    until("the others are stored", async || stage.store.stored().len() == 40).await;
    assert!(worker.caught_up(LONG).await);
    let mut stored = stage.store.stored();
    stored.sort_unstable();
    assert_eq!(stored, (0..100).collect::<Vec<_>>());
    until("only the worker is left", async || stage.lag().await.members == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_killed_leaves_nothing_behind_but_work() {
    let stage = Stage::new();
    stage.append(0..100, "cpu").await;
    *stage.store.pause.lock().unwrap() = Duration::from_secs(30);
    let killed = stage.worker(Options::new("log")).await;
    until("a commit on its way", async || stage.store.calls.load(SeqCst) > 0).await;
    drop(killed);
    assert_eq!(stage.lag().await.pending, 100);

    *stage.store.pause.lock().unwrap() = Duration::ZERO;
    let worker = stage.worker(Options::new("log")).await;
    assert!(worker.caught_up(LONG).await);
    assert_eq!(stage.store.stored(), (0..100).collect::<Vec<_>>());
}
