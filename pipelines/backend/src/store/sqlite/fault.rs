//! What SQLite answers when it cannot, told to people and sorted by what may be done about it.

use rusqlite::ErrorCode;
use tailrace_contract::StoreError;

/// An error of SQLite as one of a store.
pub(super) fn told(error: &rusqlite::Error) -> StoreError {
    let Some(code) = error.sqlite_error_code() else {
        return StoreError::Backend { cause: error.to_string() };
    };
    let unreachable = |hint: &str| StoreError::Unreachable { cause: format!("{error}; {hint}") };
    let refused = |hint: &str| StoreError::Refused { cause: format!("{error}; {hint}") };
    let broken = |hint: &str| StoreError::Backend { cause: format!("{error}; {hint}") };
    match code {
        ErrorCode::DiskFull => {
            unreachable("free some space on the disk of the store: it goes on by itself")
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            unreachable("another process holds the file: look for a second worker or an open shell")
        }
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
            unreachable("does the folder exist, and may this user write there?")
        }
        ErrorCode::SystemIoFailure => {
            unreachable("is the disk still there? Look at the system's log")
        }
        ErrorCode::OutOfMemory => unreachable("the machine has too little memory left"),
        ErrorCode::ReadOnly => broken(
            "may this user write the file and its folder, and is the disk not mounted to be read only?",
        ),
        ErrorCode::DatabaseCorrupt => {
            broken("the file is damaged: keep a copy, then try `sqlite3 FILE .recover`")
        }
        ErrorCode::NotADatabase => {
            broken("the file is no SQLite database: give another path, or move it away")
        }
        ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig => {
            refused("it breaks a rule of the tables")
        }
        _ => StoreError::Backend { cause: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn what_may_pass_is_told_apart_from_what_never_will() {
        let of = |code| told(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for passing in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY, ffi::SQLITE_CANTOPEN, ffi::SQLITE_IOERR]
        {
            assert!(matches!(of(passing), StoreError::Unreachable { .. }), "{passing}");
        }
        for poison in [ffi::SQLITE_CONSTRAINT, ffi::SQLITE_TOOBIG] {
            assert!(matches!(of(poison), StoreError::Refused { .. }), "{poison}");
        }
        for broken in [ffi::SQLITE_READONLY, ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB] {
            assert!(matches!(of(broken), StoreError::Backend { .. }), "{broken}");
        }
    }
}
