//! What the server must be, asked once at the start: reachable, and of a kind that never drops
//! a key to make room. Its way to the disk decides what the log may promise.

use redis::{Value, cmd, from_redis_value};
use tailrace_contract::{LogError, Survives};

use super::link::Link;

/// What the server said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerFacts {
    pub(super) version: String,
    pub(super) policy_unknown: bool,
    append_only: bool,
    /// None when the server does not tell.
    append_sync: Option<String>,
    max_memory_bytes: u64,
}

/// Asks the server.
pub(super) async fn check(link: &Link) -> Result<ServerFacts, LogError> {
    let info: String = link.ask(&cmd("INFO")).await?;
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let policy = setting(link, "maxmemory-policy").await?;
    if let Some(policy) = policy.as_deref().filter(|policy| *policy != "noeviction") {
        return Err(LogError::Backend {
            cause: format!(
                "Redis may evict acknowledged batches (maxmemory-policy {policy}); it must be \
                 noeviction: CONFIG SET maxmemory-policy noeviction, or give another server"
            ),
        });
    }
    Ok(ServerFacts {
        version: field("redis_version:").unwrap_or("unknown").to_owned(),
        policy_unknown: policy.is_none(),
        append_only: field("aof_enabled:") == Some("1"),
        append_sync: setting(link, "appendfsync").await?,
        max_memory_bytes: field("maxmemory:").and_then(|n| n.parse().ok()).unwrap_or(0),
    })
}

/// A setting; none when the server does not tell (hosted ones forbid the question).
async fn setting(link: &Link, name: &str) -> Result<Option<String>, LogError> {
    match link.ask::<Value>(cmd("CONFIG").arg("GET").arg(name)).await {
        Ok(pairs) => {
            let pairs: Vec<String> = from_redis_value(pairs).unwrap_or_default();
            Ok(pairs.into_iter().nth(1))
        }
        Err(LogError::Unreachable { cause }) => Err(LogError::Unreachable { cause }),
        Err(_) => Ok(None),
    }
}

impl ServerFacts {
    /// Only a file that is synced before every answer outlives the host.
    pub(super) fn survives(&self) -> Survives {
        if self.append_only && self.append_sync.as_deref() == Some("always") {
            Survives::HostDeath
        } else {
            Survives::ServerDeath
        }
    }

    /// For people.
    pub(super) fn description(&self) -> String {
        let file = match (self.append_only, &self.append_sync) {
            (false, _) => "appendonly no".to_owned(),
            (true, None) => "appendonly yes, appendfsync unknown".to_owned(),
            (true, Some(sync)) => format!("appendonly yes, appendfsync {sync}"),
        };
        let policy = if self.policy_unknown { ", maxmemory-policy unknown" } else { "" };
        let memory = match self.max_memory_bytes {
            0 => String::new(),
            bytes => format!(", maxmemory {bytes} bytes"),
        };
        format!("Redis {}, {file}{policy}{memory}", self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_synced_before_every_answer_survives_the_host() {
        let facts = |append_only, sync: Option<&str>| ServerFacts {
            version: "7".to_owned(),
            policy_unknown: sync.is_none(),
            append_only,
            append_sync: sync.map(str::to_owned),
            max_memory_bytes: 0,
        };
        assert_eq!(facts(true, Some("always")).survives(), Survives::HostDeath);
        for (append_only, sync) in [(false, Some("always")), (true, Some("everysec")), (true, None)]
        {
            assert_eq!(facts(append_only, sync).survives(), Survives::ServerDeath);
        }
        assert!(facts(true, None).description().contains("maxmemory-policy unknown"));
    }
}
