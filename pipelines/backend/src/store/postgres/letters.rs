//! Dead letters. PostgreSQL's texts hold no U+0000, and a letter may say why with the very bytes
//! that are at fault: in its texts that character is replaced, in its body it stays.

use bytes::Bytes;
use tailrace_contract::{DeadLetter, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::fault::store_error;
use super::pool::Session;
use super::types::{big, whole};

const BURY: &str = "INSERT INTO dead_letters \
     (log, position, identity, reason, body, received_ms, buried_ms) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (log, position) DO NOTHING";
pub(super) const DEAD: &str = "SELECT number, log, position, identity, reason, body, received_ms, buried_ms \
     FROM dead_letters WHERE number > $1 ORDER BY number LIMIT $2";
const REMOVE: &str = "DELETE FROM dead_letters WHERE number = $1";

/// Keeps letters, all or none.
pub(super) async fn bury(session: &Session, letters: &[DeadLetter]) -> Result<(), StoreError> {
    session.run("BEGIN").await?;
    let statement = session.statement(BURY).await?;
    for letter in letters {
        let (log, position) = (storable(&letter.log), letter.position.to_string());
        // An identity always serializes, and JSON escapes what a text cannot hold.
        let identity = letter.id.as_ref().and_then(|id| serde_json::to_string(id).ok());
        let (reason, body) = (storable(&letter.reason), &letter.body[..]);
        let (received, buried) = (letter.received_ms.map(big), big(letter.buried_ms));
        let columns: [&(dyn ToSql + Sync); 7] =
            [&log, &position, &identity, &reason, &body, &received, &buried];
        session.client.execute(&statement, &columns).await.map_err(|error| store_error(&error))?;
    }
    session.run("COMMIT").await
}

/// Letters behind a number.
pub(super) async fn dead(
    session: &Session,
    after: i64,
    limit: usize,
) -> Result<Vec<(i64, DeadLetter)>, StoreError> {
    let limit = big(limit as u64);
    let rows =
        session.client.query_typed(DEAD, &[(&after, Type::INT8), (&limit, Type::INT8)]).await;
    rows.map_err(|error| store_error(&error))?.iter().map(letter).collect()
}

/// Removes a letter in the transaction that is open.
///
/// # Errors
/// There is none of that number.
pub(super) async fn remove(session: &Session, number: i64) -> Result<(), StoreError> {
    let statement = session.statement(REMOVE).await?;
    let removed = session.client.execute(&statement, &[&number]).await;
    if removed.map_err(|error| store_error(&error))? == 0 {
        let cause = format!("there is no dead letter number {number}; it may have been replayed");
        return Err(StoreError::Refused { cause });
    }
    Ok(())
}

fn letter(row: &Row) -> Result<(i64, DeadLetter), StoreError> {
    let position: &str = row.get(2);
    let position = position.parse().map_err(|fault| StoreError::Backend {
        cause: format!("PostgreSQL: a dead letter's position {position:?}: {fault}"),
    })?;
    let letter = DeadLetter {
        log: row.get(1),
        position,
        id: row.get::<_, Option<&str>>(3).and_then(|id| serde_json::from_str(id).ok()),
        reason: row.get(4),
        body: Bytes::copy_from_slice(row.get(5)),
        received_ms: row.get::<_, Option<i64>>(6).map(whole).transpose()?,
        buried_ms: whole(row.get(7))?,
    };
    Ok((row.get(0), letter))
}

fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
