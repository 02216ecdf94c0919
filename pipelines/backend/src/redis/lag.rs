//! How far a group is behind, by Redis' own account and clock.

use redis::{Value, cmd};
use tailrace_contract::{Lag, LogError, Position};

use super::entry;
use super::group::Handle;
use super::info::{self, GroupInfo};
use super::link::Link;

/// Entries counted one by one when Redis cannot tell how many are unread. It can, unless somebody
/// deletes from the middle of the stream; counting means reading them.
const COUNTED_MAX: usize = 1_000;

/// The group's lag. A group that is gone is made again.
pub(super) async fn lag(group: &Handle) -> Result<Lag, LogError> {
    let known = if let Some(known) = find(group).await? {
        known
    } else {
        group.create_again().await?;
        let gone = || info::strange(&"a group that was just made is not there");
        find(group).await?.ok_or_else(gone)?
    };
    of(group.link(), group.stream(), &known).await
}

/// The lag of a group that Redis described a moment ago.
pub(super) async fn of(link: &Link, stream: &str, known: &GroupInfo) -> Result<Lag, LogError> {
    let unread = match known.unread {
        Some(unread) => unread,
        None => count(link, stream, known.last_delivered).await?,
    };
    let oldest_ms = match oldest((link, stream), known, unread).await? {
        Some(oldest) => Some(info::now_ms(link).await?.saturating_sub(oldest.major)),
        None => None,
    };
    Ok(Lag { unread, pending: known.pending, members: known.members, oldest_ms })
}

async fn find(group: &Handle) -> Result<Option<GroupInfo>, LogError> {
    let groups = info::groups(group.link(), group.stream()).await?;
    Ok(groups.into_iter().find(|known| known.name == group.name))
}

/// The first entry that is not acknowledged. What is pending is older than what is unread.
async fn oldest(
    (link, stream): (&Link, &str),
    known: &GroupInfo,
    unread: u64,
) -> Result<Option<Position>, LogError> {
    if known.pending > 0 {
        let pending = info::smallest_pending(link, stream, &known.name).await?;
        if pending.is_some() {
            return Ok(pending);
        }
    }
    if unread == 0 {
        return Ok(None);
    }
    let first = behind(link, stream, (known.last_delivered, 1)).await?.into_iter().next();
    Ok(first.and_then(entry::position))
}

/// How many entries stand behind a position; when that is more than are counted, all entries of
/// the stream: too many rather than too few.
async fn count(link: &Link, stream: &str, after: Position) -> Result<u64, LogError> {
    let counted = behind(link, stream, (after, COUNTED_MAX)).await?.len();
    if counted < COUNTED_MAX {
        return Ok(counted as u64);
    }
    link.ask(cmd("XLEN").arg(stream)).await
}

async fn behind(
    link: &Link,
    stream: &str,
    (after, count): (Position, usize),
) -> Result<Vec<Value>, LogError> {
    let mut question = cmd("XRANGE");
    question.arg(stream).arg(format!("({after}")).arg("+").arg("COUNT").arg(count);
    link.ask(&question).await
}
