//! The groups of a log seen from outside, by whoever looks after it: how far each is behind,
//! whether anybody lives for it, and giving one up that nobody will ever read again. It joins no
//! group and makes none.

use std::time::Duration;

use redis::cmd;
use serde::Serialize;
use tailrace_contract::{Lag, LogError};

use super::link::Link;
use super::{RedisConfig, info, lag, present};

/// Gives a group up, in one step with the look whether anybody lives for it.
///
/// Keys: the stream, the sign of life, the lead. Arguments: group, 1: whoever lives for it.
const FORGET: &str = r"
if ARGV[2] ~= '1' and redis.call('EXISTS', KEYS[2]) == 1 then return 'open' end
local gone = redis.pcall('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
if type(gone) == 'table' and gone.err then
    if gone.err:find('requires the key to exist') then return 'unknown' end
    return gone
end
if gone == 0 then return 'unknown' end
redis.call('DEL', KEYS[2], KEYS[3])
return 'forgotten'
";

/// All groups of a log in Redis. It connects when it is first asked.
#[derive(Debug)]
pub struct RedisGroups {
    link: Link,
    stream: String,
    entries_max: u64,
}

/// What a log holds, and who it holds it for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupsTold {
    /// The key of the log in Redis.
    pub log: String,
    /// Batches in it, and how many it takes at most.
    pub entries: u64,
    /// At the limit every further batch is refused.
    pub entries_max: u64,
    /// Its groups, ordered by name.
    pub groups: Vec<GroupTold>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupTold {
    /// Its name.
    pub group: String,
    /// Whether a process lives for it: a worker, a detector, or a server that waits for them.
    pub open: bool,
    /// How far it is behind.
    #[serde(flatten)]
    pub lag: Lag,
}

/// What became of a group that was to be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// It is gone, and holds back nothing any more.
    Gone,
    /// A process lives for it, so it stays.
    Open,
    /// The log has no group of this name.
    Unknown,
}

impl RedisGroups {
    /// How long after its end a process still counts as one that lives for its groups.
    pub const OPEN_FOR: Duration = present::PRESENT_FOR;

    /// Those of the log of a prefix; connects to nothing yet.
    ///
    /// # Errors
    /// The URL is not usable.
    pub fn new(config: &RedisConfig) -> Result<Self, LogError> {
        let link = Link::new(&config.url)?;
        Ok(Self { link, stream: config.stream(), entries_max: config.limits.entries_max })
    }

    /// All groups; none where there is no log.
    ///
    /// # Errors
    /// The server cannot be reached, or answers strangely.
    pub async fn list(&self) -> Result<GroupsTold, LogError> {
        let mut groups = Vec::new();
        for known in info::groups(&self.link, &self.stream).await? {
            let lag = lag::of(&self.link, &self.stream, &known).await?;
            let open = cmd("EXISTS").arg(present::key(&self.stream, &known.name)).to_owned();
            let open = self.link.ask::<bool>(&open).await?;
            groups.push(GroupTold { group: known.name, open, lag });
        }
        groups.sort_by(|a, b| a.group.cmp(&b.group));
        let entries = self.link.ask(cmd("XLEN").arg(&self.stream)).await?;
        let (log, entries_max) = (self.stream.clone(), self.entries_max);
        Ok(GroupsTold { log, entries, entries_max, groups })
    }

    /// Gives a group up: what it did not finish is held back for it no longer. A group that
    /// somebody lives for stays, unless `force` says otherwise; then it is made again as soon as
    /// that one notices, and reads from the oldest entry.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn forget(&self, group: &str, force: bool) -> Result<Forgotten, LogError> {
        let mut forget = cmd("EVAL");
        forget.arg(FORGET).arg(3).arg(&self.stream).arg(present::key(&self.stream, group));
        forget.arg(super::group::lead_key(&self.stream, group)).arg(group).arg(u8::from(force));
        match self.link.ask::<String>(&forget).await?.as_str() {
            "forgotten" => Ok(Forgotten::Gone),
            "open" => Ok(Forgotten::Open),
            _ => Ok(Forgotten::Unknown),
        }
    }
}
