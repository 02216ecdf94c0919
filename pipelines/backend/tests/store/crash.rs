//! A writer that is killed in the middle, by SIGKILL and for real: this test starts itself again
//! as the child that commits. What was acknowledged is there, nothing else is there in parts.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tailrace_backend::SqliteStore;
use tailrace_backend::store::{PostgresConfig, PostgresStore};
use tailrace_contract::probe::{self, Point};
use tailrace_contract::{Batch, RunId, Store};

use crate::made::{batch, is_whole, metric};

/// The file or the server that a child commits to; without it the child's test does nothing.
const PLACE: &str = "TAILRACE_TEST_STORE_PLACE";
/// The point where a child stops for ever, by name.
const STOP: &str = "TAILRACE_TEST_STORE_STOP";
/// Commits before a child stops at its point.
pub(crate) const BEFORE_STOP: u64 = 5;
/// Tasks of a child that commit at once, when it stops nowhere.
const TASKS: u64 = 4;

pub(crate) fn numbered(seq: u64) -> Batch {
    batch(seq, (0..100).map(|n| metric(["a", "b", "c"][n % 3], n as f64)).collect())
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of the tests below"]
async fn child() {
    let Ok(place) = std::env::var(PLACE) else { return };
    let stop = std::env::var(STOP).ok();
    let reached = AtomicU64::new(0);
    let tasks = if stop.is_some() { 1 } else { TASKS };
    probe::install(move |point| {
        if stop.as_deref() == Some(point.name())
            && reached.fetch_add(1, Ordering::Relaxed) == BEFORE_STOP
        {
            say("stopped");
            loop {
                std::thread::park();
            }
        }
    });
    let store: Arc<dyn Store> = if place.starts_with("postgres://") {
        Arc::new(PostgresStore::connect(&PostgresConfig::new(place)).await.unwrap())
    } else {
        Arc::new(SqliteStore::open(place).unwrap())
    };
    let commit = async |task: u64| {
        for seq in (task..).step_by(tasks as usize) {
            store.commit(Arc::new(vec![numbered(seq)])).await.unwrap();
            say(&format!("acknowledged {seq}"));
        }
    };
    futures_util::future::join_all((0..tasks).map(commit)).await;
}

pub(crate) fn start(place: impl AsRef<OsStr>, stop: Option<Point>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["crash::child", "--exact", "--ignored", "--nocapture"]).env(PLACE, place);
    if let Some(point) = stop {
        command.env(STOP, point.name());
    }
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Reads what a child says until `enough`, then kills it. Answers what it had acknowledged.
pub(crate) fn killed_after(mut child: Child, enough: impl Fn(&str, usize) -> bool) -> Vec<u64> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut acknowledged = Vec::new();
    for line in lines.by_ref() {
        acknowledged
            .extend(line.strip_prefix("acknowledged ").map(|seq| seq.parse::<u64>().unwrap()));
        if enough(&line, acknowledged.len()) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said between the last line read and its death counts as well.
    acknowledged
        .extend(lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok()));
    acknowledged
}

pub(crate) async fn present(store: &dyn Store) -> Vec<u64> {
    is_whole(store).await;
    let audit = store.audit(RunId(1), None).await.unwrap();
    let Some(account) = audit.producers.first() else { return Vec::new() };
    assert_eq!(account.repeated.count(), 0);
    assert_eq!(account.metrics, account.present.count() * 100);
    account.present.ranges().iter().flat_map(|&(first, last)| first..=last).collect()
}

#[tokio::test]
async fn a_transaction_that_was_killed_leaves_nothing() {
    for point in [Point::DuringRollup, Point::BeforeCommit] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.db");
        let child = start(&file, Some(point));
        let acknowledged = killed_after(child, |line, _| line == "stopped");
        assert_eq!(acknowledged, (0..BEFORE_STOP).collect::<Vec<_>>(), "{point:?}");
        let store = SqliteStore::open(&file).unwrap();
        assert_eq!(present(&store).await, acknowledged, "{point:?}");
        // The batch that was in the middle is not known as a duplicate.
        let again = store.commit(Arc::new(vec![numbered(BEFORE_STOP)])).await.unwrap();
        assert_eq!((again.new, again.duplicate), (1, 0), "{point:?}");
        is_whole(&store).await;
    }
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let mut acknowledged_ever = 0;
    for commits in [1, 7, 40, 90] {
        let child = start(&file, None);
        let acknowledged = killed_after(child, |_, count| count >= commits);
        let store = SqliteStore::open(&file).unwrap();
        let present = present(&store).await;
        assert!(acknowledged.iter().all(|seq| present.contains(seq)), "{acknowledged:?}");
        acknowledged_ever += acknowledged.len();
    }
    assert!(acknowledged_ever >= 138);
}
