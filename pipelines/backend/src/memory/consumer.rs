//! The task that reads the memory log. It takes everything that waits with one lock, works in
//! small portions and lets others run between them: server and consumer may share one core.
//! Next: `kept`, where the batches go.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::vec::Drain;

use bytes::Bytes;
use tailrace_contract::{Batch, BatchId, Bus, Notice, Position};
use tokio::sync::watch;
use tokio::time::Instant;

use super::groups::Held;
use super::queue::Unread;
use super::{Shared, lock};

/// Batches between two yields: about 50 µs of work, so that a request that arrives meanwhile
/// hardly notices.
const PORTION_MAX: usize = 256;
/// Capacity kept for the next use, in batches and in bytes of bodies; what a burst needed
/// beyond it is given back.
const LIST_KEPT_MAX: (usize, usize) = (16_384, 4 << 20);

/// Runs until it is aborted.
pub(super) async fn consume(shared: Arc<Shared>, bus: Arc<dyn Bus>, progress: watch::Sender<u64>) {
    let mut list = Unread::default();
    let mut passed = 0;
    loop {
        if !lock(&shared.queue).take(&mut list) {
            shared.wake.notified().await;
            continue;
        }
        let mut bodies = list.bodies.as_slice();
        let mut rest = list.batches.drain(..);
        while rest.len() > 0 {
            let notices = take_in(&shared, &mut rest, &mut bodies, &mut passed, &*bus);
            progress.send_replace(passed);
            if !notices.is_empty() {
                bus.publish(notices).await;
            }
            tokio::task::yield_now().await;
        }
        drop(rest);
        list.reuse(LIST_KEPT_MAX.0, LIST_KEPT_MAX.1);
    }
}

/// Moves the next portion to what is kept and says what to announce.
fn take_in(
    shared: &Shared,
    rest: &mut Drain<'_, (Batch, usize)>,
    bodies: &mut &[u8],
    passed: &mut u64,
    bus: &dyn Bus,
) -> Vec<Notice> {
    let announce = bus.has_subscribers();
    let mut notices = Vec::new();
    let batches = rest.len().min(PORTION_MAX);
    let (portion, mut body_bytes, mut entries) = (*bodies, 0, Vec::new());
    let mut kept = lock(&shared.kept);
    // Set under the lock above: either this portion is handed on or the group finds it there.
    let grouped = shared.grouped.load(Ordering::Relaxed);
    for (batch, length) in rest.take(batches) {
        *passed += 1;
        let position = Position { major: 0, minor: *passed };
        if announce {
            notices.push(Notice::Live { id: batch.id.clone(), position });
        }
        let (body, after) = bodies.split_at(length);
        *bodies = after;
        body_bytes += length;
        if grouped {
            entries.push((batch.id.clone(), batch.received_ms, length));
        }
        kept.add(position, batch, body);
    }
    if grouped {
        hand_on(shared, entries, &portion[..body_bytes]);
        drop(kept);
        shared.arrived.notify_waiters();
    } else {
        drop(kept);
        lock(&shared.queue).read(batches, body_bytes);
    }
    notices
}

/// Gives a portion to the groups: one copy of all its bodies, which is freed when the last of
/// them is finished.
fn hand_on(shared: &Shared, entries: Vec<(BatchId, u64, usize)>, portion: &[u8]) {
    let (mut bodies, since) = (Bytes::copy_from_slice(portion), Instant::now());
    let held = |(id, received_ms, length)| {
        let body = bodies.split_to(length);
        Held { id, received_ms, body, since }
    };
    let held: Vec<Held> = entries.into_iter().map(held).collect();
    lock(&shared.groups).extend(held);
}
