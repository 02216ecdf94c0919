//! Limits that several servers share: one script that Redis runs by its own clock, so that servers
//! need not agree on the time. The arithmetic is that of [`Quota::take`]. Each bucket is one key
//! that goes away when it is full again.

use std::fmt;
use std::sync::{Arc, OnceLock};

use redis::{Cmd, cmd};
use tailrace_contract::quota::BucketsError;
use tailrace_contract::{BoxFuture, Buckets, Grant, LogError, Quota};

use super::link::Link;

/// `KEYS`: the bucket. `ARGV`: microseconds of one request, requests of the burst, requests wanted.
/// What lies further ahead than a burst is another clock's or another quota's.
const SCRIPT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = tonumber(redis.call('GET', KEYS[1]) or 0)
full = math.min(math.max(full, now), now + interval * burst)
local room = math.max(0, math.floor((now + interval * burst - full) / interval + 0.001))
local granted = math.min(room, wanted)
full = full + interval * granted
if granted > 0 then
  local kept = math.ceil((full - now) / 1000) + 1000
  redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', kept)
end
local retry = 0
if room <= granted then retry = math.max(0, full + interval - interval * burst - now) end
return {granted, room - granted, math.ceil(retry), math.ceil(full - now)}
";

/// Buckets under a prefix.
#[derive(Clone)]
pub struct RedisBuckets(Arc<Inside>);

struct Inside {
    link: Link,
    prefix: String,
    /// What Redis calls the script, once it was told.
    script: OnceLock<String>,
}

impl fmt::Debug for RedisBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBuckets").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}

impl RedisBuckets {
    /// Buckets in the Redis of this URL; connects when first asked.
    ///
    /// # Errors
    /// The URL makes no sense.
    pub fn new(url: &str, prefix: &str) -> Result<Self, LogError> {
        let (link, prefix) = (Link::new(url)?, format!("{prefix}:bucket:"));
        Ok(Self(Arc::new(Inside { link, prefix, script: OnceLock::new() })))
    }
}

impl Inside {
    async fn take(&self, bucket: &str, quota: Quota, wanted: u32) -> Result<Grant, LogError> {
        let ask = |verb: &str, script: &str| {
            let mut question = cmd(verb);
            question.arg(script).arg(1).arg(format!("{}{bucket}", self.prefix));
            question.arg(quota.interval_us()).arg(quota.burst).arg(wanted);
            question
        };
        let known = self.ask(&ask("EVALSHA", self.script().await?)).await;
        let (granted, remaining, retry_us, reset_us) = match known {
            // As the client words it: Redis was started again, or somebody flushed its scripts. EVAL
            // makes it known again.
            Err(LogError::Backend { cause }) if cause.contains("NoScript") => {
                self.ask(&ask("EVAL", SCRIPT)).await?
            }
            answer => answer?,
        };
        Ok(Grant { granted, remaining, retry_us, reset_us })
    }

    async fn ask(&self, question: &Cmd) -> Result<(u32, u32, u64, u64), LogError> {
        self.link.ask(question).await
    }

    async fn script(&self) -> Result<&str, LogError> {
        if let Some(known) = self.script.get() {
            return Ok(known);
        }
        let name: String = self.link.ask(cmd("SCRIPT").arg("LOAD").arg(SCRIPT)).await?;
        Ok(self.script.get_or_init(|| name))
    }
}

impl Buckets for RedisBuckets {
    fn take(
        &self,
        bucket: &str,
        quota: Quota,
        wanted: u32,
    ) -> BoxFuture<'static, Result<Grant, BucketsError>> {
        let (inside, bucket) = (Arc::clone(&self.0), bucket.to_owned());
        Box::pin(async move {
            let grant = inside.take(&bucket, quota, wanted).await;
            grant.map_err(|fault| BucketsError { cause: fault.to_string() })
        })
    }
}
