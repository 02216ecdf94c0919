//! Questions of history: a page of metrics, aggregates, the summary of names.

use std::ops::ControlFlow;

use rusqlite::Connection;
use tailrace_contract::history::{
    AggregateQuery, Aggregated, Cursor, MetricRow, MetricsPage, MetricsQuery, NameSummary, Range,
};
use tailrace_contract::{BatchId, Metric, Producer, RunId, SmolStr, StoreError, Tenant};

use super::fault::told;
use super::ids;
use super::readers::Asker;
use super::scan::{Before, Found, Scan, names};
use crate::store::aggregate::Answers;
use crate::store::attributes;
use crate::store::buckets::{MINUTE_MS, Source, bounded, by_hours, floor, pieces};
use crate::store::rollup::Rollup;

/// Names whose rows are read one name after the other for a page. With more, walking through time
/// and leaving out other names is cheaper.
const NAMES_APART_MAX: usize = 32;

/// Rollups of a name.
pub(super) const ROLLUPS: [&str; 2] = [
    "select start_ms, count, sum, min, max from rollups_minute \
     where tenant = ?1 and name = ?2 and start_ms >= ?3 and start_ms < ?4",
    "select start_ms, count, sum, min, max from rollups_hour \
     where tenant = ?1 and name = ?2 and start_ms >= ?3 and start_ms < ?4",
];

/// The newest rollup of a name.
pub(super) const LAST_MINUTE: &str = "select max(start_ms) from rollups_minute \
     where tenant = ?1 and name = ?2 and start_ms >= ?3 and start_ms < ?4";

/// Who brought a row.
pub(super) const ORIGIN: &str = "select run, producer, seq from batches where id = ?1";

/// One page of metrics.
pub(super) fn metrics(
    connection: &Connection,
    asker: &Asker,
    tenant: &Tenant,
    query: &MetricsQuery,
) -> Result<MetricsPage, StoreError> {
    let range = bounded(query.range);
    let mut scan = Scan::of_range(connection, asker, tenant, &query.filter, range);
    if let Some(Cursor { time_ms, batch, index }) = query.after {
        let id = ids::row(batch, index);
        scan.before = scan.before.min(Before { time_ms, id });
    }
    let wanted = query.limit.max(1);
    // One more than a page tells whether another follows.
    let mut rows = newest(&scan, wanted.saturating_add(1))?;
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let next = rows.last().filter(|_| more).map(|last| Cursor {
        time_ms: last.time_ms,
        batch: ids::batch(last.id),
        index: ids::place(last.id),
    });
    let rows = rows.into_iter().map(|row| with_origin(connection, tenant, row));
    Ok(MetricsPage { rows: rows.collect::<Result<_, _>>()?, next })
}

/// A row that is to be shown.
struct Kept {
    id: i64,
    time_ms: u64,
    metric: Metric,
}

impl Kept {
    fn of(found: &Found<'_>) -> Self {
        let Found { id, time_ms, timed, value, .. } = *found;
        let attributes = found.attributes.map(attributes::from_json).unwrap_or_default();
        let time = timed.then_some(time_ms);
        let metric = Metric { name: found.name.into(), value, time_ms: time, attributes };
        Self { id, time_ms, metric }
    }
}

/// The newest rows that pass, at most `count`.
fn newest(scan: &Scan<'_>, count: usize) -> Result<Vec<Kept>, StoreError> {
    let mut kept = Vec::new();
    let named = match &scan.filter.name {
        None => return taken(scan, count, None),
        named => names(scan.connection, scan.tenant, named.as_ref(), NAMES_APART_MAX + 1)?,
    };
    if named.len() > NAMES_APART_MAX {
        return taken(scan, count, None);
    }
    for name in &named {
        kept.extend(taken(scan, count, Some(name))?);
    }
    kept.sort_unstable_by_key(|row| std::cmp::Reverse((row.time_ms, row.id)));
    kept.truncate(count);
    Ok(kept)
}

fn taken(scan: &Scan<'_>, count: usize, name: Option<&str>) -> Result<Vec<Kept>, StoreError> {
    let mut kept = Vec::new();
    let mut take = |found: Found<'_>| {
        kept.push(Kept::of(&found));
        let enough = kept.len() == count;
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    match name {
        Some(name) => scan.by_name(name, &mut take)?,
        None => scan.by_time(&mut take)?,
    }
    Ok(kept)
}

