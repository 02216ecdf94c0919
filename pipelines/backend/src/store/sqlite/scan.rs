//! Rows of the table of metrics, newest first, as every question about them reads them.

use std::ops::ControlFlow;

use rusqlite::{CachedStatement, Connection};
use tailrace_contract::history::{Filter, NameFilter, Range};
use tailrace_contract::{SmolStr, StoreError, Tenant};

use super::fault::told;
use super::readers::Asker;
use crate::store::attributes::matches;

/// Rows of one name. The bound is a pair, so that a page goes on within equal times; no row has
/// the number 0, so `(to_ms, 0)` ends a range.
pub(super) const BY_NAME: &str = "select id, time_ms, timed, value, attributes, name from metrics \
     where tenant = ?1 and time_ms >= ?2 and (time_ms, id) < (?3, ?4) and name = ?5 \
     order by time_ms desc, id desc";

/// Rows of all names.
pub(super) const BY_TIME: &str = "select id, time_ms, timed, value, attributes, name from metrics \
     where tenant = ?1 and time_ms >= ?2 and (time_ms, id) < (?3, ?4) \
     order by time_ms desc, id desc";

/// Each name of a tenant from a given one on, by leaping through the rollups from name to name.
pub(super) const NAMES: &str = "with recursive names (name) as ( \
         select min(name) from rollups_hour where tenant = ?1 and name >= ?2 \
         union all \
         select (select min(name) from rollups_hour where tenant = ?1 and name > names.name) \
         from names where name is not null \
     ) select name from names where name is not null";

/// A row that passed the filter.
pub(super) struct Found<'a> {
    pub(super) id: i64,
    pub(super) time_ms: u64,
    pub(super) timed: bool,
    pub(super) value: f64,
    pub(super) attributes: Option<&'a str>,
    pub(super) name: &'a str,
}

/// Where reading begins: what stands before this, in time and then in the order of storing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Before {
    pub(super) time_ms: u64,
    pub(super) id: i64,
}

/// Shows rows to `visit`, newest first, until it has seen enough.
pub(super) struct Scan<'a> {
    pub(super) connection: &'a Connection,
    pub(super) asker: &'a Asker,
    pub(super) tenant: &'a Tenant,
    pub(super) filter: &'a Filter,
    pub(super) from_ms: u64,
    pub(super) before: Before,
}

type Visit<'v> = dyn FnMut(Found<'_>) -> Result<ControlFlow<()>, StoreError> + 'v;

impl<'a> Scan<'a> {
    /// All rows of a range that pass.
    pub(super) fn of_range(
        connection: &'a Connection,
        asker: &'a Asker,
        tenant: &'a Tenant,
        filter: &'a Filter,
        range: Range,
    ) -> Self {
        let before = Before { time_ms: range.to_ms, id: 0 };
        Self { connection, asker, tenant, filter, from_ms: range.from_ms, before }
    }

    /// Rows of one name.
    pub(super) fn by_name(&self, name: &str, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let statement = self.connection.prepare_cached(BY_NAME).map_err(|error| told(&error))?;
        self.run(statement, Some(name), visit)
    }

    /// Rows of all names that pass.
    pub(super) fn by_time(&self, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let statement = self.connection.prepare_cached(BY_TIME).map_err(|error| told(&error))?;
        self.run(statement, None, visit)
    }

    fn run(
        &self,
        mut statement: CachedStatement<'_>,
        name: Option<&str>,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let tenant = &*self.tenant.0;
        let (from_ms, to_ms) = (self.from_ms, self.before.time_ms);
        let rows = match name {
            Some(name) => statement.query((tenant, from_ms, to_ms, self.before.id, name)),
            None => statement.query((tenant, from_ms, to_ms, self.before.id)),
        };
        let mut rows = rows.map_err(|error| told(&error))?;
        while let Some(row) = rows.next().map_err(|error| told(&error))? {
            self.asker.still_there()?;
            let found = found(row).map_err(|error| told(&error))?;
            if self.passes(&found) && visit(found)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn passes(&self, found: &Found<'_>) -> bool {
        let named = match &self.filter.name {
            None => true,
            Some(NameFilter::Exactly(name)) => found.name == name,
            Some(NameFilter::Prefix(prefix)) => found.name.starts_with(&**prefix),
        };
        let wanted = &self.filter.attributes;
        named && (wanted.is_empty() || found.attributes.is_some_and(|json| matches(json, wanted)))
    }
}

fn found<'a>(row: &'a rusqlite::Row<'_>) -> rusqlite::Result<Found<'a>> {
    Ok(Found {
        id: row.get(0)?,
        time_ms: row.get(1)?,
        timed: row.get(2)?,
        value: row.get(3)?,
        attributes: row.get_ref(4)?.as_str_or_null()?,
        name: row.get_ref(5)?.as_str()?,
    })
}

/// The names that a filter means, in order, at most `limit`; none is missing if there are fewer.
pub(super) fn names(
    connection: &Connection,
    tenant: &Tenant,
    filter: Option<&NameFilter>,
    limit: usize,
) -> Result<Vec<SmolStr>, StoreError> {
    let prefix = match filter {
        Some(NameFilter::Exactly(name)) => return Ok(vec![name.clone()]),
        Some(NameFilter::Prefix(prefix)) => &**prefix,
        None => "",
    };
    let read = || {
        let mut statement = connection.prepare_cached(NAMES)?;
        let mut rows = statement.query((&*tenant.0, prefix))?;
        let mut names = Vec::new();
        while let Some(row) = rows.next()? {
            let name = row.get_ref(0)?.as_str()?;
            if names.len() == limit || !name.starts_with(prefix) {
                break;
            }
            names.push(name.into());
        }
        Ok(names)
    };
    read().map_err(|error: rusqlite::Error| told(&error))
}
