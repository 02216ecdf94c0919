//! What every log with groups must do.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tailrace_contract::{Group, Lag, Log, Position};
use tokio::time::timeout;

use super::{
    AT_ONCE, LONG, SHORT, append, append_damaged, memory_log, positions, read, read_all, redis_log,
    sample, seqs,
};

macro_rules! cases {
    ($($case:ident)*) => { $(
        mod $case {
            #[tokio::test]
            async fn memory() {
                super::$case(super::memory_log()).await;
            }

            #[tokio::test]
            async fn redis() {
                let (_redis, log) = super::redis_log().await;
                super::$case(log).await;
            }
        }
    )* };
}

cases! {
    a_new_group_begins_with_the_oldest
    every_entry_is_given_to_one_member
    what_a_dead_member_held_is_claimed
    a_member_that_comes_back_claims_its_own
    what_is_acknowledged_is_never_given_again
    only_what_was_silent_is_claimed
    groups_know_nothing_of_each_other
    a_read_waits_for_the_first_entry
    a_read_answers_none_after_its_wait
    a_damaged_entry_is_given_as_unreadable
    the_lag_is_told
    silent_members_are_forgotten_unless_they_hold_entries
    a_member_that_holds_nothing_may_leave
    many_members_share_everything_once
    one_member_leads_until_it_leaves_or_is_silent
}

async fn a_new_group_begins_with_the_oldest(log: Arc<dyn Log>) {
    let appended = append(&*log, 0..5).await;
    // Resolves when all of them can be read.
    log.audit(sample::batch(1, "p", 0).id.run, None).await.unwrap();
    let group = log.group("late").await.unwrap();
    append(&*log, 5..6).await;
    let deliveries = read_all(&*group, "m", 6).await;
    assert_eq!(seqs(&deliveries), [0, 1, 2, 3, 4, 5]);
    assert_eq!(positions(&deliveries)[..5], appended);
    assert_eq!(deliveries[2].content, Ok(sample::batch(1, "p", 2)));
    assert!(deliveries.iter().all(|delivery| delivery.deliveries == 1));
}

async fn every_entry_is_given_to_one_member(log: Arc<dyn Log>) {
    let [first, second] = [log.group("g").await.unwrap(), log.group("g").await.unwrap()];
    append(&*log, 0..10).await;
    let one = read_all(&*first, "one", 4).await;
    let two = read_all(&*second, "two", 6).await;
    assert_eq!((seqs(&one), seqs(&two)), (vec![0, 1, 2, 3], vec![4, 5, 6, 7, 8, 9]));
    assert_eq!(read(&*first, "one", 10).await, []);
}

async fn what_a_dead_member_held_is_claimed(log: Arc<dyn Log>) {
    let group = log.group("g").await.unwrap();
    append(&*log, 0..5).await;
    let dead = read_all(&*group, "dead", 4).await;
    group.acknowledge(vec![dead[1].position]).await.unwrap();
    let claimed = group.claim("heir", AT_ONCE, 2).await.unwrap();
    assert_eq!(seqs(&claimed), [0, 2], "oldest first, what is acknowledged left out");
    assert!(claimed.iter().all(|delivery| delivery.deliveries == 2), "{claimed:?}");
    let again = group.claim("other", AT_ONCE, 10).await.unwrap();
    let times: Vec<u64> = again.iter().map(|delivery| delivery.deliveries).collect();
    assert_eq!((seqs(&again), times), (vec![0, 2, 3], vec![3, 3, 2]));
    // What nobody was given is not claimed but read.
    assert_eq!(seqs(&read_all(&*group, "heir", 1).await), [4]);
}

async fn a_member_that_comes_back_claims_its_own(log: Arc<dyn Log>) {
    append(&*log, 0..3).await;
    read_all(&*log.group("g").await.unwrap(), "m", 2).await;
    let group = log.group("g").await.unwrap();
    assert_eq!(seqs(&group.claim("m", AT_ONCE, 10).await.unwrap()), [0, 1]);
    assert_eq!(seqs(&read_all(&*group, "m", 1).await), [2]);
}

