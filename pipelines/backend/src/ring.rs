//! The most recent batches of a process, for feeds that go on where they stopped: identities and
//! bodies, bounded in number and bytes, the oldest overwritten. Bodies are copied out of the
//! network's buffers and decoded again for the few who ask: a parsed batch is ten allocations that
//! have gone cold when they are freed.

use std::collections::VecDeque;
use std::collections::vec_deque::Iter;

use tailrace_contract::codec::decode;
use tailrace_contract::{Batch, BatchId, Position};

/// Recent batches in the order of their positions.
#[derive(Debug)]
pub(crate) struct Ring {
    batches_max: usize,
    bytes_max: usize,
    recent: VecDeque<Recent>,
    /// The bodies of `recent`, one behind the other: a ring that allocates only to grow.
    bodies: VecDeque<u8>,
    /// Bytes of bodies that were overwritten: where the ring starts.
    overwritten: u64,
}

/// A recent batch as it came.
#[derive(Debug)]
pub(crate) struct Recent {
    pub(crate) position: Position,
    pub(crate) id: BatchId,
    pub(crate) received_ms: u64,
    /// Of its body, counted from the first byte that was ever kept.
    start: u64,
    pub(crate) length: usize,
}

impl Ring {
    /// Keeps at most so many batches, and so many bytes of bodies.
    pub(crate) fn new(batches_max: usize, bytes_max: usize) -> Self {
        let (recent, bodies) = (VecDeque::new(), VecDeque::new());
        Self { batches_max, bytes_max, recent, bodies, overwritten: 0 }
    }

    /// Adds the newest one.
    pub(crate) fn push(&mut self, position: Position, id: BatchId, received_ms: u64, body: &[u8]) {
        let (start, length) = (self.overwritten + self.bodies.len() as u64, body.len());
        self.recent.push_back(Recent { position, id, received_ms, start, length });
        self.bodies.extend(body);
        while self.recent.len() > self.batches_max || self.bodies.len() > self.bytes_max {
            let Some(oldest) = self.recent.pop_front() else { break };
            self.bodies.drain(..oldest.length);
            self.overwritten += oldest.length as u64;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.recent.len()
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> Iter<'_, Recent> {
        self.recent.iter()
    }

    /// The oldest ones, and their bodies in one piece.
    pub(crate) fn oldest(&self, count: usize) -> (Iter<'_, Recent>, impl Iterator<Item = &u8>) {
        let length: usize = self.recent.range(..count).map(|recent| recent.length).sum();
        (self.recent.range(..count), self.bodies.range(..length))
    }

    /// How many stand before a position.
    pub(crate) fn before(&self, position: Position) -> usize {
        self.recent.partition_point(|recent| recent.position < position)
    }

    /// Up to `limit` batches after a position, oldest first.
    pub(crate) fn after(&self, after: Position, limit: usize) -> Vec<(Position, Batch)> {
        let first = self.recent.partition_point(|recent| recent.position <= after);
        let rest = self.recent.range(first..);
        rest.filter_map(|recent| self.decoded(recent)).take(limit).collect()
    }

    /// A batch, decoded again; nothing only if its body had not been valid before.
    pub(crate) fn decoded(&self, recent: &Recent) -> Option<(Position, Batch)> {
        let start = (recent.start - self.overwritten) as usize;
        let body: Vec<u8> = self.bodies.range(start..start + recent.length).copied().collect();
        let metrics = decode(&body).ok()?.metrics;
        let (id, received_ms) = (recent.id.clone(), recent.received_ms);
        Some((recent.position, Batch { id, received_ms, metrics }))
    }
}
