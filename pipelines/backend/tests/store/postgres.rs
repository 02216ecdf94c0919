//! The suite on PostgreSQL, and what only a server can do wrong: it is killed, its tables come and
//! go, days get their partitions.

use std::sync::Arc;

use tailrace_backend::private::{Commits, PrivatePostgres};
use tailrace_backend::store::{PostgresConfig, PostgresStore};
use tailrace_contract::history::{Filter, MetricsQuery};
use tailrace_contract::probe::Point;
use tailrace_contract::{Batch, Committed, RunId, Store, StoreError, Survives};
use tokio_postgres::NoTls;

use crate::made::{ALWAYS, at, batch, metric, tenant};
use crate::{crash, every_case};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

fn start() -> PrivatePostgres {
    PrivatePostgres::start(Commits::Synced, None).unwrap()
}

async fn open(postgres: &PrivatePostgres, schema: &str) -> Result<PostgresStore, StoreError> {
    let config =
        PostgresConfig { schema: schema.to_owned(), ..PostgresConfig::new(postgres.url()) };
    PostgresStore::connect(&config).await
}

/// One number of the server, asked around the store.
async fn number(postgres: &PrivatePostgres, sql: &str) -> i64 {
    let (client, connection) = tokio_postgres::connect(&postgres.url(), NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let number = client.query_one(sql, &[]).await.unwrap().get(0);
    drop(client);
    connection.await.unwrap().unwrap();
    number
}

fn batches(seqs: std::ops::Range<u64>, time_ms: u64) -> Arc<Vec<Batch>> {
    Arc::new(seqs.map(|seq| batch(seq, vec![at(time_ms, metric("a", 1.0))])).collect())
}

fn everything(limit: usize) -> MetricsQuery {
    MetricsQuery { range: ALWAYS, filter: Filter::default(), limit, after: None }
}

/// Every case in a schema of its own, but on one server: starting one takes longer than most
/// cases.
macro_rules! on_postgres {
    ($($group:ident::$case:ident,)*) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn every_case_holds() {
            let postgres = start();
            $(
                // The last line of a failed test says which it was.
                println!("{}::{}", stringify!($group), stringify!($case));
                let schema = concat!("s_", stringify!($case));
                let store = Arc::new(open(&postgres, &schema[..schema.len().min(63)]).await.unwrap());
                crate::$group::$case(store.clone()).await;
                store.remove().await.unwrap();
            )*
        }
    };
}

every_case!(on_postgres);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_costs_a_retry_and_tears_nothing() {
    let mut postgres = start();
    let store = open(&postgres, "tailrace").await.unwrap();
    assert_eq!((store.name(), store.survives()), ("postgres", Survives::HostDeath));
    assert_eq!(store.commit(batches(0..10, 5)).await.unwrap().new, 10);
    // Readers have a connection too, which dies with the server.
    assert_eq!(store.metrics(tenant(), everything(3)).await.unwrap().rows.len(), 3);

    for round in 1..4 {
        // A commit is on its way while the server dies, somewhere in its middle.
        let commit = tokio::spawn(store.commit(batches(round * 1_000..(round + 1) * 1_000, 5)));
        tokio::task::yield_now().await;
        tokio::task::block_in_place(|| postgres.kill().unwrap());
        let first = commit.await.unwrap();
        let second = store.commit(batches(0..1, 5)).await.unwrap_err();
        assert!(matches!(second, StoreError::Unreachable { .. }), "{second}");
        assert!(store.health().await.is_err());

        tokio::task::block_in_place(|| postgres.restart().unwrap());
        assert!(store.health().await.unwrap().description.starts_with("PostgreSQL "));
        let page = store.metrics(tenant(), everything(3)).await;
        assert_eq!(page.unwrap().rows.len(), 3, "one question finds a living connection");
        let again = store.commit(batches(round * 1_000..(round + 1) * 1_000, 5)).await.unwrap();
        match first {
            Ok(committed) => assert_eq!((committed.new, again.duplicate), (1_000, 1_000)),
            Err(StoreError::Unreachable { .. }) => assert_eq!(again.new + again.duplicate, 1_000),
            Err(other) => panic!("{other}"),
        }
        assert!(again.new % 1_000 == 0, "all or nothing: {again:?}");
    }
    let reconciled = store.reconcile().await.unwrap();
    assert_eq!((reconciled.batches, reconciled.metrics, reconciled.wrong), (3_010, 3_010, 0));
    assert_eq!(reconciled.metrics_promised, reconciled.metrics);
    let audit = store.audit(RunId(1), None).await.unwrap();
    assert_eq!(audit.producers[0].present.ranges(), [(0, 9), (1_000, 3_999)]);
}

