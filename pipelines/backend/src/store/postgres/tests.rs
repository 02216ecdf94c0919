//! Every kind of question goes through an index, as PostgreSQL's own plan says.

use std::sync::Arc;

use tailrace_contract::history::{AggregateQuery, Cursor, Filter, MetricsQuery, NameFilter, Range};
use tailrace_contract::{Batch, BatchId, Metric, Producer, RunId, Store, Tenant};
use tokio_postgres::types::Type;

use super::aggregate::{rollups_sql, rows_sql, summary_sql};
use super::history::{names_sql, page_sql};
use super::pool::Lease;
use super::sql::{Parameters, Sum};
use super::types::Uuid;
use super::{PostgresConfig, PostgresStore, audit, letters};
use crate::private::{Commits, PrivatePostgres};
use crate::store::buckets::{HOUR_MS, MINUTE_MS, Source};

/// Noon of a day, so that two days have rows.
const FROM_MS: u64 = 20_000 * 24 * HOUR_MS + 12 * HOUR_MS;
const NAMES: u64 = 40;
const BATCHES: u64 = 300;

/// A day of metrics: each batch holds five minutes of one name, and every tenth is of another run.
fn batch(seq: u64) -> Batch {
    let metric = |n: u64| Metric {
        name: format!("event.{}", seq % NAMES).into(),
        value: n as f64,
        time_ms: Some(FROM_MS + (seq / NAMES * 100 + n) * 2 * MINUTE_MS),
        attributes: vec![("zone".into(), tailrace_contract::AttributeValue::Flag(true))],
    };
    let run = RunId((seq / 10).into());
    let id = BatchId { tenant: Tenant::open(), run, producer: Producer("p".into()), seq };
    Batch { id, received_ms: FROM_MS, metrics: (0..100).map(metric).collect() }
}

async fn filled() -> PostgresStore {
    let server = PrivatePostgres::start(Commits::Lazy, None).unwrap();
    let config = PostgresConfig::new(server.url());
    let store = PostgresStore::private(server, &config).await.unwrap();
    let batches = Arc::new((0..BATCHES).map(batch).collect());
    assert_eq!(store.commit(batches).await.unwrap().metrics, BATCHES * 100);
    let lease = store.parts.writers.lease().await.unwrap();
    lease.session.run("VACUUM ANALYZE").await.unwrap();
    lease.give_back();
    store
}

/// The plan of a question has these words, and reads no table that grows row by row.
async fn check(lease: &Lease, what: &str, parameters: &Parameters, sql: &str, expect: &[&str]) {
    let rows = parameters.ask(&lease.session, &format!("EXPLAIN {sql}")).await.unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let plan = lines.join("\n");
    for word in expect {
        assert!(plan.contains(word), "{what}: no {word} in\n{plan}");
    }
    for table in ["metrics", "rollups", "batches", "names", "dead_letters"] {
        assert!(!plan.contains(&format!("Seq Scan on {table}")), "{what}: {table} in\n{plan}");
    }
}

fn page(name: Option<NameFilter>) -> MetricsQuery {
    let filter = Filter { name, attributes: vec![("zone".into(), "true".into())] };
    let range = Range { from_ms: FROM_MS, to_ms: FROM_MS + HOUR_MS };
    let after = Some(Cursor { time_ms: FROM_MS + HOUR_MS / 2, batch: 9, index: 3 });
    MetricsQuery { range, filter, limit: 10, after }
}

fn aggregates() -> AggregateQuery {
    AggregateQuery {
        range: Range { from_ms: FROM_MS, to_ms: FROM_MS + HOUR_MS },
        filter: Filter::default(),
        bucket_ms: Some(MINUTE_MS),
        group_by: Some("zone".into()),
        percentiles: true,
        limit: 1_000,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_question_goes_through_an_index() {
    let store = filled().await;
    let lease = store.parts.readers.lease().await.unwrap();
    // Small tables are read faster than any index of them; a question without an index reads them
    // all the same.
    lease.session.run("SET enable_seqscan = off").await.unwrap();
    let by_time = "_name_id_time_ms_idx";

    for name in ["event.7", "event."] {
        let filters = [NameFilter::Exactly(name.into()), NameFilter::Prefix(name.into())];
        for filter in filters {
            let query = page(Some(filter));
            let mut parameters = Parameters::default();
            let sql = names_sql(&Tenant::open(), &query.filter, &mut parameters);
            check(&lease, "names", &parameters, &sql, &["names_of_tenants"]).await;
        }
    }
    for names in [vec![1], (1..=40).collect()] {
        let mut parameters = Parameters::default();
        let sql = page_sql(&page(None), names.clone(), 10, &mut parameters);
        check(&lease, "page", &parameters, &sql, &[by_time, "batches_pkey"]).await;

        let query = aggregates();
        let mut parameters = Parameters::default();
        let sql = rows_sql(&query, names.clone(), query.range, &mut parameters);
        check(&lease, "rows", &parameters, &sql(Sum::Fast), &[by_time]).await;

        for (source, index) in
            [(Source::Minutes, "rollups_minute_pkey"), (Source::Hours, "rollups_hour_pkey")]
        {
            let mut parameters = Parameters::default();
            let sql = rollups_sql(&query, names.clone(), source, query.range, &mut parameters);
            check(&lease, "rollups", &parameters, &sql(Sum::Fast), &[index]).await;
        }
        let mut parameters = Parameters::default();
        let sql = summary_sql(names, query.range, &mut parameters);
        check(&lease, "summary", &parameters, &sql(Sum::Fast), &["rollups_minute_pkey"]).await;
    }

    let mut parameters = Parameters::default();
    parameters.add(Uuid(RunId(3)), Type::UUID);
    parameters.add(None::<String>, Type::TEXT);
    let indexes = ["batches_identity", "_batch_idx"];
    check(&lease, "audit", &parameters, audit::BATCHES, &indexes).await;
    let mut parameters = Parameters::default();
    parameters.number(7);
    parameters.number(10);
    check(&lease, "letters", &parameters, letters::DEAD, &["dead_letters_pkey"]).await;
}