fn with_origin(
    connection: &Connection,
    tenant: &Tenant,
    row: Kept,
) -> Result<MetricRow, StoreError> {
    let read = || {
        connection.prepare_cached(ORIGIN)?.query_row([ids::batch(row.id)], |origin| {
            let run = RunId::from_hex(origin.get_ref(0)?.as_str()?.as_bytes());
            let producer = Producer(SmolStr::new(origin.get_ref(1)?.as_str()?));
            Ok((run, producer, origin.get(2)?))
        })
    };
    let (run, producer, seq) = read().map_err(|error| told(&error))?;
    let run = run.ok_or_else(|| StoreError::Backend {
        cause: "a stored run is not 32 hexadecimal digits; did something else write to the store?"
            .into(),
    })?;
    let id = BatchId { tenant: tenant.clone(), run, producer, seq };
    Ok(MetricRow { id, time_ms: row.time_ms, metric: row.metric })
}

/// Aggregates, from rollups wherever those answer it.
pub(super) fn aggregate(
    connection: &Connection,
    asker: &Asker,
    tenant: &Tenant,
    query: &AggregateQuery,
) -> Result<Vec<Aggregated>, StoreError> {
    let mut answers = Answers::new(query);
    for (source, range) in pieces(query) {
        match source {
            Source::Rows => rows(connection, asker, tenant, range, &mut answers, query)?,
            Source::Minutes | Source::Hours => {
                for name in names(connection, tenant, query.filter.name.as_ref(), usize::MAX)? {
                    asker.still_there()?;
                    rollups(connection, source, tenant, &name, range, |start_ms, rollup| {
                        answers.rollup(start_ms, rollup)
                    })?;
                }
            }
        }
    }
    Ok(answers.finish())
}

fn rows(
    connection: &Connection,
    asker: &Asker,
    tenant: &Tenant,
    range: Range,
    answers: &mut Answers<'_>,
    query: &AggregateQuery,
) -> Result<(), StoreError> {
    let scan = Scan::of_range(connection, asker, tenant, &query.filter, range);
    let mut visit = |found: Found<'_>| {
        let attribute = query.group_by.as_ref().zip(found.attributes);
        let group = attribute.and_then(|(key, json)| attributes::one(json, key));
        answers.value(found.time_ms, group, found.value)?;
        Ok(ControlFlow::Continue(()))
    };
    let filter = query.filter.name.as_ref();
    if filter.is_none() {
        return scan.by_time(&mut visit);
    }
    for name in names(connection, tenant, filter, usize::MAX)? {
        scan.by_name(&name, &mut visit)?;
    }
    Ok(())
}

fn rollups(
    connection: &Connection,
    source: Source,
    tenant: &Tenant,
    name: &str,
    range: Range,
    mut visit: impl FnMut(u64, Rollup) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let sql = ROLLUPS[usize::from(source == Source::Hours)];
    let mut statement = connection.prepare_cached(sql).map_err(|error| told(&error))?;
    let mut rows = statement
        .query((&*tenant.0, name, range.from_ms, range.to_ms))
        .map_err(|error| told(&error))?;
    while let Some(row) = rows.next().map_err(|error| told(&error))? {
        let read = || {
            let (count, sum) = (row.get(1)?, row.get(2)?);
            Ok((row.get(0)?, Rollup { count, sum, min: row.get(3)?, max: row.get(4)? }))
        };
        let (start_ms, rollup) = read().map_err(|error: rusqlite::Error| told(&error))?;
        visit(start_ms, rollup)?;
    }
    Ok(())
}

/// What each name came to, by whole minutes.
pub(super) fn summary(
    connection: &Connection,
    asker: &Asker,
    tenant: &Tenant,
    range: Range,
) -> Result<Vec<NameSummary>, StoreError> {
    let range = bounded(range);
    if range.from_ms >= range.to_ms {
        return Ok(Vec::new());
    }
    let (from_ms, to_ms) =
        (floor(range.from_ms, MINUTE_MS), range.to_ms.next_multiple_of(MINUTE_MS));
    let range = Range { from_ms, to_ms };
    let mut summaries = Vec::new();
    for name in names(connection, tenant, None, usize::MAX)? {
        asker.still_there()?;
        let Some(last_ms) = last_minute(connection, tenant, &name, range)? else { continue };
        let mut total = Rollup::NOTHING;
        for (source, range) in by_hours(range) {
            rollups(connection, source, tenant, &name, range, |_, more| {
                total.merge(more);
                Ok(())
            })?;
        }
        let Rollup { count, sum, min, max } = total;
        summaries.push(NameSummary { name, count, sum, min, max, last_ms });
    }
    Ok(summaries)
}

/// The newest minute of a name that has a value, if one has.
fn last_minute(
    connection: &Connection,
    tenant: &Tenant,
    name: &str,
    range: Range,
) -> Result<Option<u64>, StoreError> {
    let read = || {
        let key = (&*tenant.0, name, range.from_ms, range.to_ms);
        connection.prepare_cached(LAST_MINUTE)?.query_row(key, |row| row.get(0))
    };
    read().map_err(|error| told(&error))
}
