//! The memory log from outside: limits, replay, aggregates, audit, announcements.

mod sample;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use sample::{batch, body};
use tailrace_backend::{LocalBus, MemoryLimits, MemoryLog};
use tailrace_contract::{Bus, Log, LogError, Notice, Position, RunId, Survives, Tenant};

fn start(limits: MemoryLimits) -> (Arc<MemoryLog>, Arc<LocalBus>) {
    let bus = Arc::new(LocalBus::with_capacity(8));
    (MemoryLog::start(Arc::clone(&bus) as _, limits), bus)
}

fn at(minor: u64) -> Position {
    Position { major: 0, minor }
}

async fn append(
    log: &MemoryLog,
    run: u128,
    producer: &str,
    seq: u64,
) -> Result<Position, LogError> {
    let batch = batch(run, producer, seq);
    let body = body(&batch);
    log.append(batch, body).await
}

#[tokio::test]
async fn an_append_is_ready_at_once_and_promises_nothing() {
    let (log, _) = start(MemoryLimits::default());
    let future = log.append(batch(1, "p", 0), Bytes::from_static(b"{}"));
    assert_eq!(future.now_or_never().unwrap().unwrap(), at(1));
    assert_eq!(log.survives(), Survives::Nothing);
}

#[tokio::test]
async fn full_of_unread_batches_is_refused_until_they_are_read() {
    let (log, _) = start(MemoryLimits { unread_max: 3, ..MemoryLimits::default() });
    // The test's task does not yield, so the consumer cannot read in between.
    for seq in 0..3 {
        append(&log, 1, "p", seq).now_or_never().unwrap().unwrap();
    }
    assert!(matches!(append(&log, 1, "p", 3).await, Err(LogError::Full { .. })));
    assert_eq!(log.health().await.unwrap().waiting, 3);
    assert_eq!(log.audit(RunId(1), None).await.unwrap().producers[0].present.count(), 3);
    assert_eq!(append(&log, 1, "p", 3).await.unwrap(), at(4));
}

#[tokio::test]
async fn full_of_unread_bytes_is_refused() {
    let (log, _) = start(MemoryLimits { unread_bytes_max: 100, ..MemoryLimits::default() });
    let big = Bytes::from(vec![b' '; 60]);
    log.append(batch(1, "p", 0), big.clone()).await.unwrap();
    let refused = log.append(batch(1, "p", 1), big.clone()).now_or_never().unwrap();
    assert!(matches!(refused, Err(LogError::Full { .. })));
    log.audit(RunId(1), None).await.unwrap();
    log.append(batch(1, "p", 1), big).await.unwrap();
}

#[tokio::test]
async fn only_recent_batches_can_be_replayed_but_all_are_audited() {
    let (log, _) = start(MemoryLimits { recent_max: 4, ..MemoryLimits::default() });
    for seq in 0..10 {
        append(&log, 1, "p", seq).await.unwrap();
    }
    let seqs = |list: Vec<(Position, tailrace_contract::Batch)>| {
        list.into_iter().map(|(position, batch)| (position.minor, batch.id.seq)).collect::<Vec<_>>()
    };
    assert_eq!(seqs(log.after(at(0), 100).await.unwrap()), [(7, 6), (8, 7), (9, 8), (10, 9)]);
    assert_eq!(seqs(log.after(at(8), 1).await.unwrap()), [(9, 8)]);
    assert_eq!(seqs(log.after(at(10), 5).await.unwrap()), []);
    assert_eq!(seqs(log.recent(&Tenant::open(), 2)), [(9, 8), (10, 9)]);
    assert_eq!(log.audit(RunId(1), None).await.unwrap().producers[0].present.count(), 10);
    assert_eq!(log.health().await.unwrap().entries, 4);
}

