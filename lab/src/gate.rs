//! The keys of a served pipeline: read from a file, and read again when it changes or at SIGHUP.
//! A file that makes no sense then changes nothing: the keys of before stay, and the log says why.
//! Read next: `keys.rs`, which writes such files.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tailrace_backend::{RedisBuckets, RedisConfig, RedisSessions};
use tailrace_contract::{Buckets, Sessions};
use tailrace_service::Gate;
use tailrace_service::gate::{KeysFile, LocalSessions};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Fault;

/// Between two looks at the file: a key that was revoked there is good for a second at most.
const LOOK: Duration = Duration::from_millis(250);

/// Who may write and read.
#[derive(Debug, clap::Args, Clone)]
pub struct GateArgs {
    /// Serve those who show a key of this file (`tailrace keys` writes it); it is read again when
    /// it changes, and at SIGHUP
    #[arg(long, env = "TAILRACE_KEYS", value_name = "FILE")]
    pub keys: Option<PathBuf>,
}

/// Reads a file of keys.
///
/// # Errors
/// It cannot be read, or makes no sense: with its name and the line.
pub fn read(path: &Path) -> Result<KeysFile, Fault> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|fault| {
        let try_this = "make one with: tailrace keys add NAME --tenant TENANT --file FILE";
        Fault::Usage(format!("{shown}: {fault}; {try_this}"))
    })?;
    KeysFile::parse(&text).map_err(|fault| Fault::Usage(format!("{shown}, {fault}")))
}

/// The gate of a server; limits and sessions are shared with others through its Redis, if it has
/// one. The file is watched until the runtime ends.
///
/// # Errors
/// The file makes no sense, or the Redis URL does not.
pub fn start(path: &Path, redis: Option<&RedisConfig>) -> anyhow::Result<Gate> {
    let keys = read(path)?;
    let (sessions, buckets): (Arc<dyn Sessions>, Option<Arc<dyn Buckets>>) = match redis {
        None => (Arc::new(LocalSessions::default()), None),
        Some(config) => {
            let buckets = RedisBuckets::new(&config.url, &config.prefix)?;
            let sessions = RedisSessions::new(&config.url, &config.prefix)?;
            (Arc::new(sessions), Some(Arc::new(buckets)))
        }
    };
    let gate = Gate::new(&keys, sessions, buckets);
    let hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be listened for")?;
    tokio::spawn(follow(gate.clone(), path.to_owned(), keys, hangup));
    Ok(gate)
}

/// What tells that a file is another one: which, how long, and when it was written.
type Mark = Option<(u64, u64, i64, i64)>;

async fn mark(path: &Path) -> Mark {
    let facts = tokio::fs::metadata(path).await.ok()?;
    Some((facts.ino(), facts.size(), facts.mtime(), facts.mtime_nsec()))
}

async fn follow(gate: Gate, path: PathBuf, mut known: KeysFile, mut hangup: Signal) {
    // The file may have changed since it was read: the first look reads it once more.
    let mut seen: Mark = None;
    loop {
        let is_asked = tokio::select! {
            _ = hangup.recv() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        let now = mark(&path).await;
        if now == seen && !is_asked {
            continue;
        }
        seen = now;
        match read(&path) {
            Ok(file) if file != known => {
                gate.replace(&file);
                tracing::info!(keys = file.keys.len(), "the keys were read again");
                known = file;
            }
            Ok(_) => {}
            Err(fault) => tracing::error!("the keys stay as they were: {fault}"),
        }
    }
}
