//! Aggregates and summaries, computed where the rows are. Rollups answer wherever they can; which
//! part of a question that is, [`crate::store::buckets`] decides.

use tailrace_contract::history::{AggregateQuery, Aggregated, Filter, NameSummary, Range};
use tailrace_contract::{SmolStr, StoreError, Tenant};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::fault::store_error;
use super::history::{attributes, names};
use super::pool::Session;
use super::sql::{Parameters, Sum};
use super::types::{big, whole};
use crate::store::aggregate::{Answers, too_many_answers};
use crate::store::buckets::{MINUTE_MS, Source, bounded, floor, pieces};
use crate::store::rollup::Rollup;

/// Answers in order of time, then group.
pub(super) async fn aggregate(
    session: &Session,
    tenant: Tenant,
    query: AggregateQuery,
) -> Result<Vec<Aggregated>, StoreError> {
    let names = names(session, &tenant, &query.filter).await?;
    if query.percentiles || query.group_by.is_some() {
        return exactly(session, names, &query).await;
    }
    let mut answers = Answers::new(&query);
    for (source, range) in pieces(&query) {
        for row in buckets(session, &names, &query, source, range).await? {
            answers.rollup(whole(row.get(0))?, rollup(&row, 1)?)?;
        }
    }
    Ok(answers.finish())
}

/// Everything from rows.
async fn exactly(
    session: &Session,
    names: Vec<i32>,
    query: &AggregateQuery,
) -> Result<Vec<Aggregated>, StoreError> {
    let mut parameters = Parameters::default();
    let sql = rows_sql(query, names, bounded(query.range), &mut parameters);
    let rows = parameters.ask_sums(session, sql).await.map_err(|error| store_error(&error))?;
    if rows.len() > query.limit {
        return Err(too_many_answers(query.limit));
    }
    rows.iter().map(|row| aggregated(row, query)).collect()
}

fn aggregated(row: &Row, query: &AggregateQuery) -> Result<Aggregated, StoreError> {
    let Rollup { count, sum, min, max } = rollup(row, 1)?;
    let percentiles = query.percentiles.then(|| row.get::<_, Vec<f64>>(6));
    Ok(Aggregated {
        start_ms: whole(row.get(0))?,
        group: row.get::<_, Option<&str>>(5).map(SmolStr::new),
        count,
        sum,
        min,
        max,
        percentiles: percentiles.and_then(|values| values.try_into().ok()),
    })
}

/// One part of a range, by the question's buckets.
async fn buckets(
    session: &Session,
    names: &[i32],
    query: &AggregateQuery,
    source: Source,
    range: Range,
) -> Result<Vec<Row>, StoreError> {
    let mut parameters = Parameters::default();
    let names = names.to_vec();
    let rows = match source {
        Source::Rows => {
            let sql = rows_sql(query, names, range, &mut parameters);
            parameters.ask_sums(session, sql).await
        }
        Source::Minutes | Source::Hours => {
            let sql = rollups_sql(query, names, source, range, &mut parameters);
            parameters.ask_sums(session, sql).await
        }
    };
    rows.map_err(|error| store_error(&error))
}

/// Start, count, sum, smallest, largest, group, percentiles.
pub(super) fn rows_sql(
    query: &AggregateQuery,
    names: Vec<i32>,
    range: Range,
    parameters: &mut Parameters,
) -> impl Fn(Sum) -> String + use<> {
    let start = start(query, "time_ms", parameters);
    let inside = inside("time_ms", names, range, parameters);
    let conditions = attributes(&query.filter, parameters);
    let group = match &query.group_by {
        Some(key) => format!("(attributes ->> {}) COLLATE \"C\"", parameters.text(key)),
        None => "NULL::text".to_owned(),
    };
    let percentiles = if query.percentiles {
        "percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY value)"
    } else {
        "NULL::float8[]"
    };
    let limit = one_more(query, parameters);
    move |sum| {
        let sum = sum.of("value");
        format!(
            "SELECT {start}, count(*), {sum}, min(value), max(value), {group}, {percentiles}
             FROM metrics WHERE {inside} {conditions}
             GROUP BY 1, 6 ORDER BY 1, 6 NULLS FIRST LIMIT {limit}"
        )
    }
}

