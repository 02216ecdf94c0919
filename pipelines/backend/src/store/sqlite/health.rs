//! Whether the store really works: the file can be read, and a writer gets its turn and may write.

use rusqlite::{Connection, TransactionBehavior};
use tailrace_contract::StoreError;

use super::fault::told;

/// What the store says of itself.
pub(super) fn read(connection: &Connection) -> Result<String, StoreError> {
    let ask = || {
        connection
            .query_row("select count(*) from (select 1 from batches limit 1)", [], |_| Ok(()))?;
        connection.query_row("select journal_mode from pragma_journal_mode", [], |row| {
            row.get::<_, String>(0)
        })
    };
    let journal = ask().map_err(|error| told(&error))?;
    let version = rusqlite::version();
    Ok(format!("SQLite {version}, journal {journal}, synced at every commit"))
}

/// Writes, and takes it back.
pub(super) fn write(connection: &mut Connection) -> Result<(), StoreError> {
    let mut attempt = || {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "insert into dead_letters (log, position, reason, body, buried_ms) \
             values ('health', '', '', x'', 0)",
            [],
        )?;
        transaction.rollback()
    };
    attempt().map_err(|error| told(&error))
}
