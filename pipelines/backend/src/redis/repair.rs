//! Turns announcements into notices, each batch once and in its writer's order, and reads the
//! stream where announcements are missing: pub/sub forgets, the stream does not.

use std::collections::HashMap;
use std::sync::Arc;

use tailrace_contract::{Bus, LogError, Notice, Position};

use super::announce::{self, Head};
use super::link::Link;
use super::read;
use crate::bus::LocalBus;

/// Writers remembered. Every start of a server is a new one; the one that was silent the
/// longest is forgotten.
const WRITERS_MAX: usize = 1_024;

/// How far the feed has come.
#[derive(Debug)]
pub(super) struct Tracker {
    link: Arc<Link>,
    stream: String,
    local: Arc<LocalBus>,
    /// Everything up to here is past, whoever wrote it.
    floor: Position,
    /// The last position of each writer that was handed on.
    cursors: HashMap<u64, Position>,
}

impl Tracker {
    pub(super) fn new(
        link: Arc<Link>,
        stream: String,
        local: Arc<LocalBus>,
        floor: Position,
    ) -> Self {
        Self { link, stream, local, floor, cursors: HashMap::new() }
    }

    fn cursor(&self, writer: u64) -> Position {
        self.cursors.get(&writer).map_or(self.floor, |&cursor| cursor.max(self.floor))
    }

    fn advance(&mut self, writer: u64, to: Position) {
        let cursor = self.cursor(writer).max(to);
        self.cursors.insert(writer, cursor);
        if self.cursors.len() > WRITERS_MAX
            && let Some((&oldest, &at)) = self.cursors.iter().min_by_key(|&(_, at)| *at)
        {
            self.cursors.remove(&oldest);
            self.floor = self.floor.max(at);
        }
    }

    /// Takes in one message of the channel.
    pub(super) async fn message(&mut self, message: &[u8]) {
        match announce::read(message) {
            Some((Head::Live { writer, previous, last }, json)) => {
                self.live(writer, previous, last, json).await;
            }
            Some((Head::Durable, json)) if self.local.has_subscribers() => {
                let ids = announce::batches(json).unwrap_or_default();
                self.local.tell(ids.into_iter().map(|(id, _)| Notice::Durable { id }).collect());
            }
            Some((Head::Durable, _)) => {}
            None => tracing::warn!("the channel carried a message of another program"),
        }
    }

    async fn live(&mut self, writer: u64, previous: Position, last: Position, json: &[u8]) {
        // Nobody listens: the first line is enough to know where a later subscriber begins.
        if self.local.has_subscribers() {
            if previous > self.cursor(writer)
                && let Err(cause) = self.read_from(self.cursor(writer)).await
            {
                // Not advanced, so the next message finds the same gap.
                tracing::warn!(%cause, "a gap of the feed could not be repaired yet");
                return;
            }
            let cursor = self.cursor(writer);
            let Some(batches) = announce::batches(json) else {
                tracing::warn!("an announcement is not readable; the next one repairs the gap");
                return;
            };
            let fresh = batches.into_iter().filter(|(_, position)| *position > cursor);
            self.local.tell(fresh.map(|(id, position)| Notice::Live { id, position }).collect());
        }
        self.advance(writer, last);
    }

    /// The channel was lost for a while: reads from where the slowest writer stood.
    pub(super) async fn catch_up(&mut self) -> Result<(), LogError> {
        let slowest = self.cursors.values().copied().min().unwrap_or(self.floor);
        self.read_from(slowest.max(self.floor)).await
    }

    /// Reads the stream to its end and hands on what each writer's cursor has not passed.
    async fn read_from(&mut self, mut from: Position) -> Result<(), LogError> {
        loop {
            let page = read::page(&self.link, &self.stream, from, read::PAGE_ENTRIES).await?;
            let Some(last) = page.last else { return Ok(()) };
            from = last;
            let mut notices = Vec::new();
            for entry in page.batches {
                if entry.position > self.cursor(entry.writer) {
                    self.advance(entry.writer, entry.position);
                    notices.push(Notice::Live { id: entry.id, position: entry.position });
                }
            }
            self.local.tell(notices);
        }
    }
}
