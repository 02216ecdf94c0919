//! What can be set on a worker, and why the defaults are what they are.

use std::time::Duration;

/// Settings of a worker. Every duration is larger than zero, every number at least 1.
#[derive(Debug, Clone)]
pub struct Options {
    /// What dead letters call the log: the same position in another log is another entry.
    pub log: String,
    /// Name of the group. Workers that share it share the work.
    pub group: String,
    /// Readers in this process. Each commits one after the other, so that what a producer sent
    /// stays in order; a second one uses the store's second connection, and gives up that order
    /// between entries that went to different readers.
    pub members: usize,
    /// Entries taken from the log at once. Measured with Redis: about 100 is best, 1 costs 16
    /// times as much and 1,000 a quarter more.
    pub read_entries: usize,
    /// How long a read waits for the first entry; also how long a drain may wait for a reader.
    pub read_wait: Duration,
    /// A commit holds no more metrics than this and the entry that went beyond it. More saves
    /// nothing: from 500 to 10,000 rows a COPY gains less than a tenth.
    pub commit_metrics: usize,
    /// The same for the memory of the metrics, in bytes, whatever they look like.
    pub commit_bytes: usize,
    /// The first entry of a commit waits no longer than this for others. While a commit is on its
    /// way the next one fills anyway, so this is paid only where there is little to do.
    pub commit_age: Duration,
    /// Entries that a member took and left for so long are taken over. Longer than a commit
    /// takes, or members that live are robbed: harmless, but wasted.
    pub claim_idle: Duration,
    /// How often it is looked whether there are such entries; also how far a claim is behind.
    pub claim_every: Duration,
    /// Members that hold nothing and were silent for so long are forgotten.
    pub forget_idle: Duration,
    /// Seed of the jitter between tries.
    pub seed: u64,
}

impl Options {
    /// The usual settings of a worker of this log.
    pub fn new(log: impl Into<String>) -> Self {
        Self {
            log: log.into(),
            group: STORE_GROUP.into(),
            members: 1,
            read_entries: 100,
            read_wait: Duration::from_millis(500),
            commit_metrics: 10_000,
            commit_bytes: 16 << 20,
            commit_age: Duration::from_millis(10),
            claim_idle: Duration::from_secs(10),
            claim_every: Duration::from_secs(2),
            forget_idle: Duration::from_secs(60),
            seed: 1,
        }
    }
}

/// The group that fills the store.
pub const STORE_GROUP: &str = "store";
/// The group that looks for spikes.
pub const DETECTOR_GROUP: &str = "detector";
