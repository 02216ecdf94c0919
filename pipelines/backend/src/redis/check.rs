//! What the server must be, asked once at the start: reachable, and of a kind that never drops
//! a key to make room. Its way to the disk decides what the log may promise.

use redis::{Value, cmd, from_redis_value};
use tailrace_contract::{LogError, Survives};

use super::link::Link;

/// The first major version whose XAUTOCLAIM names deleted entries, and which knows the lag.
const GROUPS_SINCE: u32 = 7;

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

    /// Whether groups work there. A version that is not told is given the benefit of the doubt.
    ///
    /// # Errors
    /// The server is too old to say which pending entries were deleted.
    pub(super) fn check_groups(&self) -> Result<(), LogError> {
        let major = self.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major >= GROUPS_SINCE) {
            return Ok(());
        }
        let cause = format!(
            "Redis {} is too old for workers, which need {GROUPS_SINCE}.0 or newer (deleted \
             entries in XAUTOCLAIM); give a newer server",
            self.version
        );
        Err(LogError::Backend { cause })
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

    fn facts(append_only: bool, sync: Option<&str>) -> ServerFacts {
        ServerFacts {
            version: "7".to_owned(),
            policy_unknown: sync.is_none(),
            append_only,
            append_sync: sync.map(str::to_owned),
            max_memory_bytes: 0,
        }
    }

    #[test]
    fn groups_need_a_server_that_tells_what_was_deleted() {
        let works = |version: &str| {
            ServerFacts { version: version.to_owned(), ..facts(false, None) }.check_groups().is_ok()
        };
        assert!(works("7.0.15") && works("8.2") && works("unknown"));
        assert!(!works("6.2.14"));
    }

    #[test]
    fn only_a_file_synced_before_every_answer_survives_the_host() {
        assert_eq!(facts(true, Some("always")).survives(), Survives::HostDeath);
        for (append_only, sync) in [(false, Some("always")), (true, Some("everysec")), (true, None)]
        {
            assert_eq!(facts(append_only, sync).survives(), Survives::ServerDeath);
        }
        assert!(facts(true, None).description().contains("maxmemory-policy unknown"));
    }
}
