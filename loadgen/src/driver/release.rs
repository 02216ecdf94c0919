//! The way out: what is due is released, given to a connection with room, and flushed. A batch
//! that finds no room waits in the order in which it was due, and that wait is latency.

use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::recorder::Failure;

use super::connection::Stage;
use super::inflight::Pending;
use super::{Driver, Due};
use crate::plan::Pace;

/// Batches released in one turn of the loop. After a stall of the generator's own, what is
/// overdue leaves in portions, with flushes and reads in between: its own stall must not look
/// like an overflow of the system's.
const BURST_MAX: usize = 256;

impl Driver<'_> {
    /// Releases everything that is due by now.
    pub(super) fn release_due(&mut self) {
        match self.plan.pace {
            Pace::Open(_) => self.release_scheduled(),
            Pace::Saturate => self.release_while_there_is_room(),
        }
    }

    fn release_scheduled(&mut self) {
        let end = self.times.window.1;
        let mut at = now();
        for _ in 0..BURST_MAX {
            let intended = self.next_due;
            if intended > at || intended >= end {
                return;
            }
            self.advance();
            at = self.release(intended);
        }
    }

    fn release_while_there_is_room(&mut self) {
        let mut at = now();
        let (start, end) = (self.times.anchor, self.times.window.1);
        while start <= at && at < end && self.in_flight.len() < self.plan.in_flight_max {
            if !self.has_roomy() {
                return;
            }
            // Due since there was room for it: since the one before it was released.
            at = self.release(at);
        }
    }

    /// Returns when it was released, which is as good as now.
    fn release(&mut self, intended: Stamp) -> Stamp {
        let seq = self.seq;
        self.seq += self.plan.share.of;
        self.recorder.scheduled(intended);
        self.source.prepare(seq);
        let released = now();
        self.tally.scheduled(released.since(intended));
        if self.in_flight.len() + self.waiting.len() >= self.plan.in_flight_max {
            self.recorder.failed(intended, Some(released), Failure::Overflowed);
            self.tally.failed();
            return released;
        }
        let due = Due { seq, intended, released };
        match self.next_roomy() {
            Some(connection) if self.waiting.is_empty() => self.send(due, connection),
            _ => self.waiting.push_back(due),
        }
        released
    }

    /// Gives waiting batches to connections that have room again.
    pub(super) fn dispatch_waiting(&mut self) {
        while !self.waiting.is_empty() {
            let Some(connection) = self.next_roomy() else { return };
            let Some(due) = self.waiting.pop_front() else { return };
            self.source.prepare(due.seq);
            self.send(due, connection);
        }
    }

    /// Encodes the request at hand on a connection that has room.
    fn send(&mut self, due: Due, index: usize) {
        let Due { seq, intended, released } = due;
        let pending = Pending { seq, intended, released, sent: released, connection: index };
        let key = self.in_flight.insert(pending);
        if let Some(feed) = &mut self.feed {
            feed.expect(seq, intended);
        }
        if self.connections[index].stage == Stage::Idle {
            return self.open_for(key, index);
        }
        self.connections[index].encode(&self.source.request(), key);
        self.mark_dirty(index);
    }

    /// A connection with room, in turn; it goes to the end of the line.
    fn next_roomy(&mut self) -> Option<usize> {
        if !self.has_roomy() {
            return None;
        }
        let index = self.roomy.pop_front()?;
        self.roomy.push_back(index);
        Some(index)
    }

    /// Whether the first in the line has room; those before it that had none leave it.
    fn has_roomy(&mut self) -> bool {
        while let Some(&index) = self.roomy.front() {
            if self.connections[index].has_room() {
                return true;
            }
            self.connections[index].listed = false;
            self.roomy.pop_front();
        }
        false
    }

    /// Puts a connection that has room into the line.
    pub(super) fn list_if_roomy(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if !connection.listed && connection.has_room() {
            connection.listed = true;
            self.roomy.push_back(index);
        }
    }

    pub(super) fn mark_dirty(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push_back(index);
        }
    }

    /// One write a connection for everything that was encoded on it.
    pub(super) fn flush_dirty(&mut self) {
        while let Some(index) = self.dirty.pop_front() {
            self.connections[index].dirty = false;
            if matches!(self.connections[index].stage, Stage::Down { .. } | Stage::Idle) {
                continue;
            }
            match self.connections[index].flush(&mut self.in_flight) {
                Ok(complete) => self.watch_for_write(index, !complete),
                Err(error) => self.lose(index, &error.to_string()),
            }
        }
    }
}
