//! What cannot be stored dies alone, with its reason.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use futures_util::StreamExt;
use tailrace_contract::{Bus, Log, Notice, codec};
use tailrace_worker::{Options, Parts, Worker};
use tokio::time::timeout;

use crate::doubles::{Flaky, NONSENSE, POISON, Stage, append, batch};

const LONG: Duration = Duration::from_secs(600);

#[tokio::test(start_paused = true)]
async fn poison_dies_alone_and_keeps_its_body() {
    let stage = Stage::new();
    let mut notices = stage.bus.subscribe();
    let poison: HashSet<u64> = [0, 41, 42, 99].into();
    for seq in 0..100 {
        let name = if poison.contains(&seq) { POISON } else { "cpu" };
        append(&*stage.log, batch(seq, name)).await;
    }
    let worker = stage.worker(Options::new("the log")).await;
    assert!(worker.caught_up(LONG).await);

    let expected: Vec<u64> = (0..100).filter(|seq| !poison.contains(seq)).collect();
    assert_eq!(stage.store.stored(), expected);
    let letters = stage.store.letters();
    assert_eq!(letters.len(), 4);
    for letter in &letters {
        assert_eq!((letter.log.as_str(), letter.reason.as_str()), ("the log", "it is poison"));
        let seq = letter.id.as_ref().unwrap().seq;
        let again = codec::decode(&letter.body).unwrap();
        assert_eq!((again.seq, again.metrics), (Some(seq), batch(seq, POISON).metrics));
        assert_eq!(letter.received_ms, Some(1_000));
    }
    assert_eq!(worker.progress().dead(), 4);
    // Halving a hundred down to four takes a few dozen commits, not hundreds.
    assert!(stage.store.calls.load(SeqCst) < 60);

    let mut durable = HashSet::new();
    while let Ok(notice) = timeout(Duration::from_millis(1), notices.next()).await {
        if let Some(Notice::Durable { id }) = notice {
            durable.insert(id.seq);
        }
    }
    assert_eq!(durable, expected.into_iter().collect(), "the dead are not durable");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_chokes_on_a_batch_is_not_stuck_with_it() {
    let stage = Stage::new();
    for seq in 0..10 {
        append(&*stage.log, batch(seq, if seq == 4 { NONSENSE } else { "cpu" })).await;
    }
    let worker = stage.worker(Options::new("log")).await;
    assert!(worker.caught_up(LONG).await);
    assert_eq!(stage.store.stored().len(), 9);
    let letters = stage.store.letters();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].reason.contains("makes no sense"), "{}", letters[0].reason);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_batch_is_buried_at_once_and_only_when_that_worked() {
    let stage = Stage::new();
    let flaky = Arc::new(Flaky::around(Arc::clone(&stage.log)));
    for seq in 0..10 {
        let position = append(&*stage.log, batch(seq, "cpu")).await;
        if seq == 3 {
            flaky.garbage.lock().unwrap().insert(position);
        }
    }
    stage.store.away_for(Duration::from_secs(60));
    let parts = Parts { log: Arc::clone(&flaky) as Arc<dyn Log>, ..stage.parts() };
    let worker = Worker::start(&parts, Options::new("log")).await.unwrap();
    assert!(!worker.caught_up(Duration::from_secs(30)).await, "acknowledged, but kept nowhere");
    assert!(worker.caught_up(LONG).await);
    let letters = stage.store.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!((&letters[0].body[..], &letters[0].id), (&b"?"[..], &None));
    assert_eq!(stage.store.stored(), [0, 1, 2, 4, 5, 6, 7, 8, 9]);
}
