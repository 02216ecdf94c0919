//! The Redis of one server: how the server hears of it, and what a given one leaves open.

use std::net::SocketAddr;
use std::process::Command;

use tailrace_backend::PrivateRedis;
use tailrace_loadgen::account::Finding;
use tailrace_loadgen::observer::Manner;

use crate::cli::REDIS_URL;
use crate::play::suspect;

/// The Redis of one server.
pub(super) struct Backend {
    pub(super) url: String,
    /// Keys and channels of this server only.
    pub(super) prefix: String,
    /// When it was started here.
    pub(super) private: Option<PrivateRedis>,
}

impl Backend {
    /// Tells a server which Redis is its own.
    pub(super) fn tell(&self, command: &mut Command) {
        command.args(["--redis-prefix", &self.prefix, "--throwaway"]).env(REDIS_URL, &self.url);
    }

    /// What makes every trial on it SUSPECT. A private one was set up here.
    pub(super) fn findings(
        &self,
        observer: Option<SocketAddr>,
        manner: Manner<'_>,
    ) -> Vec<Finding> {
        let Some(observer) = observer.filter(|_| self.private.is_none()) else { return vec![] };
        let described = tailrace_loadgen::observer::get(observer, manner, "/health");
        let described = described.map(|body| String::from_utf8_lossy(&body).into_owned());
        finding(described).into_iter().collect()
    }
}

/// What the answer about a log's health leaves open.
fn finding(described: anyhow::Result<String>) -> Option<Finding> {
    match described {
        Ok(text) if text.contains("maxmemory-policy unknown") => Some(suspect(
            "the Redis that was given does not tell its maxmemory-policy, so it may evict \
             acknowledged batches; allow CONFIG GET, or leave it to a private one",
        )),
        Ok(_) => None,
        Err(why) => Some(suspect(&format!("the Redis could not be asked how it is set: {why:#}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_stands_in_no_command_line() {
        let url = "redis://:secret@127.0.0.1:6379/".to_owned();
        let backend = Backend { url: url.clone(), prefix: "p".into(), private: None };
        let mut command = Command::new("tailrace");
        backend.tell(&mut command);
        assert!(command.get_args().all(|word| !word.to_string_lossy().contains("secret")));
        let given = command.get_envs().find(|(name, _)| *name == REDIS_URL);
        assert_eq!(given.and_then(|(_, value)| value), Some(url.as_ref()));
    }

    #[test]
    fn a_redis_that_hides_its_policy_makes_trials_suspect() {
        let health = |text: &str| finding(Ok(format!(r#"{{"log":{{"description":"{text}"}}}}"#)));
        assert_eq!(health("Redis 7.0, appendonly yes"), None);
        let found = health("Redis 7.0, appendonly unknown, maxmemory-policy unknown");
        assert!(found.is_some_and(|(_, why)| why.contains("maxmemory-policy")));
    }
}
