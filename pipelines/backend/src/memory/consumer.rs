//! The task that reads the memory log. It takes everything that waits with one lock, works in
//! small portions and lets others run between them: server and consumer may share one core.
//! Next: `kept`, where the batches go.

use std::sync::Arc;
use std::vec::Drain;

use tailrace_contract::{Bus, Notice, Position};
use tokio::sync::watch;

use super::queue::Unread;
use super::{Shared, lock};

/// Batches between two yields: about 50 µs of work, so that a request that arrives meanwhile
/// hardly notices.
const PORTION_MAX: usize = 256;
/// Capacity of a list kept for the next use; a burst's larger list is given back.
const LIST_KEPT_MAX: usize = 16_384;

/// Runs until it is aborted.
pub(super) async fn consume(shared: Arc<Shared>, bus: Arc<dyn Bus>, progress: watch::Sender<u64>) {
    let mut list: Vec<Unread> = Vec::new();
    let mut passed = 0;
    loop {
        if !lock(&shared.queue).take(&mut list) {
            shared.wake.notified().await;
            continue;
        }
        let mut rest = list.drain(..);
        while rest.len() > 0 {
            let notices = take_in(&shared, &mut rest, &mut passed, &*bus);
            progress.send_replace(passed);
            if !notices.is_empty() {
                bus.publish(notices).await;
            }
            tokio::task::yield_now().await;
        }
        drop(rest);
        list.shrink_to(LIST_KEPT_MAX);
    }
}

/// Moves the next portion to what is kept and says what to announce.
fn take_in(
    shared: &Shared,
    rest: &mut Drain<'_, Unread>,
    passed: &mut u64,
    bus: &dyn Bus,
) -> Vec<Notice> {
    let announce = bus.has_subscribers();
    let mut notices = Vec::new();
    let batches = rest.len().min(PORTION_MAX);
    let mut body_bytes = 0;
    let mut kept = lock(&shared.kept);
    for unread in rest.take(batches) {
        *passed += 1;
        let position = Position { major: 0, minor: *passed };
        if announce {
            notices.push(Notice::Live { id: unread.batch.id.clone(), position });
        }
        body_bytes += unread.body.len();
        kept.add(position, unread.batch, unread.body);
    }
    drop(kept);
    lock(&shared.queue).read(batches, body_bytes);
    notices
}
