//! Pages of metrics. A page goes through the index name by name, and takes of each no more than
//! the page holds: one index is enough for one name, for a prefix and for all.

use tailrace_contract::history::{
    Cursor, Filter, MetricRow, MetricsPage, MetricsQuery, NameFilter,
};
use tailrace_contract::{BatchId, Metric, Producer, SmolStr, StoreError, Tenant};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::fault::store_error;
use super::pool::Session;
use super::sql::Parameters;
use super::types::{Json, Uuid, big, whole};
use crate::store::attributes::from_json;
use crate::store::buckets::bounded;

/// Numbers of the names that are meant.
pub(super) async fn names(
    session: &Session,
    tenant: &Tenant,
    filter: &Filter,
) -> Result<Vec<i32>, StoreError> {
    let mut parameters = Parameters::default();
    let sql = names_sql(tenant, filter, &mut parameters);
    let rows = parameters.ask(session, &sql).await.map_err(|error| store_error(&error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

pub(super) fn names_sql(tenant: &Tenant, filter: &Filter, parameters: &mut Parameters) -> String {
    let tenant = parameters.text(&tenant.0);
    let named = match &filter.name {
        None => String::new(),
        Some(NameFilter::Exactly(name)) => format!("AND name = {}", parameters.text(name)),
        // An index serves this one too, as names are ordered by their bytes.
        Some(NameFilter::Prefix(prefix)) => format!("AND name ^@ {}", parameters.text(prefix)),
    };
    format!("SELECT id FROM names WHERE tenant = {tenant} {named}")
}

/// Conditions on attributes. A number or flag is compared as it was written in JSON.
pub(super) fn attributes(filter: &Filter, parameters: &mut Parameters) -> String {
    let mut condition = |(key, value): &(SmolStr, SmolStr)| {
        let (key, value) = (parameters.text(key), parameters.text(value));
        format!("AND attributes ->> {key} = {value}")
    };
    filter.attributes.iter().map(&mut condition).collect::<Vec<_>>().join(" ")
}

/// One page, newest first.
pub(super) async fn page(
    session: &Session,
    tenant: Tenant,
    query: MetricsQuery,
) -> Result<MetricsPage, StoreError> {
    let names = names(session, &tenant, &query.filter).await?;
    let wanted = query.limit.max(1);
    let mut parameters = Parameters::default();
    let sql = page_sql(&query, names, wanted, &mut parameters);
    let rows = parameters.ask(session, &sql).await.map_err(|error| store_error(&error))?;
    let found = rows.iter().take(wanted).map(|row| metric_row(&tenant, row));
    let found = found.collect::<Result<Vec<_>, _>>()?;
    let next = match rows.get(wanted) {
        None => None,
        // Another follows.
        Some(_) => rows.get(wanted - 1).map(cursor).transpose()?,
    };
    Ok(MetricsPage { rows: found, next })
}

/// Asks for one more than a page, which tells whether another follows.
pub(super) fn page_sql(
    query: &MetricsQuery,
    names: Vec<i32>,
    wanted: usize,
    parameters: &mut Parameters,
) -> String {
    let range = bounded(query.range);
    let names = parameters.add(names, Type::INT4_ARRAY);
    let (from, to) = (parameters.number(big(range.from_ms)), parameters.number(big(range.to_ms)));
    let behind = query.after.map(|after| behind(after, parameters)).unwrap_or_default();
    let attributes = attributes(&query.filter, parameters);
    let conditions = format!("time_ms >= {from} AND time_ms < {to} {behind} {attributes}");
    let limit = parameters.number(big(wanted as u64).saturating_add(1));
    let newest = format!("ORDER BY time_ms DESC, batch DESC, index DESC LIMIT {limit}");
    format!(
        "SELECT page.*, name, run, producer, seq FROM (
             SELECT own.* FROM unnest({names}) AS wanted (id) CROSS JOIN LATERAL (
                 SELECT time_ms, batch, index, value, timed, attributes, name_id
                 FROM metrics WHERE name_id = wanted.id AND {conditions} {newest}) AS own
             {newest}) AS page
         JOIN names ON names.id = name_id JOIN batches ON number = batch
         ORDER BY time_ms DESC, batch DESC, index DESC"
    )
}

/// Rows behind a place. The first condition is what the index understands.
fn behind(after: Cursor, parameters: &mut Parameters) -> String {
    let time = parameters.number(big(after.time_ms));
    let batch = parameters.number(after.batch);
    let index = parameters.number(after.index.into());
    format!("AND time_ms <= {time} AND (time_ms, batch, index) < ({time}, {batch}, {index})")
}

fn cursor(row: &Row) -> Result<Cursor, StoreError> {
    Ok(Cursor {
        time_ms: whole(row.get(0))?,
        batch: row.get(1),
        index: row.get::<_, i16>(2).unsigned_abs().into(),
    })
}

fn metric_row(tenant: &Tenant, row: &Row) -> Result<MetricRow, StoreError> {
    let time_ms = whole(row.get(0))?;
    let timed: bool = row.get(4);
    let attributes = row.get::<_, Option<Json>>(5);
    let metric = Metric {
        name: SmolStr::new(row.get::<_, &str>(7)),
        value: row.get(3),
        time_ms: timed.then_some(time_ms),
        attributes: attributes.map(|json| from_json(json.0)).unwrap_or_default(),
    };
    let id = BatchId {
        tenant: tenant.clone(),
        run: row.get::<_, Uuid>(8).0,
        producer: Producer(row.get::<_, &str>(9).into()),
        seq: whole(row.get(10))?,
    };
    Ok(MetricRow { id, time_ms, metric })
}
