//! Connections to the file and the settings that its promise rests on.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use tailrace_contract::StoreError;

use super::fault::told;

/// How long one process waits for another that holds the file: longer than the longest commit,
/// shorter than a person's patience.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two tries: others change the journal within a few syncs.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
/// Memory for pages of one connection, in KiB: the ends of two indexes of a busy store.
const CACHE_KIB: i64 = 32 << 10;
/// Prepared statements that one connection keeps: more than there are.
const STATEMENTS: usize = 32;
/// Pages of the write-ahead log after which a commit carries them into the file: 16 MB. Pages at
/// the ends of indexes are written again and again; carried seldom, they are carried once.
const CHECKPOINT_PAGES: i64 = 4_000;
/// The write-ahead log is cut back to this after a checkpoint: a long read must not leave a large
/// file for ever.
const WAL_BYTES: i64 = 64 << 20;

/// A connection that may write.
pub(super) fn writing(path: &Path) -> Result<Connection, StoreError> {
    open(path, |connection| {
        // Readers and the writer do not wait for each other.
        patiently(|| connection.pragma_update(None, "journal_mode", "wal"))?;
        // Synced at every commit: it then outlives the host, as far as the disk keeps its word.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES)
    })
}

/// A connection that only reads.
pub(super) fn reading(path: &Path) -> Result<Connection, StoreError> {
    open(path, |connection| connection.pragma_update(None, "query_only", true))
}

fn open(
    path: &Path,
    settings: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Result<Connection, StoreError> {
    let prepare = || {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        settings(&connection)?;
        Ok(connection)
    };
    prepare().map_err(|error| in_file(path, told(&error)))
}

/// Tries again while another process holds the file: changing the journal is the one step for
/// which SQLite does not wait by itself.
fn patiently<T>(mut attempt: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < BUSY_TIMEOUT =>
            {
                thread::sleep(BUSY_PAUSE);
            }
            done => return done,
        }
    }
}

/// Names the file in an error.
pub(super) fn in_file(path: &Path, error: StoreError) -> StoreError {
    let named = |cause| format!("{}: {cause}", path.display());
    match error {
        StoreError::Unreachable { cause } => StoreError::Unreachable { cause: named(cause) },
        StoreError::Refused { cause } => StoreError::Refused { cause: named(cause) },
        StoreError::Backend { cause } => StoreError::Backend { cause: named(cause) },
    }
}
