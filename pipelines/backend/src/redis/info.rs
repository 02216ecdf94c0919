//! What Redis tells of the stream's groups. Next: `upkeep` and `lag`, which ask it.

use std::collections::HashMap;

use redis::{FromRedisValue, RedisError, Value, cmd, from_redis_value};
use tailrace_contract::{LogError, Position};

use super::link::{Link, log_error};

/// One group, as XINFO GROUPS describes it.
#[derive(Debug)]
pub(super) struct GroupInfo {
    pub(super) name: String,
    pub(super) members: u64,
    pub(super) pending: u64,
    pub(super) last_delivered: Position,
    /// None: Redis cannot tell, because entries were deleted from the middle of the stream.
    pub(super) unread: Option<u64>,
}

/// All groups of the stream; none when there is no stream.
pub(super) async fn groups(link: &Link, stream: &str) -> Result<Vec<GroupInfo>, LogError> {
    let mut question = cmd("XINFO");
    question.arg("GROUPS").arg(stream);
    let groups: Vec<HashMap<String, Value>> = match link.try_ask(&question).await {
        Err(error) if is_without_stream(&error) => return Ok(Vec::new()),
        answer => answer.map_err(|error| log_error(&error))?,
    };
    groups.into_iter().map(GroupInfo::read).collect()
}

impl GroupInfo {
    fn read(mut fields: HashMap<String, Value>) -> Result<Self, LogError> {
        Ok(Self {
            name: field(&mut fields, "name")?,
            members: field(&mut fields, "consumers")?,
            pending: field(&mut fields, "pending")?,
            last_delivered: position(&field::<String>(&mut fields, "last-delivered-id")?)?,
            unread: field(&mut fields, "lag")?,
        })
    }
}

fn field<T: FromRedisValue>(
    fields: &mut HashMap<String, Value>,
    name: &str,
) -> Result<T, LogError> {
    let value = fields.remove(name).unwrap_or(Value::Nil);
    from_redis_value(value).map_err(|fault| strange(&fault))
}

/// The first entry that some member of the group was given and did not acknowledge; none when
/// all were acknowledged meanwhile.
pub(super) async fn smallest_pending(
    link: &Link,
    stream: &str,
    group: &str,
) -> Result<Option<Position>, LogError> {
    let summary: Vec<Value> = link.ask(cmd("XPENDING").arg(stream).arg(group)).await?;
    let smallest = summary.into_iter().nth(1).unwrap_or(Value::Nil);
    let smallest: Option<String> = from_redis_value(smallest).map_err(|fault| strange(&fault))?;
    smallest.map(|text| position(&text)).transpose()
}

/// Redis' own clock, in milliseconds since 1970: what its positions are made of.
pub(super) async fn now_ms(link: &Link) -> Result<u64, LogError> {
    let (seconds, micros): (u64, u64) = link.ask(&cmd("TIME")).await?;
    Ok(seconds * 1_000 + micros / 1_000)
}

pub(super) fn position(text: &str) -> Result<Position, LogError> {
    text.parse().map_err(|fault| strange(&fault))
}

pub(super) fn strange(fault: &dyn std::fmt::Display) -> LogError {
    LogError::Backend { cause: format!("Redis described its stream strangely: {fault}") }
}

/// Whether an answer means that the group is not there: the stream went away, and the group with
/// it. A reader that waits while that happens is answered UNBLOCKED by older servers.
pub(super) fn is_without_group(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOGROUP" | "UNBLOCKED")) || is_without_stream(error)
}

fn is_without_stream(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.starts_with("no such key"))
}
