//! The log that commits before it answers, on a real PostgreSQL: three ways of writing, repeats,
//! refusals, its limit, and a server that stands still or dies.

mod sample;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use sample::{batch, body};
use tailrace_backend::private::{Commits, PrivatePostgres};
use tailrace_backend::{
    DirectLimits, DirectLog, Forgetting, Insert, LocalBus, MemoryCache, MemoryCacheLimits,
    PostgresConfig, PostgresStore,
};
use tailrace_contract::history::{Filter, MetricsQuery, Range};
use tailrace_contract::{
    AttributeValue, Batch, Bus, Log, LogError, Metric, Notice, Position, Promise, RunId, Store,
    Survives, Tenant,
};
use tokio::time::timeout;
use tokio_postgres::NoTls;

/// For what must come: only a hang takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A log on a schema of its own.
struct Stage {
    log: DirectLog,
    bus: Arc<LocalBus>,
    store: Arc<PostgresStore>,
}

impl Stage {
    async fn new(postgres: &PrivatePostgres, config: PostgresConfig, limits: DirectLimits) -> Self {
        assert_eq!(config.url, postgres.url());
        let store = Arc::new(PostgresStore::connect(&config).await.unwrap());
        let bus = Arc::new(LocalBus::new());
        let cache = Arc::new(MemoryCache::new(MemoryCacheLimits::default()));
        let after = Arc::new(Forgetting::new(cache));
        let log = DirectLog::new(Arc::clone(&store) as _, Arc::clone(&bus), after, &limits);
        Self { log, bus, store }
    }

    async fn append(&self, seq: u64) -> Result<Position, LogError> {
        let batch = batch(1, "p", seq);
        let body = body(&batch);
        timeout(PATIENCE, self.log.append(batch, body)).await.unwrap()
    }

    /// Sequences of the run that the store has, and those that it has twice.
    async fn stored(&self) -> (Vec<(u64, u64)>, Vec<(u64, u64)>) {
        let audit = self.log.audit(RunId(1), None).await.unwrap();
        let Some(producer) = audit.producers.first() else { return (Vec::new(), Vec::new()) };
        (producer.present.ranges().to_vec(), producer.repeated.ranges().to_vec())
    }

    async fn is_whole(&self) {
        let seen = self.store.reconcile().await.unwrap();
        assert!(seen.wrong == 0 && seen.metrics == seen.metrics_promised, "{seen:?}");
    }
}

fn config(postgres: &PrivatePostgres, schema: &str, insert: Insert) -> PostgresConfig {
    PostgresConfig { schema: schema.to_owned(), insert, ..PostgresConfig::new(postgres.url()) }
}

