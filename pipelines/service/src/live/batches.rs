//! Reads a feed's batches from the log, with a limit on the wait. What was trimmed is missing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tailrace_contract::{Batch, Log, LogError, Notice, Position};

use super::event::Event;

/// A log as a feed sees it.
pub(crate) struct Batches {
    log: Arc<dyn Log>,
    patience: Duration,
}

impl Batches {
    /// Every read fails after `patience`.
    pub(crate) fn new(log: Arc<dyn Log>, patience: Duration) -> Self {
        Self { log, patience }
    }

    /// Events of notices, with their metrics. Without them (trimmed, or the log fails) the
    /// notice is still true.
    pub(crate) async fn attach(&self, notices: Vec<Notice>) -> Vec<Event> {
        let mut events: Vec<_> =
            notices.into_iter().map(|notice| Event { notice, batch: None }).collect();
        let mut positions: Vec<_> = events.iter().filter_map(Event::position).collect();
        positions.sort_unstable();
        let mut batches = self.at(&positions).await.unwrap_or_else(|fault| {
            tracing::debug!(%fault, "observer: live events go out without metrics");
            HashMap::new()
        });
        for event in &mut events {
            event.batch = event.position().and_then(|position| batches.remove(&position));
        }
        events
    }

    /// Up to `limit` batches after a position, oldest first.
    pub(crate) async fn after(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Batch)>, LogError> {
        let read = tokio::time::timeout(self.patience, self.log.after(after, limit)).await;
        read.unwrap_or_else(|_| {
            let cause = format!("no answer within {} ms", self.patience.as_millis());
            Err(LogError::Unreachable { cause })
        })
    }

    /// Whether the log has come to this position. One that has not is not the log that the
    /// position was told of: a log in memory begins anew with its server.
    pub(crate) async fn reaches(&self, position: Position) -> Result<bool, LogError> {
        Ok(!self.after(before(position), 1).await?.is_empty())
    }

    /// The batches at these sorted positions, as far as the log has them. Where they lie
    /// close together one read brings many; each read settles at least one.
    async fn at(&self, positions: &[Position]) -> Result<HashMap<Position, Batch>, LogError> {
        let mut found = HashMap::with_capacity(positions.len());
        let mut rest = positions;
        while let Some(&first) = rest.first() {
            let group = self.after(before(first), rest.len()).await?;
            let Some(&(last, _)) = group.last() else { break };
            rest = &rest[rest.partition_point(|&position| position <= last)..];
            found.extend(group.into_iter().filter(|(at, _)| positions.binary_search(at).is_ok()));
        }
        Ok(found)
    }
}

/// The largest position below `position`; the smallest one stays.
fn before(position: Position) -> Position {
    let Position { major, minor } = position;
    match (major, minor) {
        (0, 0) => position,
        (_, 0) => Position { major: major - 1, minor: u64::MAX },
        _ => Position { major, minor: minor - 1 },
    }
}
