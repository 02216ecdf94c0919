//! What a failure of PostgreSQL or of its client means to whoever commits or asks.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io;

use tailrace_contract::StoreError;
use tokio_postgres::Error;

/// Classes of SQLSTATE that another time may not have. Connection lost; transaction taken back
/// (deadlock, serialization); out of connections, memory or disk; not in this state (a lock);
/// somebody ended it or its time was over; the system failed. Source: PostgreSQL's manual,
/// appendix A.
const PASSING: [&str; 6] = ["08", "40", "53", "55", "57", "58"];
/// Classes that the same content would meet again: data, constraints, limits of the program.
const CONTENT: [&str; 3] = ["22", "23", "54"];
/// The same of a class whose others are mistakes: the server was made a standby meanwhile; this
/// program was frozen inside a transaction, which was taken back.
const PASSING_CODES: [&str; 2] = ["25006", "25P03"];

/// The contract's word for it.
pub(super) fn store_error(error: &Error) -> StoreError {
    let cause = describe(error);
    let Some(code) = error.code().map(tokio_postgres::error::SqlState::code) else {
        return if is_connection(error) {
            StoreError::Unreachable { cause }
        } else {
            StoreError::Backend { cause }
        };
    };
    judge(code, cause)
}

fn judge(code: &str, cause: String) -> StoreError {
    let class = code.get(..2).unwrap_or_default();
    if PASSING.contains(&class) || PASSING_CODES.contains(&code) {
        StoreError::Unreachable { cause }
    } else if CONTENT.contains(&class) {
        StoreError::Refused { cause }
    } else {
        StoreError::Backend { cause }
    }
}

/// It took too long.
pub(super) fn silent(what: &str, limit: std::time::Duration) -> StoreError {
    let cause = format!("PostgreSQL: no end of {what} within {limit:?}; is it paused or busy?");
    StoreError::Unreachable { cause }
}

/// The client tells its kinds of error apart by their texts only.
fn is_connection(error: &Error) -> bool {
    let from_socket = error.source().is_some_and(<dyn std::error::Error>::is::<io::Error>);
    from_socket || error.is_closed() || error.to_string().contains("timeout")
}

/// The message with what caused it and its SQLSTATE. Never the statement's parameters.
fn describe(error: &Error) -> String {
    let mut text = format!("PostgreSQL: {error}");
    if let Some(answer) = error.as_db_error() {
        text = format!("PostgreSQL: {} (SQLSTATE {})", answer.message(), answer.code().code());
    } else if let Some(cause) = error.source() {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {cause}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(codes: &[&str], expect: &str) {
        for code in codes {
            let error = judge(code, String::new()).to_string();
            assert!(error.contains(expect), "{code}: {error}");
        }
    }

    #[test]
    fn codes_mean_what_they_should() {
        check(&["08006", "40001", "40P01", "53300", "53100", "55P03"], "cannot be reached");
        check(&["57P01", "57P02", "57P03", "57014", "25006", "25P03"], "cannot be reached");
        check(&["22003", "22P05", "23505", "54000"], "refuses");
        check(&["42P01", "28P01", "3D000", "XX000", "25P02", ""], "failed");
    }
}
