//! Dead letters: kept once, read in order, revived once.

use rusqlite::{Connection, Row, TransactionBehavior};
use tailrace_contract::{Batch, Committed, DeadLetter, StoreError};

use super::fault::told;
use super::write;

pub(super) const AFTER: &str = "select id, log, position, identity, reason, body, received_ms, buried_ms \
     from dead_letters where id > ?1 order by id limit ?2";

/// Keeps letters; one that is there already stays as it is.
pub(super) fn bury(connection: &mut Connection, letters: &[DeadLetter]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut insert = transaction.prepare_cached(
        "insert into dead_letters (log, position, identity, reason, body, received_ms, buried_ms) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict do nothing",
    )?;
    for letter in letters {
        // An identity always serializes.
        let identity = letter.id.as_ref().and_then(|id| serde_json::to_string(id).ok());
        insert.execute((
            &letter.log,
            letter.position.to_string(),
            identity,
            &letter.reason,
            &*letter.body,
            letter.received_ms.map(whole),
            whole(letter.buried_ms),
        ))?;
    }
    drop(insert);
    transaction.commit()
}

/// A time of a damaged entry may be any number.
fn whole(time_ms: u64) -> i64 {
    time_ms.try_into().unwrap_or(i64::MAX)
}

/// Letters with a larger number than `after`, oldest first.
pub(super) fn after(
    connection: &Connection,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<(i64, DeadLetter)>> {
    let mut select = connection.prepare_cached(AFTER)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    select.query_map((after, limit), letter)?.collect()
}

fn letter(row: &Row<'_>) -> rusqlite::Result<(i64, DeadLetter)> {
    let (position, identity): (String, Option<String>) = (row.get(2)?, row.get(3)?);
    let letter = DeadLetter {
        log: row.get(1)?,
        // Written by `bury` from a position: it reads back.
        position: position.parse().unwrap_or_default(),
        id: identity.and_then(|id| serde_json::from_str(&id).ok()),
        reason: row.get(4)?,
        body: row.get::<_, Vec<u8>>(5)?.into(),
        received_ms: row.get(6)?,
        buried_ms: row.get(7)?,
    };
    Ok((row.get(0)?, letter))
}

/// Commits a letter's batch and removes the letter.
pub(super) fn revive(
    connection: &mut Connection,
    letter: i64,
    batch: &Batch,
) -> Result<Committed, StoreError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| told(&error))?;
    let act = || {
        let removed = transaction.execute("delete from dead_letters where id = ?1", [letter])?;
        let committed = write::write(&transaction, std::iter::once(std::slice::from_ref(batch)))?;
        Ok((removed, committed.into_iter().next().unwrap_or_default()))
    };
    let (removed, committed) = act().map_err(|error: rusqlite::Error| told(&error))?;
    if removed == 0 {
        let cause = format!("there is no dead letter {letter}; was it revived already?");
        return Err(StoreError::Refused { cause });
    }
    transaction.commit().map_err(|error| told(&error))?;
    Ok(committed)
}
