//! A commit that the store refuses is halved until the batches at fault stand alone. It only
//! finds them; `committer.rs` buries them. What fails for another reason is tried again: a store
//! that is away refuses nothing.

use std::ops::Range;
use std::sync::Arc;

use tailrace_contract::{Batch, Committed, Store, StoreError};

use crate::progress::Progress;
use crate::retry::Backoff;

/// A store that fails in a way that makes no sense may be about to recover, or may choke on the
/// content: after so many tries it is treated as the latter. Nothing is lost by it, because a
/// dead letter can be revived, and a store that cannot store takes no letters either.
const BACKEND_TRIES: u32 = 8;

/// What became of the batches of one load.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    pub(crate) committed: Committed,
    /// Places of the batches that the store does not take, with the reason.
    pub(crate) refused: Vec<(usize, String)>,
}

/// Commits all batches but those that the store does not take. Returns when every one of them is
/// either; waits for a store that cannot be reached.
pub(crate) async fn commit_all(
    store: &dyn Store,
    batches: &Arc<Vec<Batch>>,
    (backoff, progress): (&mut Backoff, &Progress),
) -> Sorted {
    let mut sorted = Sorted::default();
    // The first part is on top: what a producer sent stays in order.
    let all = 0..batches.len();
    let mut parts = vec![all];
    while let Some(range) = parts.pop() {
        if range.is_empty() {
            continue;
        }
        let part = part_of(batches, &range);
        match commit_part(store, part, (&mut *backoff, progress)).await {
            Ok(committed) => add(&mut sorted.committed, committed),
            Err(reason) if range.len() == 1 => sorted.refused.push((range.start, reason)),
            Err(_) => {
                let middle = range.start + range.len() / 2;
                parts.push(middle..range.end);
                parts.push(range.start..middle);
            }
        }
    }
    sorted
}

fn part_of(batches: &Arc<Vec<Batch>>, range: &Range<usize>) -> Arc<Vec<Batch>> {
    if range.len() == batches.len() {
        Arc::clone(batches)
    } else {
        Arc::new(batches[range.clone()].to_vec())
    }
}

/// Tries until the store took the part, or does not want it: then why.
async fn commit_part(
    store: &dyn Store,
    part: Arc<Vec<Batch>>,
    (backoff, progress): (&mut Backoff, &Progress),
) -> Result<Committed, String> {
    let mut senseless = 0;
    loop {
        match store.commit(Arc::clone(&part)).await {
            Ok(committed) => {
                progress.store_answered(None);
                backoff.reset();
                return Ok(committed);
            }
            Err(StoreError::Refused { cause }) => {
                progress.store_answered(None);
                return Err(cause);
            }
            Err(error @ StoreError::Backend { .. }) if senseless + 1 == BACKEND_TRIES => {
                backoff.reset();
                return Err(error.to_string());
            }
            Err(error) => {
                senseless += u32::from(matches!(error, StoreError::Backend { .. }));
                progress.store_answered(Some(&error));
                backoff.pause().await;
            }
        }
    }
}

fn add(sum: &mut Committed, more: Committed) {
    sum.new += more.new;
    sum.duplicate += more.duplicate;
    sum.metrics += more.metrics;
}
