//! A consumer group of the stream. Redis keeps who was given what; a member is no more than a
//! name. One that died leaves its entries pending under its name, until another claims them
//! (`claim`). A group that vanished with its stream is made again, from the beginning.
//!
//! Next: `readers` (the connections that wait), `lag` (how far behind).

use std::sync::Arc;
use std::time::Duration;

use redis::{RedisResult, Value, cmd};
use tailrace_contract::{BoxFuture, Delivery, Group, Lag, LogError, Position};
use tokio::time::Instant;

use super::info::is_without_group;
use super::link::{Link, log_error};
use super::readers::Readers;
use super::{Shared, claim, entry, lag, present, upkeep};
use crate::delivery::{self, ENTRIES_MAX, Taken, WAIT_MAX};

/// Forgets members, in one step: a member may be given an entry between a question and a
/// deletion, and deleting it would take that entry from the pending ones for good.
///
/// Key: the stream. Arguments: group, milliseconds of silence, a name or nothing for all.
const FORGET: &str = r"
local members = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if members.err then
    if members.err:find('NOGROUP') or members.err:find('no such key') then return 0 end
    return members
end
local gone = 0
for _, fields in ipairs(members) do
    local member = {}
    for i = 1, #fields, 2 do member[fields[i]] = fields[i + 1] end
    local meant = ARGV[3] == '' or member.name == ARGV[3]
    if meant and member.pending == 0 and member.idle >= tonumber(ARGV[2]) then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], member.name)
        gone = gone + 1
    end
end
return gone
";

/// Gives the lead to who asks first, and extends it to who has it.
///
/// Key: the lead. Arguments: member, milliseconds.
const LEAD: &str = r"
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
";

/// Gives the lead up, if it is this member's. Key and argument as above.
const RESIGN: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
";

/// A group by its name. Clones of the inner part live in its futures.
#[derive(Debug)]
pub(super) struct RedisGroup(Arc<Handle>);

/// What a group's futures share.
#[derive(Debug)]
pub(super) struct Handle {
    shared: Arc<Shared>,
    pub(super) name: String,
    readers: Readers,
}

impl RedisGroup {
    /// Opens a group, and makes it if it is new.
    pub(super) async fn open(shared: Arc<Shared>, name: String) -> Result<Self, LogError> {
        shared.present.enter(&name);
        let handle = Handle { shared, name, readers: Readers::default() };
        handle.create().await?;
        present::renew(handle.link(), handle.stream(), &handle.name).await?;
        Ok(Self(Arc::new(handle)))
    }

    fn with<F: Future + Send + 'static>(
        &self,
        act: impl FnOnce(Arc<Handle>) -> F,
    ) -> BoxFuture<'static, F::Output> {
        Box::pin(act(Arc::clone(&self.0)))
    }
}

impl Handle {
    pub(super) fn link(&self) -> &Link {
        &self.shared.link
    }

    pub(super) fn stream(&self) -> &str {
        &self.shared.stream
    }

    /// Makes the group from the first entry on, never from the last one: what was appended
    /// before the first worker came must be given too.
    pub(super) async fn create(&self) -> Result<(), LogError> {
        let mut create = cmd("XGROUP");
        create.arg("CREATE").arg(self.stream()).arg(&self.name).arg("0").arg("MKSTREAM");
        match self.link().try_ask::<Value>(&create).await {
            Err(error) if error.code() == Some("BUSYGROUP") => return Ok(()),
            answer => drop(answer.map_err(|error| log_error(&error))?),
        }
        // It may have made the stream, which must not outlive everybody who knows of it.
        upkeep::renew(&self.shared).await
    }

    /// The stream went away (Redis came back empty, somebody removed it), and the group with it.
    pub(super) async fn create_again(&self) -> Result<(), LogError> {
        let (group, stream) = (&self.name, self.stream());
        tracing::warn!(%group, %stream, "the group was gone; it begins again with the oldest entry");
        self.create().await
    }