/// Start, count, sum, smallest, largest.
pub(super) fn rollups_sql(
    query: &AggregateQuery,
    names: Vec<i32>,
    source: Source,
    range: Range,
    parameters: &mut Parameters,
) -> impl Fn(Sum) -> String + use<> {
    let table = if source == Source::Hours { "rollups_hour" } else { "rollups_minute" };
    let start = start(query, "start_ms", parameters);
    let inside = inside("start_ms", names, range, parameters);
    let limit = one_more(query, parameters);
    move |sum| {
        let sum = sum.of("sum");
        format!(
            "SELECT {start}, sum(count)::bigint, {sum}, min(min), max(max)
             FROM {table} WHERE {inside} GROUP BY 1 ORDER BY 1 LIMIT {limit}"
        )
    }
}

/// Where the bucket of a time begins.
fn start(query: &AggregateQuery, time: &str, parameters: &mut Parameters) -> String {
    match query.bucket_ms {
        None => format!("{}::bigint", parameters.number(big(query.range.from_ms))),
        Some(width) => {
            let width = parameters.number(big(width.max(1)));
            format!("{time} - {time} % {width}")
        }
    }
}

fn inside(time: &str, names: Vec<i32>, range: Range, parameters: &mut Parameters) -> String {
    let names = parameters.add(names, Type::INT4_ARRAY);
    let (from, to) = (parameters.number(big(range.from_ms)), parameters.number(big(range.to_ms)));
    format!("name_id = ANY({names}) AND {time} >= {from} AND {time} < {to}")
}

/// One answer above the limit is enough to refuse.
fn one_more(query: &AggregateQuery, parameters: &mut Parameters) -> String {
    parameters.number(big(query.limit as u64).saturating_add(1))
}

/// Count, sum, smallest and largest from this column on.
fn rollup(row: &Row, first: usize) -> Result<Rollup, StoreError> {
    Ok(Rollup {
        count: whole(row.get(first))?,
        sum: row.get(first + 1),
        min: row.get(first + 2),
        max: row.get(first + 3),
    })
}

/// What each name came to, by whole minutes.
pub(super) async fn summary(
    session: &Session,
    tenant: Tenant,
    range: Range,
) -> Result<Vec<NameSummary>, StoreError> {
    let names = names(session, &tenant, &Filter::default()).await?;
    let mut parameters = Parameters::default();
    let sql = summary_sql(names, range, &mut parameters);
    let rows = parameters.ask_sums(session, sql).await.map_err(|error| store_error(&error))?;
    let summary = |row: &Row| {
        let Rollup { count, sum, min, max } = rollup(row, 1)?;
        let name = SmolStr::new(row.get::<_, &str>(0));
        Ok(NameSummary { name, count, sum, min, max, last_ms: whole(row.get(5))? })
    };
    rows.iter().map(summary).collect()
}

pub(super) fn summary_sql(
    names: Vec<i32>,
    range: Range,
    parameters: &mut Parameters,
) -> impl Fn(Sum) -> String + use<> {
    let Range { from_ms, to_ms } = bounded(range);
    let range =
        Range { from_ms: floor(from_ms, MINUTE_MS), to_ms: to_ms.next_multiple_of(MINUTE_MS) };
    let inside = inside("start_ms", names, range, parameters);
    move |sum| {
        let sum = sum.of("sum");
        format!(
            "SELECT name, sum(count)::bigint, {sum}, min(min), max(max), max(start_ms)
             FROM rollups_minute JOIN names ON id = name_id WHERE {inside}
             GROUP BY name ORDER BY name"
        )
    }
}