#[tokio::test]
async fn recent_batches_are_bounded_in_bytes_too() {
    let (log, _) = start(MemoryLimits { recent_bytes_max: 100, ..MemoryLimits::default() });
    for seq in 0..5 {
        let body = format!("{:<40}", r#"{"name":"a","value":1}"#);
        log.append(batch(1, "p", seq), body.into()).await.unwrap();
    }
    assert_eq!(log.after(at(0), 100).await.unwrap().len(), 2);
}

#[tokio::test]
async fn aggregates_name_by_name_and_an_overflow() {
    let (log, _) = start(MemoryLimits { names_max: 2, ..MemoryLimits::default() });
    for (seq, (name, value)) in
        [("b", 2.0), ("a", 5.0), ("b", -1.0), ("c", 9.0), ("b", 4.0)].into_iter().enumerate()
    {
        let mut batch = batch(1, "p", seq as u64);
        batch.metrics[0].name = name.into();
        batch.metrics[0].value = value;
        log.append(batch, Bytes::new()).await.unwrap();
    }
    log.audit(RunId(1), None).await.unwrap();
    let seen = serde_json::to_value(log.aggregates(&Tenant::open())).unwrap();
    let expected = serde_json::json!({"overflow": 1, "names": [
        {"name": "a", "count": 1, "sum": 5.0, "min": 5.0, "max": 5.0, "last": 5.0},
        {"name": "b", "count": 3, "sum": 5.0, "min": -1.0, "max": 4.0, "last": 4.0},
    ]});
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn the_audit_tells_repeats_and_runs_apart() {
    let (log, _) = start(MemoryLimits { runs_max: 2, producers_max: 2, ..MemoryLimits::default() });
    for (producer, seq) in [("q", 0), ("p", 0), ("p", 1), ("p", 1), ("p", 4), ("p", 3)] {
        append(&log, 1, producer, seq).await.unwrap();
    }
    append(&log, 2, "p", 7).await.unwrap();
    let audit = log.audit(RunId(1), None).await.unwrap();
    let [p, q] = &audit.producers[..] else { panic!("{audit:?}") };
    assert_eq!((p.producer.0.as_ref(), q.producer.0.as_ref()), ("p", "q"));
    assert_eq!(p.present.ranges(), [(0, 1), (3, 4)]);
    assert_eq!(p.repeated.ranges(), [(1, 1)]);
    assert_eq!((p.metrics, p.out_of_order), (5, 1));
    assert_eq!(log.audit(RunId(3), None).await.unwrap().producers, []);

    // A third producer, then a third run: the account says that it is incomplete.
    append(&log, 1, "r", 0).await.unwrap();
    assert!(log.audit(RunId(1), None).await.is_err());
    append(&log, 3, "p", 0).await.unwrap();
    assert!(log.audit(RunId(2), None).await.is_err(), "the run heard longest ago is forgotten");
    assert_eq!(log.audit(RunId(3), None).await.unwrap().producers.len(), 1);
}

#[tokio::test]
async fn every_batch_is_announced_once_with_its_position() {
    let (log, bus) = start(MemoryLimits::default());
    append(&log, 1, "p", 0).await.unwrap();
    log.audit(RunId(1), None).await.unwrap();
    let mut notices = bus.subscribe();
    for seq in 1..4 {
        let position = append(&log, 1, "p", seq).await.unwrap();
        let id = batch(1, "p", seq).id;
        assert_eq!(notices.next().await, Some(Notice::Live { id, position }));
        // What was announced can be replayed at once.
        assert_eq!(log.after(at(position.minor - 1), 1).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_slow_subscriber_is_told_and_delays_nobody() {
    let (log, bus) = start(MemoryLimits::default());
    let mut slow = bus.subscribe();
    for seq in 0..1_000 {
        append(&log, 1, "p", seq).await.unwrap();
    }
    log.audit(RunId(1), None).await.unwrap();
    assert_eq!(slow.next().await, Some(Notice::Lagged { missed: 992 }));
    assert_eq!(slow.by_ref().take(8).count().await, 8);
}

#[tokio::test]
async fn nothing_answers_after_the_log_was_dropped() {
    let (log, _) = start(MemoryLimits::default());
    append(&log, 1, "p", 0).await.unwrap();
    let audit = log.audit(RunId(1), None);
    drop(log);
    assert!(audit.await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_from_many_tasks_are_all_audited() {
    let (log, _) = start(MemoryLimits::default());
    let tasks = (0..8).map(|producer| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for seq in 0..2_000 {
                append(&log, 1, &format!("p{producer}"), seq).await.unwrap();
            }
        })
    });
    futures_util::future::try_join_all(tasks).await.unwrap();
    let audit = log.audit(RunId(1), None).await.unwrap();
    assert_eq!(audit.producers.len(), 8);
    for account in audit.producers {
        assert_eq!(account.present.ranges(), [(0, 1_999)]);
        assert_eq!((account.out_of_order, account.repeated.count()), (0, 0));
    }
}
