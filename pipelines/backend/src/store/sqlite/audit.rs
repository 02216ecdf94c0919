//! What the store holds of a run, by its batches and the rows that are really there.

use std::collections::BTreeMap;

use rusqlite::Connection;
use tailrace_contract::{Audit, Producer, ProducerAudit, RunId, SmolStr, StoreError, Tenant};

use super::fault::told;
use super::readers::Asker;

/// Batches of a run in the order in which they were stored, each with its rows counted.
pub(super) const BATCHES: [&str; 2] = [
    "select tenant, producer, seq, \
     (select count(*) from metrics where metrics.id between batches.id << 10 and batches.id << 10 | 1023) \
     from batches where run = ?1 order by id",
    "select tenant, producer, seq, \
     (select count(*) from metrics where metrics.id between batches.id << 10 and batches.id << 10 | 1023) \
     from batches where run = ?1 and tenant = ?2 order by id",
];

/// The account of a run. Two tenants that use the same run are accounted apart.
pub(super) fn audit(
    connection: &Connection,
    asker: &Asker,
    run: RunId,
    tenant: Option<&Tenant>,
) -> Result<Audit, StoreError> {
    let mut accounts = BTreeMap::<(SmolStr, SmolStr), ProducerAudit>::new();
    let sql = BATCHES[usize::from(tenant.is_some())];
    let mut statement = connection.prepare_cached(sql).map_err(|error| told(&error))?;
    let run_hex = run.to_string();
    let rows = match tenant {
        Some(tenant) => statement.query((run_hex, &*tenant.0)),
        None => statement.query([run_hex]),
    };
    let mut rows = rows.map_err(|error| told(&error))?;
    while let Some(row) = rows.next().map_err(|error| told(&error))? {
        asker.still_there()?;
        let text =
            |column| -> rusqlite::Result<SmolStr> { Ok(row.get_ref(column)?.as_str()?.into()) };
        let read = || Ok((text(1)?, text(0)?, row.get(2)?, row.get(3)?));
        let (producer, tenant, seq, metrics) =
            read().map_err(|error: rusqlite::Error| told(&error))?;
        accounts
            .entry((producer, tenant))
            .or_insert_with_key(|(producer, _)| ProducerAudit::new(Producer(producer.clone())))
            .add(seq, metrics);
    }
    Ok(Audit { run, producers: accounts.into_values().collect() })
}
