//! What is there: batches of a run, and rollups against raw rows. Both read one moment's state.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{TryStreamExt, pin_mut};
use tailrace_contract::{
    Audit, Producer, ProducerAudit, Reconciled, RunId, SmolStr, StoreError, Tenant,
};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::fault::store_error;
use super::pool::Session;
use super::sql::{Sum, is_overflow};
use super::types::{Uuid, whole};
use crate::store::buckets::{HOUR_MS, MINUTE_MS};

/// Everything is read: hundreds of millions of rows take minutes.
pub(super) const WHOLE_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Above it the difference of two sums may have no number.
const NEAR_LARGEST: f64 = f64::MAX / 8.0;
/// Below it a share of a sum may have none, which PostgreSQL calls an error.
const NEAR_SMALLEST: f64 = 1e-290;

/// Batches of a run in the order in which they were stored, each with the rows that are really
/// there. The index by batch knows roughly where those are.
pub(super) const BATCHES: &str = "WITH asked AS MATERIALIZED ( \
         SELECT number, tenant, producer, seq FROM batches \
         WHERE run = $1 AND ($2::text IS NULL OR tenant = $2)), \
     counted AS ( \
         SELECT batch, count(*) AS metrics FROM metrics \
         WHERE batch BETWEEN (SELECT min(number) FROM asked) AND (SELECT max(number) FROM asked) \
         GROUP BY batch) \
     SELECT tenant, producer, seq, coalesce(metrics, 0) \
     FROM asked LEFT JOIN counted ON batch = number ORDER BY number";

/// Accounts a run, a row at a time. Two tenants that use the same run are accounted apart.
pub(super) async fn audit(
    session: &Session,
    run: RunId,
    tenant: Option<Tenant>,
) -> Result<Audit, StoreError> {
    let limit = WHOLE_TIMEOUT.as_millis();
    session.run(&format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {limit}")).await?;
    let tenant = tenant.as_ref().map(|tenant| &*tenant.0);
    let (run_id, tenant): (Uuid, &(dyn ToSql + Sync)) = (Uuid(run), &tenant);
    let run_id: &(dyn ToSql + Sync) = &run_id;
    let rows =
        session.client.query_typed_raw(BATCHES, [(run_id, Type::UUID), (tenant, Type::TEXT)]);
    let rows = rows.await.map_err(|error| store_error(&error))?;
    pin_mut!(rows);
    let mut accounts = BTreeMap::<(SmolStr, SmolStr), ProducerAudit>::new();
    while let Some(row) = rows.try_next().await.map_err(|error| store_error(&error))? {
        let (tenant, producer) = (row.get::<_, &str>(0).into(), row.get::<_, &str>(1).into());
        accounts
            .entry((producer, tenant))
            .or_insert_with_key(|(producer, _)| ProducerAudit::new(Producer(producer.clone())))
            .add(whole(row.get(2))?, whole(row.get(3))?);
    }
    session.run("COMMIT").await?;
    Ok(Audit { run, producers: accounts.into_values().collect() })
}

/// Counts everything and compares.
pub(super) async fn reconcile(session: &Session) -> Result<Reconciled, StoreError> {
    match read_all(session, Sum::Fast).await {
        Err(error) if is_overflow(&error) => read_all(session, Sum::Wide).await,
        done => done,
    }
    .map_err(|error| store_error(&error))
}

async fn read_all(session: &Session, sum: Sum) -> Result<Reconciled, tokio_postgres::Error> {
    let limit = WHOLE_TIMEOUT.as_millis();
    let client = &session.client;
    // One moment for all counts: commits go on meanwhile.
    let begin = format!(
        "ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {limit}"
    );
    client.batch_execute(&begin).await?;
    let counts = "SELECT (SELECT count(*) FROM batches), (SELECT count(*) FROM metrics), \
         (SELECT coalesce(sum(metrics), 0)::bigint FROM batches), (SELECT count(*) FROM dead_letters)";
    let counts = client.query_one(counts, &[]).await?;
    let minutes = client.query_one(&compare("rollups_minute", MINUTE_MS, sum), &[]).await?;
    let hours = client.query_one(&compare("rollups_hour", HOUR_MS, sum), &[]).await?;
    client.batch_execute("COMMIT").await?;
    let count = |row: &Row, column: usize| row.get::<_, i64>(column).unsigned_abs();
    Ok(Reconciled {
        batches: count(&counts, 0),
        metrics: count(&counts, 1),
        metrics_promised: count(&counts, 2),
        rollups: count(&minutes, 0) + count(&hours, 0),
        wrong: count(&minutes, 1) + count(&hours, 1),
        dead: count(&counts, 3),
    })
}

/// How many rollups there are or should be, and how many are not what their rows come to. Two
/// sums in different orders differ as `Balance` in [`crate::store::rollup`] says; sums whose
/// parts come near the largest number depend on their order and are not compared.
fn compare(table: &str, width_ms: u64, sum: Sum) -> String {
    let (total, magnitude) = (sum.of("value"), sum.of("abs(value)"));
    // Exact arithmetic begins with fifteen digits of each value.
    let digits = if sum == Sum::Wide { 1e-14 } else { 0.0 };
    format!(
        "WITH raw AS (
             SELECT name_id, time_ms - time_ms % {width_ms} AS start_ms, count(*) AS count,
                    {total} AS sum, {magnitude} AS magnitude, min(value) AS min, max(value) AS max
             FROM metrics GROUP BY 1, 2)
         SELECT count(*), count(*) FILTER (WHERE CASE
             WHEN kept.count = raw.count AND kept.min = raw.min AND kept.max = raw.max THEN CASE
                 WHEN raw.magnitude > {NEAR_LARGEST:e} THEN false
                 WHEN abs(kept.sum) > {NEAR_LARGEST:e} THEN true
                 ELSE abs(kept.sum - raw.sum) > ({double:e} * raw.count + {digits:e})
                      * greatest(raw.magnitude, {NEAR_SMALLEST:e}) END
             ELSE true END)
         FROM raw FULL JOIN {table} AS kept USING (name_id, start_ms)",
        double = 2.0 * f64::EPSILON,
    )
}