/// A batch with all that a row may have and lack.
fn odd() -> Batch {
    let attributes = vec![
        ("text".into(), AttributeValue::Text("\"quoted\" \\ ü {1,2}".into())),
        ("flag".into(), AttributeValue::Flag(true)),
    ];
    let metric = |name: &str, value, time_ms, attributes| Metric {
        name: name.into(),
        value,
        time_ms,
        attributes,
    };
    let metrics = vec![
        metric("a", f64::MAX, Some(7), attributes),
        metric("b", -0.1, None, Vec::new()),
        metric("a", 5e-324, Some(0), Vec::new()),
    ];
    Batch { metrics, ..batch(1, "p", 0) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_of_writing_leaves_the_same_once_and_tells_of_it() {
    let postgres = PrivatePostgres::start(Commits::Synced, None).unwrap();
    let ways = [("row", Insert::Row), ("rows", Insert::Rows), ("copy", Insert::Copy)];
    let mut pages = Vec::new();
    for (schema, insert) in ways {
        let stage =
            Stage::new(&postgres, config(&postgres, schema, insert), DirectLimits::default()).await;
        assert_eq!(stage.log.survives(), Survives::HostDeath);
        assert_eq!(stage.log.promise(), Promise::Committed);
        let mut notices = stage.bus.subscribe();
        let odd = odd();
        let bytes = body(&odd);
        let mut positions = Vec::new();
        // Whoever repeats a batch may never have heard of the first time.
        for _ in 0..2 {
            positions.push(stage.log.append(odd.clone(), bytes.clone()).await.unwrap());
            let (position, id) = (*positions.last().unwrap(), odd.id.clone());
            let live = Notice::Live { id: id.clone(), position };
            assert_eq!(notices.next().await, Some(live));
            assert_eq!(notices.next().await, Some(Notice::Durable { id }));
        }
        assert!(positions[0] < positions[1]);
        assert_eq!(stage.stored().await, (vec![(0, 0)], vec![]), "{insert:?}");
        let again = stage.log.after(positions[0], 9).await.unwrap();
        assert_eq!(again, [(positions[1], odd.clone())]);
        let range = Range { from_ms: 0, to_ms: u64::MAX };
        let query = MetricsQuery { range, filter: Filter::default(), limit: 9, after: None };
        pages.push(stage.store.metrics(Tenant::open(), query).await.unwrap().rows);
        assert!(matches!(stage.log.group("workers").await, Err(LogError::NoGroups)));
        let said = stage.log.health().await.unwrap().description;
        assert!(said.contains(insert.describe()) && said.contains("PostgreSQL"), "{said}");
        stage.is_whole().await;
    }
    assert_eq!(pages[0].len(), 3);
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_database_refuses_is_refused_and_who_hangs_up_tears_nothing() {
    let postgres = PrivatePostgres::start(Commits::Synced, None).unwrap();
    let config = config(&postgres, "tailrace", Insert::Rows);
    let stage = Stage::new(&postgres, config, DirectLimits::default()).await;
    let (client, connection) = tokio_postgres::connect(&postgres.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let rule = "ALTER TABLE tailrace.metrics ADD CONSTRAINT small CHECK (value < 50)";
    client.batch_execute(rule).await.unwrap();
    stage.append(49).await.unwrap();
    let refused = stage.append(50).await.unwrap_err();
    assert!(
        matches!(&refused, LogError::Refused { cause } if cause.contains("small")),
        "{refused}"
    );
    let poison = Batch { metrics: Vec::new(), ..batch(1, "p", 9) };
    let refused = stage.log.append(poison, Bytes::new()).await.unwrap_err();
    assert!(matches!(&refused, LogError::Refused { .. }), "{refused}");

    let mut notices = stage.bus.subscribe();
    drop(stage.log.append(batch(1, "p", 40), body(&batch(1, "p", 40))));
    let told = timeout(PATIENCE, notices.next()).await.unwrap();
    assert!(matches!(&told, Some(Notice::Live { id, .. }) if id.seq == 40), "{told:?}");
    assert_eq!(stage.stored().await, (vec![(40, 40), (49, 49)], vec![]));

    // A server that is started anew goes on above the positions of the one before.
    let last = stage.append(41).await.unwrap();
    let limits = DirectLimits::default();
    let next = Stage::new(&postgres, PostgresConfig::new(postgres.url()), limits).await;
    assert!(next.append(42).await.unwrap() > last);
    stage.is_whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_its_limit_and_without_its_server_it_says_so_and_recovers_by_itself() {
    let mut postgres = PrivatePostgres::start(Commits::Synced, None).unwrap();
    let config = PostgresConfig { writers: 1, ..config(&postgres, "tailrace", Insert::Copy) };
    let limits = DirectLimits { waiting_max: 3, patience: PATIENCE, ..DirectLimits::default() };
    let stage = Stage::new(&postgres, config.clone(), limits.clone()).await;
    stage.append(0).await.unwrap();

    // One is being committed, two wait for the only connection, the next is one too many.
    postgres.pause().unwrap();
    let three: Vec<_> =
        (1..4).map(|seq| stage.log.append(batch(1, "p", seq), body(&batch(1, "p", seq)))).collect();
    let full = stage.append(4).await.unwrap_err();
    assert!(matches!(&full, LogError::Full { what } if what.contains("3 of 3 batches")), "{full}");
    postgres.resume().unwrap();
    for answer in timeout(PATIENCE, join_all(three)).await.unwrap() {
        answer.unwrap();
    }
    stage.append(4).await.unwrap();

    // One that stands still for longer than anybody waits.
    let hasty = DirectLimits { patience: Duration::from_millis(200), ..limits };
    let hasty = Stage::new(&postgres, config, hasty).await;
    stage.append(5).await.unwrap();
    postgres.pause().unwrap();
    let silent = hasty.append(6).await.unwrap_err();
    assert!(matches!(silent, LogError::Unreachable { .. }), "{silent}");
    postgres.resume().unwrap();

    tokio::task::block_in_place(|| postgres.kill().unwrap());
    // The first may only find out that its connection is gone.
    for _ in 0..2 {
        let away = stage.append(7).await.unwrap_err();
        assert!(matches!(away, LogError::Unreachable { .. }), "{away}");
    }
    assert!(matches!(stage.log.health().await, Err(LogError::Unreachable { .. })));
    tokio::task::block_in_place(|| postgres.restart().unwrap());
    stage.append(7).await.unwrap();
    // What was answered "cannot be reached" may be stored or not; sent again it is, once.
    stage.append(6).await.unwrap();
    assert_eq!(stage.stored().await, (vec![(0, 7)], vec![]));
    assert_eq!(stage.log.health().await.unwrap().waiting, 0);
    stage.is_whole().await;
}
