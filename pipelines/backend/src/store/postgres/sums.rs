//! Increments of rollups as columns for one statement. Numbers of names stand for names here;
//! the arithmetic is that of [`crate::store::rollup`].

use std::collections::BTreeMap;

use tailrace_contract::{Batch, StoreError};

use tokio_postgres::types::ToSql;

use super::fault::store_error;
use super::pool::Session;
use super::types::big;
use crate::store::buckets::{HOUR_MS, MINUTE_MS, floor};
use crate::store::rollup::Rollup;

const ADD_MINUTES: &str = "INSERT INTO rollups_minute AS old (name_id, start_ms, count, sum, min, max) \
     SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::float8[], $5::float8[], $6::float8[]) \
     ON CONFLICT (name_id, start_ms) DO UPDATE SET count = old.count + excluded.count, \
     sum = saturating_sum(old.sum, excluded.sum), min = least(old.min, excluded.min), \
     max = greatest(old.max, excluded.max)";
const ADD_HOURS: &str = "INSERT INTO rollups_hour AS old (name_id, start_ms, count, sum, min, max) \
     SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::float8[], $5::float8[], $6::float8[]) \
     ON CONFLICT (name_id, start_ms) DO UPDATE SET count = old.count + excluded.count, \
     sum = saturating_sum(old.sum, excluded.sum), min = least(old.min, excluded.min), \
     max = greatest(old.max, excluded.max)";

/// By name and start of the minute or hour. Sorted: every writer takes rows in the same order,
/// and none waits for another in a circle.
type Rollups = BTreeMap<(i32, u64), Rollup>;

/// What one transaction adds.
#[derive(Debug, Default)]
pub(super) struct Sums {
    minutes: Rollups,
}

impl Sums {
    /// Counts a new batch; `names`: the number of each metric's name.
    pub(super) fn add(&mut self, batch: &Batch, names: &[i32]) {
        for (metric, &name) in batch.metrics.iter().zip(names) {
            let start_ms = floor(metric.time_ms.unwrap_or(batch.received_ms), MINUTE_MS);
            merge(&mut self.minutes, (name, start_ms), Rollup::of(metric.value));
        }
    }

    /// Adds them to the minutes.
    pub(super) async fn add_minutes(&self, session: &Session) -> Result<(), StoreError> {
        upsert(session, ADD_MINUTES, &self.minutes).await
    }

    /// Adds them to the hours.
    pub(super) async fn add_hours(&self, session: &Session) -> Result<(), StoreError> {
        let mut hours = Rollups::new();
        for (&(name, start_ms), &rollup) in &self.minutes {
            merge(&mut hours, (name, floor(start_ms, HOUR_MS)), rollup);
        }
        upsert(session, ADD_HOURS, &hours).await
    }
}

fn merge(rollups: &mut Rollups, key: (i32, u64), more: Rollup) {
    rollups.entry(key).and_modify(|rollup| rollup.merge(more)).or_insert(more);
}

async fn upsert(session: &Session, sql: &'static str, rollups: &Rollups) -> Result<(), StoreError> {
    let names: Vec<i32> = rollups.keys().map(|key| key.0).collect();
    let starts: Vec<i64> = rollups.keys().map(|key| big(key.1)).collect();
    let counts: Vec<i64> = rollups.values().map(|rollup| big(rollup.count)).collect();
    let floats = |of: fn(&Rollup) -> f64| rollups.values().map(of).collect::<Vec<f64>>();
    let (sums, min, max) = (floats(|r| r.sum), floats(|r| r.min), floats(|r| r.max));
    let statement = session.statement(sql).await?;
    let columns: [&(dyn ToSql + Sync); 6] = [&names, &starts, &counts, &sums, &min, &max];
    let added = session.client.execute(&statement, &columns).await;
    added.map(drop).map_err(|error| store_error(&error))
}
