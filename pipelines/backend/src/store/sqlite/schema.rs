//! The tables, and how a file gets them: each start applies what its file lacks, in one
//! transaction, so that a crash leaves the old version or the new one. To begin anew, end whatever
//! uses the file and delete it with its `-wal` and `-shm` neighbours; the next start makes it again.

use rusqlite::{Connection, TransactionBehavior};
use tailrace_contract::StoreError;

use super::fault::told;

/// What turns each version into the next one; the first starts from nothing.
const STEPS: [&str; 1] = [include_str!("schema-1.sql")];

/// Marks a file as ours: "Trac" in ASCII.
const APPLICATION: i32 = 0x5472_6163;

/// Brings a file to the version of this program.
///
/// # Errors
/// The file belongs to another program or a newer version, or cannot be written.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    if check(connection)? == STEPS.len() {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| told(&error))?;
    // Another process may have done it while this one waited for its turn.
    let version = check(&transaction)?;
    let apply = || {
        for step in &STEPS[version..] {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", STEPS.len())
    };
    apply().and_then(|()| transaction.commit()).map_err(|error| told(&error))
}

/// The file's version; 0: it is empty.
fn check(connection: &Connection) -> Result<usize, StoreError> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let ask = || {
        let tables = number("select count(*) from sqlite_schema")?;
        let application = number("select application_id from pragma_application_id")?;
        Ok((tables, application, number("select user_version from pragma_user_version")?))
    };
    let (tables, application, version) = ask().map_err(|error| told(&error))?;
    if tables > 0 && application != i64::from(APPLICATION) {
        let cause = "the file holds tables of another program; give another path".into();
        return Err(StoreError::Backend { cause });
    }
    usize::try_from(version).ok().filter(|&version| version <= STEPS.len()).ok_or_else(|| {
        let cause = format!(
            "the file was made by a newer tailrace (its tables are version {version}, this program \
             knows up to {}): use that program, or another path",
            STEPS.len()
        );
        StoreError::Backend { cause }
    })
}
