//! Taking over what a dead member left: XAUTOCLAIM gives its entries to another one. An entry
//! that was deleted from the stream while somebody had it is given too, as one that cannot be
//! read: it must not disappear in silence.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use redis::{RedisResult, Value, cmd};
use tailrace_contract::{LogError, Position, Unreadable};

use super::entry;
use super::group::Handle;
use super::info::{is_without_group, position, strange};
use super::link::log_error;
use crate::delivery::Taken;

/// Of an entry that was claimed, when Redis does not tell better: at least twice.
const CLAIMED_AT_LEAST: u64 = 2;
/// The cursor of XAUTOCLAIM when it came to the end.
const END: &str = "0-0";

/// Cursor, entries, deleted positions.
type Claimed = (String, Vec<Value>, Vec<String>);

/// Up to `limit` entries that were silent for so long, oldest first.
pub(super) async fn claim(
    group: &Handle,
    member: &str,
    idle: Duration,
    limit: usize,
) -> Result<Vec<Taken>, LogError> {
    let (mut taken, mut cursor) = (Vec::new(), END.to_owned());
    while taken.len() < limit {
        let wanted = limit - taken.len();
        let answer = match claim_from(group, member, idle, &cursor, wanted).await {
            Err(error) if is_without_group(&error) => {
                group.create_again().await?;
                return Ok(taken);
            }
            // What was claimed already is not withheld: it would be idle for a while again.
            Err(_) if !taken.is_empty() => break,
            answer => answer.map_err(|error| log_error(&error))?,
        };
        let (next, entries, deleted) = answer;
        for value in entries {
            let entry = entry::taken(value, CLAIMED_AT_LEAST);
            taken.push(entry.ok_or_else(|| strange(&"XAUTOCLAIM gave what is no entry"))?);
        }
        for at in deleted {
            taken.push(lost(group, position(&at)?));
        }
        cursor = next;
        if cursor == END {
            break;
        }
    }
    taken.sort_by_key(|entry| entry.position);
    count_deliveries(group, member, &mut taken).await;
    Ok(taken)
}

async fn claim_from(
    group: &Handle,
    member: &str,
    idle: Duration,
    cursor: &str,
    count: usize,
) -> RedisResult<Claimed> {
    let mut claim = cmd("XAUTOCLAIM");
    claim.arg(group.stream()).arg(&group.name).arg(member).arg(idle.as_millis() as u64);
    claim.arg(cursor).arg("COUNT").arg(count);
    group.link().try_ask(&claim).await
}

/// Redis has taken it from the pending ones already; acknowledging it again does no harm.
fn lost(group: &Handle, position: Position) -> Taken {
    let reason = format!(
        "it was deleted from {} before it was acknowledged; trim that stream by hand only below \
         what every group has finished",
        group.stream()
    );
    tracing::warn!(%position, group = %group.name, %reason, "an entry is lost");
    let content = Err(Unreadable { reason, id: None, body: Bytes::new() });
    Taken { position, content, deliveries: CLAIMED_AT_LEAST }
}

/// Asks how often each of them was given. What is not told stays [`CLAIMED_AT_LEAST`].
async fn count_deliveries(group: &Handle, member: &str, taken: &mut [Taken]) {
    let (Some(first), Some(last)) = (taken.first(), taken.last()) else { return };
    let mut question = cmd("XPENDING");
    question.arg(group.stream()).arg(&group.name);
    question.arg(first.position.to_string()).arg(last.position.to_string());
    // The member may hold others between them: room for as many again.
    question.arg(taken.len() * 2).arg(member);
    let answer: Result<Vec<(String, String, u64, u64)>, _> = group.link().ask(&question).await;
    match answer {
        Ok(pending) => {
            let times: HashMap<_, _> =
                pending.into_iter().map(|(at, _, _, times)| (at, times)).collect();
            for entry in taken {
                if let Some(&times) = times.get(&entry.position.to_string()) {
                    entry.deliveries = times;
                }
            }
        }
        Err(cause) => tracing::debug!(%cause, "Redis did not tell how often entries were given"),
    }
}