async fn what_is_acknowledged_is_never_given_again(log: Arc<dyn Log>) {
    let group = log.group("g").await.unwrap();
    append(&*log, 0..3).await;
    let deliveries = read_all(&*group, "m", 3).await;
    let unknown = Position { major: u64::MAX, minor: 7 };
    let mut done = positions(&deliveries);
    done.push(unknown);
    group.acknowledge(done.clone()).await.unwrap();
    group.acknowledge(done).await.unwrap();
    group.acknowledge(Vec::new()).await.unwrap();
    assert_eq!(group.claim("other", AT_ONCE, 10).await.unwrap(), []);
    assert_eq!(read(&*log.group("g").await.unwrap(), "m", 10).await, []);
}

async fn only_what_was_silent_is_claimed(log: Arc<dyn Log>) {
    let group = log.group("g").await.unwrap();
    append(&*log, 0..2).await;
    read_all(&*group, "slow", 2).await;
    assert_eq!(group.claim("hasty", LONG, 10).await.unwrap(), []);
    let idle = Duration::from_millis(30);
    let started = std::time::Instant::now();
    let claimed = loop {
        let claimed = group.claim("patient", idle, 10).await.unwrap();
        if !claimed.is_empty() {
            break claimed;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    assert_eq!(seqs(&claimed), [0, 1]);
    assert!(started.elapsed() < LONG);
    // A claim starts the clock anew.
    assert_eq!(group.claim("hasty", LONG, 10).await.unwrap(), []);
}

async fn groups_know_nothing_of_each_other(log: Arc<dyn Log>) {
    let [one, two] = [log.group("one").await.unwrap(), log.group("two").await.unwrap()];
    append(&*log, 0..3).await;
    let deliveries = read_all(&*one, "m", 3).await;
    one.acknowledge(positions(&deliveries)).await.unwrap();
    assert_eq!(seqs(&read_all(&*two, "m", 3).await), [0, 1, 2]);
    assert_eq!(one.lag().await.unwrap().pending, 0);
    assert_eq!(two.lag().await.unwrap().pending, 3);
}

async fn a_read_waits_for_the_first_entry(log: Arc<dyn Log>) {
    let group = log.group("g").await.unwrap();
    let mut waiting = tokio::spawn(group.read("m", 10, LONG));
    assert!(timeout(SHORT, &mut waiting).await.is_err());
    append(&*log, 0..1).await;
    assert_eq!(seqs(&waiting.await.unwrap().unwrap()), [0]);
}

async fn a_read_answers_none_after_its_wait(log: Arc<dyn Log>) {
    let group = log.group("g").await.unwrap();
    for wait in [Duration::ZERO, Duration::from_micros(1), Duration::from_millis(700)] {
        let started = std::time::Instant::now();
        assert_eq!(group.read("m", 10, wait).await.unwrap(), []);
        assert!(started.elapsed() >= wait, "{wait:?}");
    }
}

async fn a_damaged_entry_is_given_as_unreadable(log: Arc<dyn Log>) {
    let group = log.group("g").await.unwrap();
    append(&*log, 0..1).await;
    let damaged = append_damaged(&*log, 1).await;
    append(&*log, 2..3).await;
    let deliveries = read_all(&*group, "m", 3).await;
    assert_eq!(deliveries[1].position, damaged);
    let unreadable = deliveries[1].content.clone().unwrap_err();
    assert_eq!(unreadable.id, Some(sample::batch(1, "p", 1).id));
    assert_eq!(&unreadable.body[..], b"{ damaged");
    assert!(unreadable.reason.contains("cannot be read"), "{}", unreadable.reason);
    assert_eq!(seqs(&[deliveries[0].clone(), deliveries[2].clone()]), [0, 2]);
    let claimed = group.claim("other", AT_ONCE, 10).await.unwrap();
    assert_eq!(claimed[1].content, Err(unreadable));
}

async fn the_lag_is_told(log: Arc<dyn Log>) {
    let group = log.group("g").await.unwrap();
    assert_eq!(group.lag().await.unwrap(), Lag::default());
    append(&*log, 0..5).await;
    let deliveries = read_all(&*group, "m", 2).await;
    let counts = |lag: &Lag| (lag.unread, lag.pending, lag.members);
    let lag = group.lag().await.unwrap();
    assert_eq!(counts(&lag), (3, 2, 1));
    // By the log's own clock: it grows.
    let oldest = lag.oldest_ms.unwrap();
    while group.lag().await.unwrap().oldest_ms.unwrap() <= oldest + 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    group.acknowledge(positions(&deliveries)).await.unwrap();
    let lag = group.lag().await.unwrap();
    assert_eq!(counts(&lag), (3, 0, 1));
    assert!(lag.oldest_ms.is_some_and(|age| age < LONG.as_millis() as u64), "{lag:?}");
    let rest = read_all(&*group, "n", 3).await;
    group.acknowledge(positions(&rest)).await.unwrap();
    let all_done = Lag { members: 2, ..Lag::default() };
    assert_eq!(group.lag().await.unwrap(), all_done);
}

async fn silent_members_are_forgotten_unless_they_hold_entries(log: Arc<dyn Log>) {
    let group = log.group("g").await.unwrap();
    append(&*log, 0..3).await;
    let held = read_all(&*group, "holds", 2).await;
    let done = read_all(&*group, "done", 1).await;
    group.acknowledge(positions(&done)).await.unwrap();
    assert_eq!(group.forget_silent(LONG).await.unwrap(), 0, "nobody was silent for so long");
    assert_eq!(group.forget_silent(AT_ONCE).await.unwrap(), 1);
    assert_eq!(group.lag().await.unwrap().members, 1);
    assert_eq!(seqs(&group.claim("heir", AT_ONCE, 10).await.unwrap()), [0, 1]);
    group.acknowledge(positions(&held)).await.unwrap();
    assert_eq!(group.forget_silent(AT_ONCE).await.unwrap(), 2);
    assert_eq!(group.lag().await.unwrap().members, 0);
}

async fn a_member_that_holds_nothing_may_leave(log: Arc<dyn Log>) {
    let group = log.group("g").await.unwrap();
    group.leave("unknown").await.unwrap();
    append(&*log, 0..1).await;
    let held = read_all(&*group, "m", 1).await;
    group.leave("m").await.unwrap();
    let lag = group.lag().await.unwrap();
    assert_eq!((lag.members, lag.pending), (1, 1), "what it holds must be claimed first");
    group.acknowledge(positions(&held)).await.unwrap();
    group.leave("m").await.unwrap();
    assert_eq!(group.lag().await.unwrap().members, 0);
}

async fn many_members_share_everything_once(log: Arc<dyn Log>) {
    const BATCHES: u64 = 2_000;
    let group = log.group("g").await.unwrap();
    let work = |member: usize| {
        let group: Arc<dyn Group> = Arc::clone(&group);
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let some = group.read(&format!("m{member}"), 64, Duration::from_secs(1)).await?;
                if some.is_empty() {
                    return Ok::<_, tailrace_contract::LogError>(mine);
                }
                group.acknowledge(positions(&some)).await?;
                mine.extend(seqs(&some));
            }
        })
    };
    let members: Vec<_> = (0..4).map(work).collect();
    let appends = (0..BATCHES).map(|seq| super::try_append(&*log, seq));
    try_join_all(appends).await.unwrap();
    let shares = try_join_all(members).await.unwrap();
    let mut all: Vec<u64> = shares.into_iter().flat_map(Result::unwrap).collect();
    all.sort_unstable();
    assert_eq!(all, (0..BATCHES).collect::<Vec<_>>());
    let lag = group.lag().await.unwrap();
    assert_eq!((lag.unread, lag.pending, lag.oldest_ms), (0, 0, None));
}

async fn one_member_leads_until_it_leaves_or_is_silent(log: Arc<dyn Log>) {
    let [first, second] = [log.group("g").await.unwrap(), log.group("g").await.unwrap()];
    let lead =
        async |group: &dyn Group, member: &str, lease| group.lead(member, lease).await.unwrap();
    assert!(lead(&*first, "one", LONG).await);
    assert!(!lead(&*second, "two", LONG).await, "one leads");
    assert!(lead(&*log.group("other").await.unwrap(), "two", LONG).await, "another group");
    second.leave("two").await.unwrap();
    assert!(lead(&*first, "one", LONG).await, "somebody else's leaving is nothing to it");
    first.leave("one").await.unwrap();
    assert!(lead(&*second, "two", SHORT).await);
    // It asks no more: soon another may.
    timeout(LONG, async { while !lead(&*first, "one", LONG).await {} }).await.unwrap();
    assert!(!lead(&*second, "two", SHORT).await);
}
