//! What only the memory log can show: its limits, its ring, its end.

use std::sync::Arc;

use tailrace_backend::{LocalBus, MemoryLimits, MemoryLog};
use tailrace_contract::{Group, Log, LogError, RunId};

use super::{AT_ONCE, LONG, append, memory_log, positions, read_all, seqs, try_append};

fn limited(limits: MemoryLimits) -> Arc<MemoryLog> {
    MemoryLog::start(Arc::new(LocalBus::new()), limits)
}

async fn is_full(log: &MemoryLog, seq: u64) -> bool {
    matches!(try_append(log, seq).await, Err(LogError::Full { .. }))
}

#[tokio::test]
async fn full_of_what_the_slowest_group_has_not_acknowledged() {
    let log = limited(MemoryLimits { unread_max: 4, ..MemoryLimits::default() });
    let [fast, slow] = [log.group("fast").await.unwrap(), log.group("slow").await.unwrap()];
    append(&*log, 0..4).await;
    let done = read_all(&*fast, "m", 4).await;
    fast.acknowledge(positions(&done)).await.unwrap();
    assert!(is_full(&log, 4).await, "the slow group has read nothing");
    let held = read_all(&*slow, "m", 4).await;
    assert!(is_full(&log, 4).await, "reading is not acknowledging");
    slow.acknowledge(vec![held[0].position]).await.unwrap();
    append(&*log, 4..5).await;
    assert!(is_full(&log, 5).await);
    assert_eq!(log.health().await.unwrap().waiting, 4);
    slow.acknowledge(positions(&held)).await.unwrap();
    append(&*log, 5..8).await;
    assert!(is_full(&log, 8).await);
}

#[tokio::test]
async fn what_a_group_holds_outlives_the_ring_of_recent_batches() {
    let log = limited(MemoryLimits { recent_max: 2, ..MemoryLimits::default() });
    append(&*log, 0..5).await;
    log.audit(RunId(1), None).await.unwrap();
    let first = log.group("first").await.unwrap();
    append(&*log, 5..20).await;
    log.audit(RunId(1), None).await.unwrap();
    assert_eq!(log.health().await.unwrap().entries, 17);
    assert_eq!(seqs(&read_all(&*first, "m", 17).await), (3..20).collect::<Vec<_>>());
    // A second group begins with the oldest that is still there for anybody.
    let second = log.group("second").await.unwrap();
    assert_eq!(seqs(&read_all(&*second, "m", 17).await), (3..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_later_group_begins_before_an_earlier_one_where_the_ring_goes_further_back() {
    let log = memory_log();
    append(&*log, 0..3).await;
    let early = log.group("early").await.unwrap();
    let done = read_all(&*early, "m", 3).await;
    early.acknowledge(positions(&done)).await.unwrap();
    append(&*log, 3..4).await;
    log.audit(RunId(1), None).await.unwrap();
    let late = log.group("late").await.unwrap();
    assert_eq!(seqs(&read_all(&*late, "m", 4).await), [0, 1, 2, 3]);
    assert_eq!(seqs(&read_all(&*early, "m", 1).await), [3]);
    assert_eq!(log.health().await.unwrap().waiting, 4);
}

#[tokio::test]
async fn a_reader_is_told_that_the_log_is_gone() {
    let log = memory_log();
    let group: Arc<dyn Group> = log.group("g").await.unwrap();
    let waiting = tokio::spawn(group.read("m", 1, LONG));
    while group.lag().await.unwrap().members == 0 {
        tokio::task::yield_now().await;
    }
    drop(log);
    assert!(matches!(waiting.await.unwrap(), Err(LogError::Backend { .. })));
    assert!(group.claim("m", AT_ONCE, 1).await.is_err());
}
