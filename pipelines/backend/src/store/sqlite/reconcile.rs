//! Every rollup against its raw rows. Both are read in one order, side by side, so that it needs
//! no memory however much is stored.

use rusqlite::{CachedStatement, Connection, Rows};
use tailrace_contract::{Reconciled, StoreError, Tenant};

use super::fault::told;
use super::readers::Asker;
use crate::store::buckets::{HOUR_MS, MINUTE_MS, floor};
use crate::store::rollup::{Balance, Key, Rollup};

const TOTALS: &str = "select (select count(*) from batches), (select count(*) from metrics), \
     (select coalesce(sum(metrics), 0) from batches), (select count(*) from dead_letters)";

/// All rows in the order of the rollups.
pub(super) const VALUES: &str =
    "select tenant, name, time_ms, value from metrics order by tenant, name, time_ms";

/// All rollups in their order.
pub(super) const ROLLUPS: [&str; 2] = [
    "select tenant, name, start_ms, count, sum, min, max from rollups_minute \
     order by tenant, name, start_ms",
    "select tenant, name, start_ms, count, sum, min, max from rollups_hour \
     order by tenant, name, start_ms",
];

/// Counts what differs.
pub(super) fn reconcile(connection: &Connection, asker: &Asker) -> Result<Reconciled, StoreError> {
    let read = || {
        connection.query_row(TOTALS, [], |row| {
            let (batches, metrics) = (row.get(0)?, row.get(1)?);
            let (metrics_promised, dead) = (row.get(2)?, row.get(3)?);
            Ok(Reconciled { batches, metrics, metrics_promised, rollups: 0, wrong: 0, dead })
        })
    };
    let mut reconciled = read().map_err(|error| told(&error))?;
    for (sql, width_ms) in ROLLUPS.into_iter().zip([MINUTE_MS, HOUR_MS]) {
        let mut rollups = connection.prepare_cached(sql).map_err(|error| told(&error))?;
        let mut values = connection.prepare_cached(VALUES).map_err(|error| told(&error))?;
        let held = Held::new(&mut rollups)?;
        let (checked, wrong) = held.against(&mut values, width_ms, asker)?;
        reconciled.rollups += checked;
        reconciled.wrong += wrong;
    }
    Ok(reconciled)
}

/// The rollups of one table, while they are held against rows.
struct Held<'a> {
    rollups: Rows<'a>,
    next: Option<(Key, Rollup)>,
    checked: u64,
    wrong: u64,
}

impl<'a> Held<'a> {
    fn new(statement: &'a mut CachedStatement<'_>) -> Result<Self, StoreError> {
        let rollups = statement.query([]).map_err(|error| told(&error))?;
        let mut held = Self { rollups, next: None, checked: 0, wrong: 0 };
        held.advance()?;
        Ok(held)
    }

    fn advance(&mut self) -> Result<(), StoreError> {
        let mut read = || {
            let Some(row) = self.rollups.next()? else { return Ok(None) };
            let tenant = Tenant(row.get_ref(0)?.as_str()?.into());
            let key = Key { tenant, name: row.get_ref(1)?.as_str()?.into(), start_ms: row.get(2)? };
            let (count, sum) = (row.get(3)?, row.get(4)?);
            Ok(Some((key, Rollup { count, sum, min: row.get(5)?, max: row.get(6)? })))
        };
        self.next = read().map_err(|error: rusqlite::Error| told(&error))?;
        Ok(())
    }

    fn against(
        mut self,
        statement: &mut CachedStatement<'_>,
        width_ms: u64,
        asker: &Asker,
    ) -> Result<(u64, u64), StoreError> {
        let mut rows = statement.query([]).map_err(|error| told(&error))?;
        let mut open: Option<(Key, Balance)> = None;
        while let Some(row) = rows.next().map_err(|error| told(&error))? {
            asker.still_there()?;
            let read = || {
                let (tenant, name) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
                Ok((tenant, name, row.get(2)?, row.get(3)?))
            };
            let (tenant, name, time_ms, value) =
                read().map_err(|error: rusqlite::Error| told(&error))?;
            let start_ms = floor(time_ms, width_ms);
            match &mut open {
                Some((key, balance)) if key.is(tenant, name, start_ms) => balance.add(value),
                _ => {
                    let key = Key { tenant: Tenant(tenant.into()), name: name.into(), start_ms };
                    if let Some((key, balance)) = open.replace((key, Balance::of(value))) {
                        self.hold(&key, &balance)?;
                    }
                }
            }
        }
        if let Some((key, balance)) = open {
            self.hold(&key, &balance)?;
        }
        while self.next.is_some() {
            self.found_wrong()?;
        }
        Ok((self.checked, self.wrong))
    }

    /// Holds one bucket of rows against its rollup.
    fn hold(&mut self, key: &Key, balance: &Balance) -> Result<(), StoreError> {
        while self.next.as_ref().is_some_and(|(next, _)| next < key) {
            self.found_wrong()?;
        }
        self.checked += 1;
        match &self.next {
            Some((next, rollup)) if next == key => {
                self.wrong += u64::from(!balance.agrees(rollup));
                self.advance()
            }
            _ => {
                self.wrong += 1;
                Ok(())
            }
        }
    }

    /// The next rollup has no rows.
    fn found_wrong(&mut self) -> Result<(), StoreError> {
        self.checked += 1;
        self.wrong += 1;
        self.advance()
    }
}