    async fn read(
        &self,
        member: &str,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Taken>, LogError> {
        let deadline = Instant::now() + wait;
        let answer = match self.read_once(member, limit, wait).await {
            Err(error) if is_without_group(&error) => {
                self.create_again().await?;
                self.read_once(member, limit, deadline.duration_since(Instant::now())).await
            }
            answer => answer,
        };
        taken(answer.map_err(|error| log_error(&error))?)
    }

    async fn read_once(&self, member: &str, limit: usize, wait: Duration) -> RedisResult<Value> {
        let mut question = cmd("XREADGROUP");
        question.arg("GROUP").arg(&self.name).arg(member).arg("COUNT").arg(limit);
        let wait_ms = wait.as_millis() as u64;
        // To Redis, a block of nothing is one without an end.
        if wait_ms > 0 {
            question.arg("BLOCK").arg(wait_ms);
        }
        question.arg("STREAMS").arg(self.stream()).arg(">");
        self.readers.ask(self.link(), &question, wait).await
    }

    async fn acknowledge(&self, positions: Vec<Position>) -> Result<(), LogError> {
        if positions.is_empty() {
            return Ok(());
        }
        let mut acknowledge = cmd("XACK");
        acknowledge.arg(self.stream()).arg(&self.name);
        for position in positions {
            acknowledge.arg(position.to_string());
        }
        self.link().ask::<u64>(&acknowledge).await.map(drop)
    }

    async fn forget(&self, idle: Duration, member: &str) -> Result<u64, LogError> {
        let mut forget = cmd("EVAL");
        forget.arg(FORGET).arg(1).arg(self.stream()).arg(&self.name);
        forget.arg(idle.as_millis() as u64).arg(member);
        self.link().ask(&forget).await
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.present.leave(&self.name);
    }
}

/// The key that says who leads a group.
pub(super) fn lead_key(stream: &str, group: &str) -> String {
    format!("{stream}:lead:{group}")
}

impl Handle {
    /// Asks a script about the lead.
    async fn of_lead(&self, script: &str, member: &str, lease: Duration) -> Result<bool, LogError> {
        let mut ask = cmd("EVAL");
        ask.arg(script).arg(1).arg(lead_key(self.stream(), &self.name));
        // To Redis, a lease of nothing is a mistake.
        ask.arg(member).arg(lease.as_millis().max(1) as u64);
        self.link().ask(&ask).await
    }
}

/// Reads the answer of XREADGROUP: the entries of the only stream that was asked.
fn taken(answer: Value) -> Result<Vec<Taken>, LogError> {
    if answer == Value::Nil {
        return Ok(Vec::new());
    }
    let entries = entry::of_stream(answer).ok_or_else(strange)?;
    entries.into_iter().map(|value| entry::taken(value, 1).ok_or_else(strange)).collect()
}

fn strange() -> LogError {
    LogError::Backend { cause: "XREADGROUP answered what is no list of entries".to_owned() }
}

impl Group for RedisGroup {
    fn read(
        &self,
        member: &str,
        limit: usize,
        wait: Duration,
    ) -> BoxFuture<'static, Result<Vec<Delivery>, LogError>> {
        let (member, limit) = (member.to_owned(), limit.clamp(1, ENTRIES_MAX));
        self.with(async move |group| {
            let taken = group.read(&member, limit, wait.min(WAIT_MAX)).await?;
            Ok(delivery::open(taken).await)
        })
    }

    fn claim(
        &self,
        member: &str,
        idle: Duration,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Delivery>, LogError>> {
        let (member, limit) = (member.to_owned(), limit.clamp(1, ENTRIES_MAX));
        self.with(async move |group| {
            let taken = claim::claim(&group, &member, idle, limit).await?;
            Ok(delivery::open(taken).await)
        })
    }

    fn acknowledge(&self, positions: Vec<Position>) -> BoxFuture<'static, Result<(), LogError>> {
        self.with(async move |group| group.acknowledge(positions).await)
    }

    fn leave(&self, member: &str) -> BoxFuture<'static, Result<(), LogError>> {
        let member = member.to_owned();
        self.with(async move |group| {
            group.of_lead(RESIGN, &member, Duration::ZERO).await?;
            group.forget(Duration::ZERO, &member).await.map(drop)
        })
    }

    fn forget_silent(&self, idle: Duration) -> BoxFuture<'static, Result<u64, LogError>> {
        self.with(async move |group| group.forget(idle, "").await)
    }

    fn lead(&self, member: &str, lease: Duration) -> BoxFuture<'static, Result<bool, LogError>> {
        let member = member.to_owned();
        self.with(async move |group| group.of_lead(LEAD, &member, lease).await)
    }

    fn lag(&self) -> BoxFuture<'static, Result<Lag, LogError>> {
        self.with(async move |group| lag::lag(&group).await)
    }
}
