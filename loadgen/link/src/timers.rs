//! What is to be done when: a heap of times. It waits for nobody; the event loop does.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::pair::Way;

/// Something that has its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    /// The handshake would be over for the near end: what it says is heard from now on.
    Open(u64),
    /// The handshake would be over for the far end too: now it gets its connection.
    Connect(u64),
    /// Something is due at the other end of one direction.
    Deliver(u64, Way),
    /// A listener that ran out of descriptors is tried again.
    Listen(usize),
}

/// Tasks by time.
#[derive(Debug, Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<(u64, Task)>>);

impl Timers {
    pub(crate) fn at(&mut self, due_ns: u64, task: Task) {
        self.0.push(Reverse((due_ns, task)));
    }

    /// When the next one is due.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((due_ns, _))| *due_ns)
    }

    /// Takes one that is due.
    pub(crate) fn take_due(&mut self, now_ns: u64) -> Option<Task> {
        self.next_ns().filter(|due_ns| *due_ns <= now_ns)?;
        self.0.pop().map(|Reverse((_, task))| task)
    }
}
