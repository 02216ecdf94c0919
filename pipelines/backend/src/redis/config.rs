//! What the Redis log is told: where it is, under which names, within which bounds.

use std::time::Duration;

use tailrace_contract::limits;

/// Which Redis, and what may be put there.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// `redis://[user:password@]host:port/[db]`.
    pub url: String,
    /// Everything is kept under it: the stream `PREFIX:log` and the channel `PREFIX:live`.
    pub prefix: String,
    /// Bounds.
    pub limits: RedisLimits,
    /// Entries younger than this are not trimmed, so that a feed can be resumed. Beyond a quarter
    /// of [`RedisLimits::entries_max`] the window shrinks.
    pub replay_window: Duration,
    /// The stream goes away when nobody has renewed it for so long. None: it stays.
    pub expiry: Option<Duration>,
}

/// Bounds of the Redis log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisLimits {
    /// Batches that wait for a flush, the one on its way included; one more is refused.
    pub waiting_max: usize,
    /// Bytes of the bodies of those batches.
    pub waiting_bytes_max: usize,
    /// Batches in the stream; one more is refused.
    pub entries_max: u64,
}

impl Default for RedisLimits {
    fn default() -> Self {
        Self {
            // About a second of a fast Redis: a longer queue would only add waiting.
            waiting_max: 200_000,
            waiting_bytes_max: 128 << 20,
            entries_max: limits::LOG_UNREAD_MAX as u64,
        }
    }
}

impl RedisConfig {
    /// The usual settings for a URL and a prefix: a minute of replay, a day until expiry.
    pub fn new(url: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: prefix.into(),
            limits: RedisLimits::default(),
            replay_window: Duration::from_secs(60),
            expiry: Some(Duration::from_secs(24 * 60 * 60)),
        }
    }

    /// The stream's key.
    pub fn stream(&self) -> String {
        format!("{}:log", self.prefix)
    }

    /// The channel of announcements.
    pub fn channel(&self) -> String {
        format!("{}:live", self.prefix)
    }
}
