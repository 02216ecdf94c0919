//! The suite on SQLite, and what only a file can do wrong.

use std::path::Path;
use std::sync::{Arc, Barrier};

use rusqlite::Connection;
use tailrace_backend::SqliteStore;
use tailrace_contract::{RunId, Store, StoreError};

use crate::every_case;
use crate::made::{
    ALWAYS, HOUR_MS, NOON_MS, aggregate, at, batch, commit, having, is_whole, metric, named,
    question, stored, values,
};

fn fresh() -> Arc<dyn Store> {
    Arc::new(SqliteStore::temporary().unwrap())
}

macro_rules! on_sqlite {
    ($($group:ident::$case:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                crate::$group::$case(fresh()).await;
            }
        )*
    };
}

every_case!(on_sqlite);

fn refusal(path: &Path) -> StoreError {
    SqliteStore::open(path).err().expect("this must not open")
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    for seq in 0..3 {
        let store = SqliteStore::open(&path).unwrap();
        stored(&store, seq, vec![metric("a", 1.0)]).await;
        let count = aggregate(&store, &question(ALWAYS, named("a"))).await[0].count;
        assert_eq!(count, seq + 1);
        is_whole(&store).await;
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "a store that was closed is one file: {left:?}");
}

#[tokio::test]
async fn a_temporary_store_leaves_nothing() {
    let store = SqliteStore::temporary().unwrap();
    let folder = store.path().parent().unwrap().to_owned();
    stored(&store, 0, vec![metric("a", 1.0)]).await;
    // A future that nobody polls must not keep it.
    let forgotten = store.commit(Arc::new(vec![batch(1, vec![metric("a", 1.0)])]));
    drop(store);
    assert!(!folder.exists());
    let error = forgotten.await.unwrap_err();
    assert!(matches!(error, StoreError::Backend { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_that_start_at_once_share_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let starts: Vec<_> = (0..6)
        .map(|seq| {
            let path = path.clone();
            tokio::task::spawn_blocking(move || (seq, SqliteStore::open(path).unwrap()))
        })
        .collect();
    let mut commits = Vec::new();
    for start in starts {
        let (seq, store) = start.await.unwrap();
        let batches =
            Arc::new(vec![batch(seq, vec![metric("a", 1.0)]), batch(99, vec![metric("a", 1.0)])]);
        commits.push(tokio::spawn(async move {
            let committed = store.commit(batches).await.unwrap();
            (store, committed)
        }));
    }
    let (mut new, mut stores) = (0, Vec::new());
    for commit in commits {
        let (store, committed) = commit.await.unwrap();
        new += committed.new;
        stores.push(store);
    }
    assert_eq!(new, 7);
    is_whole(&stores[0]).await;
    assert_eq!(stores[5].audit(RunId(1), None).await.unwrap().producers[0].present.count(), 7);
}

/// Each finds the file without tables, or without its journal, or finished; none is refused.
#[test]
fn a_new_file_is_opened_by_many_at_once() {
    const ROUNDS: usize = 20;
    const THREADS: usize = 8;
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let (path, barrier) = (folder.path().join("store.db"), Barrier::new(THREADS));
        let open = || {
            barrier.wait();
            SqliteStore::open(&path)
        };
        let stores: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let refused: Vec<_> = stores.into_iter().filter_map(Result::err).collect();
        assert!(refused.is_empty(), "{refused:?}");
    }
}

#[test]
fn a_newer_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(SqliteStore::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let message = refusal(&path).to_string();
    assert!(message.contains("newer") && message.contains("999"), "{message}");
    assert!(message.contains("store.db"), "{message}");
}

#[test]
fn a_file_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.db");
    Connection::open(&path).unwrap().execute_batch("create table theirs (a)").unwrap();
    let message = refusal(&path).to_string();
    assert!(message.contains("another program"), "{message}");
    let tables: i64 = Connection::open(&path)
        .unwrap()
        .query_row("select count(*) from sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
    let text = folder.path().join("text.db");
    std::fs::write(&text, "not a database at all, but long enough to be looked at. ".repeat(40))
        .unwrap();
    assert!(matches!(refusal(&text), StoreError::Backend { .. }));
    assert!(matches!(
        refusal(&folder.path().join("absent/store.db")),
        StoreError::Unreachable { .. }
    ));
}

/// The lock is let go only after the store has given up: nothing here waits for a time.
#[tokio::test]
async fn a_file_that_another_process_holds_is_unreachable_and_then_works() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let batches = Arc::new(vec![batch(0, vec![metric("a", 1.0)])]);
    let error = store.commit(Arc::clone(&batches)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("another process"), "{error}");
    assert_eq!(aggregate(&store, &question(ALWAYS, named("a"))).await, [], "reading goes on");
    other.execute_batch("rollback").unwrap();
    assert_eq!(store.commit(batches).await.unwrap().new, 1);
}

#[tokio::test]
async fn reconciling_finds_every_kind_of_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    let metrics = (0..6).map(|n| at(NOON_MS + n * HOUR_MS, metric("a", 1.0)));
    stored(&store, 0, metrics.collect()).await;
    is_whole(&store).await;
    let damage = Connection::open(&path).unwrap();
    let wrong = async |sql: &str| {
        let before = store.reconcile().await.unwrap();
        assert_eq!(damage.execute(sql, []).unwrap(), 1, "{sql}");
        store.reconcile().await.unwrap().wrong - before.wrong
    };
    let hour = |table: &str, n: u64| format!("{table} where start_ms = {}", NOON_MS + n * HOUR_MS);
    let minute = |change: &str, n| wrong_sql(change, &hour("", n));
    assert_eq!(wrong(&minute("sum = sum + 1", 0)).await, 1);
    assert_eq!(wrong(&minute("count = count + 1", 1)).await, 1);
    assert_eq!(wrong(&minute("min = 0.5", 2)).await, 1);
    assert_eq!(
        wrong(&minute("start_ms = start_ms + 60000", 3)).await,
        2,
        "one of no rows, rows of none"
    );
    assert_eq!(wrong(&format!("delete from {}", hour("rollups_hour", 4))).await, 1);
    assert_eq!(
        wrong(&format!("delete from metrics where time_ms = {}", NOON_MS + 5 * HOUR_MS)).await,
        2
    );
    let reconciled = store.reconcile().await.unwrap();
    assert_eq!((reconciled.metrics, reconciled.metrics_promised), (5, 6));
    let audit = store.audit(RunId(1), None).await.unwrap();
    assert_eq!(audit.producers[0].metrics, 5, "the audit counts rows, not promises");
    let huge = commit(&store, vec![batch(1, vec![metric("b", 1.0)])]).await;
    assert_eq!(huge.new, 1);
}

fn wrong_sql(change: &str, place: &str) -> String {
    format!("update rollups_minute set {change}{place}")
}

/// Attributes that something else spoilt are none: the row counts all the same.
#[tokio::test]
async fn one_bad_row_breaks_no_aggregate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    stored(&store, 0, vec![metric("a", 1.0), metric("a", 2.0)]).await;
    let damage = Connection::open(&path).unwrap();
    damage.execute("update metrics set attributes = '{\"x' where place = 0", []).unwrap();
    let mut query = question(ALWAYS, named("a"));
    for percentiles in [false, true] {
        query.percentiles = percentiles;
        assert_eq!(aggregate(&store, &query).await[0].sum, 3.0);
    }
    query.group_by = Some("x".into());
    assert_eq!(aggregate(&store, &query).await[0].count, 2);
    assert_eq!(values(&store, &named("a")).await, [2.0, 1.0]);
    assert_eq!(values(&store, &having(&[("x", "1")])).await, [] as [f64; 0]);
}
