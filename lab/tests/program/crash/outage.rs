//! PostgreSQL stands still under load: what is acknowledged meanwhile waits in the log and nowhere
//! else, however much it becomes. Then it goes on, and the backlog drains by itself.

use tailrace_backend::Persistence;

use super::sender::METRICS;
use super::stage::{COMMIT_METRICS, Stage, StoreKind, until};

const PRODUCERS: u64 = 3;
/// Batches that are acknowledged meanwhile: many times what a worker may hold.
const BACKLOG: u64 = 400;
/// Batches of a full commit.
const COMMIT: u64 = COMMIT_METRICS.div_ceil(METRICS);
/// What a worker of one member holds at most: a commit on its way and the next one, each with the
/// read that went beyond it.
const HELD_MAX: u64 = 2 * (COMMIT + COMMIT);

#[test]
fn a_backlog_waits_in_the_log_while_postgres_stands_still_and_drains_by_itself() {
    let stage = Stage::new(StoreKind::Postgres, Persistence::None);
    let worker = stage.worker();
    let senders = stage.send(PRODUCERS as usize);
    until("commits", || worker.figure("tailrace_worker_batches_total") > Some(50));
    stage.pause_postgres();
    senders.wait_for_more(BACKLOG);

    // The producers go on while these are asked.
    let backlog = || worker.figure("tailrace_worker_unread_entries");
    until("the lag to be told", || backlog() > Some(BACKLOG - 2 * HELD_MAX));
    let held = worker.figure("tailrace_worker_held_entries").expect("it is told");
    assert!((1..=HELD_MAX).contains(&held), "{held} of {HELD_MAX} batches in the worker");
    let waiting = stage.figure("tailrace_log_waiting").expect("it is told");
    assert!(waiting <= PRODUCERS, "{waiting} batches in the server");
    let unread = backlog();

    stage.resume_postgres();
    let sent = senders.stop();
    stage.check_whole(&sent);
    until("an empty hand", || worker.figure("tailrace_worker_held_entries") == Some(0));
    println!(
        "PostgreSQL stood still: {unread:?} batches waited in the log, {held} in the worker, \
         {waiting} in the server; {} acknowledged, each stored once",
        sent.batches()
    );
    worker.end();
}
