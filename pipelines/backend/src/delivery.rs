//! From an entry of a log to what a member of a group is given: the body is decoded here, in the
//! member's own task and outside of every lock. It knows neither of the logs.

use std::time::Duration;

use bytes::Bytes;
use tailrace_contract::codec::decode;
use tailrace_contract::{Batch, BatchId, Delivery, Position, Problem, Unreadable};

/// The longest wait for an entry: a peer that went away without a word is noticed after it.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(30);
/// Entries of one delivery, whatever was asked for: each may be a full megabyte.
pub(crate) const ENTRIES_MAX: usize = 512;
/// Bytes decoded between two yields: some 50 µs of work. A worker may share its core with the
/// server whose acknowledgements wait meanwhile.
const PORTION_BYTES: usize = 8 << 10;

/// An entry as a log hands it out, not decoded yet.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) position: Position,
    pub(crate) content: Result<Encoded, Unreadable>,
    /// This time included.
    pub(crate) deliveries: u64,
}

/// A batch whose metrics are still bytes.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) id: BatchId,
    pub(crate) received_ms: u64,
    pub(crate) body: Bytes,
}

/// Decodes all of them. Dropping the future loses nothing: the log knows them as given.
pub(crate) async fn open(taken: Vec<Taken>) -> Vec<Delivery> {
    let mut deliveries = Vec::with_capacity(taken.len());
    let mut decoded_bytes = 0;
    for taken in taken {
        decoded_bytes += taken.content.as_ref().map_or(0, |encoded| encoded.body.len());
        deliveries.push(delivery(taken));
        if decoded_bytes >= PORTION_BYTES {
            decoded_bytes = 0;
            tokio::task::yield_now().await;
        }
    }
    deliveries
}

fn delivery(taken: Taken) -> Delivery {
    let Taken { position, content, deliveries } = taken;
    let content = match content {
        Ok(Encoded { id, received_ms, body }) => match decode(&body) {
            Ok(decoded) => Ok(Batch { id, received_ms, metrics: decoded.metrics }),
            Err(refused) => {
                Err(Unreadable { reason: reason(&refused.problem), id: Some(id), body })
            }
        },
        Err(unreadable) => Err(unreadable),
    };
    Delivery { position, content, deliveries }
}

/// In one line, with the first field at fault.
fn reason(problem: &Problem) -> String {
    let field = problem.fields.first();
    let field = field.map(|field| format!(" ({}: {})", field.pointer, field.detail));
    format!("its body cannot be read: {}{}", problem.detail, field.unwrap_or_default())
}
