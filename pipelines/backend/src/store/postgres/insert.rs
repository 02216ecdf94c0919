//! How the rows of new batches get into their table: three ways, for a comparison. All of them
//! stand between the identities and the rollups of one transaction, and leave the same rows.
//!
//! Read next: `copy.rs`, the format of the way that is usual here.

use futures_util::SinkExt;
use tailrace_contract::StoreError;
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;

use super::commit::New;
use super::copy::{COPY, Rows};
use super::fault::store_error;
use super::pool::Session;
use super::types::{Json, big};
use crate::store::attributes::to_json;

const ONE_ROW: &str = "INSERT INTO metrics (time_ms, batch, value, name_id, index, timed, attributes) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// Columns as arrays, so that one prepared statement serves any number of rows.
const MANY_ROWS: &str = "INSERT INTO metrics (time_ms, batch, value, name_id, index, timed, attributes) \
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::float8[], $4::int[], $5::smallint[], \
     $6::boolean[], $7::json[])";

/// A way to write rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Insert {
    /// A prepared statement for each, one after the other: what a program does that stores each
    /// metric as it comes by it. A round trip a row.
    Row,
    /// One prepared statement for all of them.
    Rows,
    /// COPY, in the binary format.
    #[default]
    Copy,
}

impl Insert {
    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Row => "a statement for each row",
            Self::Rows => "one statement for all rows",
            Self::Copy => "rows by COPY",
        }
    }

    /// Writes the rows of these batches, within the transaction that is open.
    pub(super) async fn write(self, session: &Session, new: &[New<'_>]) -> Result<(), StoreError> {
        match self {
            Self::Row => one_by_one(session, new).await,
            Self::Rows => at_once(session, new).await,
            Self::Copy => copy(session, new).await,
        }
    }
}

/// A row as PostgreSQL's client takes it.
struct Row {
    time_ms: i64,
    batch: i64,
    value: f64,
    name: i32,
    index: i16,
    timed: bool,
    attributes: Option<String>,
}

fn rows<'a>(new: &'a [New<'a>]) -> impl Iterator<Item = Row> + 'a {
    new.iter().flat_map(|new| {
        let metrics = new.batch.metrics.iter().zip(new.names);
        (0..).zip(metrics).map(|(index, (metric, &name))| Row {
            time_ms: big(metric.time_ms.unwrap_or(new.batch.received_ms)),
            batch: new.number,
            value: metric.value,
            name,
            index,
            timed: metric.time_ms.is_some(),
            attributes: (!metric.attributes.is_empty()).then(|| to_json(&metric.attributes)),
        })
    })
}

async fn one_by_one(session: &Session, new: &[New<'_>]) -> Result<(), StoreError> {
    let insert = session.statement(ONE_ROW).await?;
    for row in rows(new) {
        let attributes = row.attributes.as_deref().map(Json);
        let columns: [&(dyn ToSql + Sync); 7] =
            [&row.time_ms, &row.batch, &row.value, &row.name, &row.index, &row.timed, &attributes];
        done(session.client.execute(&insert, &columns).await)?;
    }
    Ok(())
}

async fn at_once(session: &Session, new: &[New<'_>]) -> Result<(), StoreError> {
    let insert = session.statement(MANY_ROWS).await?;
    let rows: Vec<Row> = rows(new).collect();
    let numbers = |of: fn(&Row) -> i64| rows.iter().map(of).collect::<Vec<i64>>();
    let (times, batches) = (numbers(|row| row.time_ms), numbers(|row| row.batch));
    let values: Vec<f64> = rows.iter().map(|row| row.value).collect();
    let names: Vec<i32> = rows.iter().map(|row| row.name).collect();
    let indexes: Vec<i16> = rows.iter().map(|row| row.index).collect();
    let timed: Vec<bool> = rows.iter().map(|row| row.timed).collect();
    let attributes: Vec<Option<Json<'_>>> =
        rows.iter().map(|row| row.attributes.as_deref().map(Json)).collect();
    let columns: [&(dyn ToSql + Sync); 7] =
        [&times, &batches, &values, &names, &indexes, &timed, &attributes];
    done(session.client.execute(&insert, &columns).await)
}

fn done(executed: Result<u64, Error>) -> Result<(), StoreError> {
    executed.map(drop).map_err(|error| store_error(&error))
}

async fn copy(session: &Session, new: &[New<'_>]) -> Result<(), StoreError> {
    let copy = session.statement(COPY).await?;
    let sink = session.client.copy_in(&copy).await.map_err(|error| store_error(&error))?;
    futures_util::pin_mut!(sink);
    let mut rows = Rows::new();
    for new in new {
        rows.batch(new.number, new.batch, new.names);
        if let Some(piece) = rows.piece() {
            sink.feed(piece).await.map_err(|error| store_error(&error))?;
        }
    }
    sink.send(rows.finish()).await.map_err(|error| store_error(&error))?;
    done(sink.finish().await)
}