/// The server outlives its client: it must notice, and take back what was open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_whose_program_was_killed_leaves_nothing() {
    let postgres = start();
    for point in [Point::DuringRollup, Point::BeforeCommit] {
        let child = crash::start(postgres.url(), Some(point));
        let acknowledged = crash::killed_after(child, |line, _| line == "stopped");
        assert_eq!(acknowledged, (0..crash::BEFORE_STOP).collect::<Vec<_>>(), "{point:?}");
        let store = open(&postgres, "tailrace").await.unwrap();
        assert_eq!(crash::present(&store).await, acknowledged, "{point:?}");
        let middle = Arc::new(vec![crash::numbered(crash::BEFORE_STOP)]);
        let again = store.commit(middle).await.unwrap();
        assert_eq!((again.new, again.duplicate), (1, 0), "{point:?}");
        assert_eq!(crash::present(&store).await.len() as u64, crash::BEFORE_STOP + 1);
        store.remove().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_made_once_and_later_ones_are_left_alone() {
    let postgres = start();
    let starters = (0..4).map(|_| open(&postgres, "many"));
    let stores = futures_util::future::try_join_all(starters).await.unwrap();
    assert_eq!(number(&postgres, "SELECT count(*) FROM many.migrations").await, 1);
    let commits = stores.iter().map(|store| store.commit(batches(0..100, 5)));
    let committed = futures_util::future::try_join_all(commits).await.unwrap();
    assert_eq!(committed.iter().map(|committed| committed.new).sum::<u64>(), 100);

    let other = open(&postgres, "other").await.unwrap();
    assert_eq!(other.metrics(tenant(), everything(3)).await.unwrap().rows, []);
    other.remove().await.unwrap();
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname IN ('other', 'many')";
    assert_eq!(number(&postgres, schemas).await, 1);

    number(&postgres, "INSERT INTO many.migrations VALUES (99) RETURNING 1::bigint").await;
    let refused = open(&postgres, "many").await.unwrap_err().to_string();
    assert!(refused.contains("version 99") && refused.contains("later program"), "{refused}");
    let refused = open(&postgres, "a; DROP").await.unwrap_err().to_string();
    assert!(refused.contains("small letters"), "{refused}");
    let wrong = PostgresConfig::new("postgres://tailrace:secret@127.0.0.1:1/x");
    let refused = PostgresStore::connect(&wrong).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unreachable { .. }), "{refused}");
    assert!(!refused.to_string().contains("secret") && !format!("{wrong:?}").contains("secret"));
}

#[tokio::test]
async fn each_day_has_a_partition_and_what_has_none_is_not_lost() {
    let postgres = start();
    let store = open(&postgres, "tailrace").await.unwrap();
    let partitions =
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'tailrace.metrics'::regclass";
    // Today, tomorrow and all others.
    assert_eq!(number(&postgres, partitions).await, 3);
    store.commit(batches(0..1, 20_000 * DAY_MS + 7)).await.unwrap();
    store.commit(batches(1..2, 20_000 * DAY_MS + 8)).await.unwrap();
    store.commit(batches(2..3, 40_000 * DAY_MS)).await.unwrap();
    assert_eq!(number(&postgres, partitions).await, 5);
    assert_eq!(number(&postgres, "SELECT count(*) FROM tailrace.metrics_20241004").await, 2);

    // Somebody's rows stand among the others already: they and new ones stay there.
    let foreign =
        "INSERT INTO tailrace.metrics VALUES (864000000, 1, 1, 1, 0, true) RETURNING 1::bigint";
    number(&postgres, foreign).await;
    store.commit(batches(3..4, 10 * DAY_MS)).await.unwrap();
    assert_eq!(number(&postgres, partitions).await, 5);
    assert_eq!(number(&postgres, "SELECT count(*) FROM tailrace.metrics_other").await, 2);

    // As many days as a batch may name: past the limit the rest shares one partition.
    let days = (0..500).map(|day| at(day * DAY_MS, metric("a", 1.0)));
    let wide = batch(4, days.collect());
    let committed = store.commit(Arc::new(vec![wide])).await.unwrap();
    assert_eq!(committed, Committed { new: 1, duplicate: 0, metrics: 500 });
    let made = number(&postgres, partitions).await;
    assert!((399..=402).contains(&made), "{made}");
    assert_eq!(store.metrics(tenant(), everything(2_000)).await.unwrap().rows.len(), 505);
    assert_eq!(store.reconcile().await.unwrap().metrics, 505);
}
