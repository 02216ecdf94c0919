//! Which groups somebody lives for: every process that has a group open renews a sign of it, so
//! that nobody forgets the group from under it. Redis' own account of members is no help: one
//! that waits for its first entry, or holds entries while its store is away, looks dead there.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::cmd;
use tailrace_contract::LogError;

use super::link::Link;

/// A sign that was not renewed for so long is none: some periods of the upkeep, which renews it.
pub(super) const PRESENT_FOR: Duration = Duration::from_secs(5);

/// The groups that this process has open, and how often.
#[derive(Debug, Default)]
pub(super) struct Present(Mutex<HashMap<String, usize>>);

impl Present {
    fn open(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        // A panic while holding it leaves plain counts: still usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A group was opened.
    pub(super) fn enter(&self, group: &str) {
        *self.open().entry(group.to_owned()).or_default() += 1;
    }

    /// It was closed.
    pub(super) fn leave(&self, group: &str) {
        let mut open = self.open();
        if let Some(times) = open.get_mut(group) {
            *times -= 1;
        }
        open.retain(|_, times| *times > 0);
    }

    /// The names of all that are open.
    pub(super) fn groups(&self) -> Vec<String> {
        self.open().keys().cloned().collect()
    }
}

/// The key that says that somebody lives for a group.
pub(super) fn key(stream: &str, group: &str) -> String {
    format!("{stream}:open:{group}")
}

/// Says that this process lives for a group, for the next while.
pub(super) async fn renew(link: &Link, stream: &str, group: &str) -> Result<(), LogError> {
    let mut renew = cmd("SET");
    renew.arg(key(stream, group)).arg(std::process::id());
    renew.arg("PX").arg(PRESENT_FOR.as_millis() as u64);
    link.ask(&renew).await
}
