//! The messages of the channel. One line for the machine that only counts, then a JSON array
//! for the one that has subscribers: `L WRITER PREVIOUS LAST` and the batches of one flush, or
//! `D` and the batches that a store has committed, at most so many a message.
//!
//! PREVIOUS is the last position that the same writer announced before. A reader whose own
//! last position of that writer is smaller has missed something and reads the stream. A writer
//! that cannot know what a broken flush left in the stream says [`DOUBT`] instead.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tailrace_contract::{BatchId, Position, Producer, RunId, SmolStr, Tenant};

/// A "previous" beyond every position: everybody must read the stream.
pub(super) const DOUBT: Position = Position { major: u64::MAX, minor: u64::MAX };

/// Committed batches of one message: about 100 kB. A worker that commits after an outage must not
/// make Redis copy megabytes to every server at once.
const DURABLE_MAX: usize = 1_000;

/// tenant, run, producer, sequence, then the two parts of the position.
type Row = (Arc<str>, RunId, SmolStr, u64, u64, u64);

/// A message, as far as its first line tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// A flush.
    Live { writer: u64, previous: Position, last: Position },
    /// Committed batches.
    Durable,
}

/// Splits a message into its head and the JSON behind; none when it is not one of ours.
pub(super) fn read(message: &[u8]) -> Option<(Head, &[u8])> {
    let end = message.iter().position(|&byte| byte == b'\n')?;
    let (line, rest) = (std::str::from_utf8(&message[..end]).ok()?, &message[end + 1..]);
    let mut words = line.split(' ');
    let head = match words.next()? {
        "L" => Head::Live {
            writer: u64::from_str_radix(words.next()?, 16).ok()?,
            previous: words.next()?.parse().ok()?,
            last: words.next()?.parse().ok()?,
        },
        "D" => Head::Durable,
        _ => return None,
    };
    Some((head, rest))
}

/// Reads the batches behind a head.
pub(super) fn batches(json: &[u8]) -> Option<Vec<(BatchId, Position)>> {
    let rows: Vec<Row> = serde_json::from_slice(json).ok()?;
    let batch = |(tenant, run, producer, seq, major, minor)| {
        let (tenant, producer) = (Tenant(tenant), Producer(producer));
        (BatchId { tenant, run, producer, seq }, Position { major, minor })
    };
    Some(rows.into_iter().map(batch).collect())
}

/// Writes the messages of committed batches, in order.
pub(super) fn durable(ids: impl Iterator<Item = BatchId>) -> Vec<Vec<u8>> {
    let batches: Vec<_> = ids.map(|id| (id, Position::default())).collect();
    let message = |batches| {
        let mut out = b"D\n".to_vec();
        write_rows(batches, &mut out);
        out
    };
    batches.chunks(DURABLE_MAX).map(message).collect()
}

fn write_rows(batches: &[(BatchId, Position)], out: &mut Vec<u8>) {
    #[derive(Serialize, Deserialize)]
    struct Borrowed<'a>(&'a str, RunId, &'a str, u64, u64, u64);
    let rows: Vec<_> = batches
        .iter()
        .map(|(id, at)| Borrowed(&id.tenant.0, id.run, &id.producer.0, id.seq, at.major, at.minor))
        .collect();
    // Strings and whole numbers always serialize, and memory always takes them.
    serde_json::to_writer(out, &rows).unwrap_or_default();
}

/// What one writer has still to announce.
#[derive(Debug)]
pub(super) struct Announcer {
    writer: u64,
    previous: Position,
    last: Position,
    in_doubt: bool,
    batches: Vec<(BatchId, Position)>,
}

impl Announcer {
    pub(super) fn new(writer: u64) -> Self {
        let nothing = Position::default();
        Self { writer, previous: nothing, last: nothing, in_doubt: false, batches: Vec::new() }
    }

    /// A batch was appended.
    pub(super) fn add(&mut self, id: BatchId, position: Position) {
        self.last = position;
        self.batches.push((id, position));
    }

    /// The connection broke: nobody knows what was stored or announced.
    pub(super) fn doubt(&mut self) {
        self.in_doubt = true;
        self.batches.clear();
    }

    /// The message to publish now, if there is anything to say.
    pub(super) fn message(&self) -> Option<Vec<u8>> {
        if self.batches.is_empty() && !self.in_doubt {
            return None;
        }
        let previous = if self.in_doubt { DOUBT } else { self.previous };
        let mut out = format!("L {:016x} {previous} {}\n", self.writer, self.last).into_bytes();
        write_rows(&self.batches, &mut out);
        Some(out)
    }

    /// The message has been published.
    pub(super) fn published(&mut self) {
        self.previous = self.last;
        self.in_doubt = false;
        self.batches.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back_and_names_what_came_before() {
        let producer = Producer("p".into());
        let id = BatchId { tenant: Tenant("a \"b\"".into()), run: RunId(3), producer, seq: 7 };
        let at = |minor| Position { major: 5, minor };
        let mut announcer = Announcer::new(255);
        assert_eq!(announcer.message(), None);
        announcer.add(id.clone(), at(0));
        announcer.published();
        announcer.add(id.clone(), at(1));
        let message = announcer.message().unwrap();
        let (head, json) = read(&message).unwrap();
        assert_eq!(head, Head::Live { writer: 255, previous: at(0), last: at(1) });
        assert_eq!(batches(json).unwrap(), [(id, at(1))]);

        announcer.doubt();
        let message = announcer.message().unwrap();
        let (head, json) = read(&message).unwrap();
        assert_eq!(head, Head::Live { writer: 255, previous: DOUBT, last: at(1) });
        assert_eq!(batches(json).unwrap(), []);
        announcer.published();
        assert_eq!(announcer.message(), None);
    }

    #[test]
    fn many_committed_batches_are_several_messages() {
        let (tenant, producer) = (Tenant::open(), Producer("p".into()));
        let id = |seq| BatchId {
            tenant: tenant.clone(),
            run: RunId(3),
            producer: producer.clone(),
            seq,
        };
        assert!(durable(std::iter::empty()).is_empty());
        let messages = durable((0..=DURABLE_MAX as u64 * 2).map(id));
        assert_eq!(messages.len(), 3);
        let read = messages.iter().map(|message| read(message).unwrap());
        let ids: Vec<_> = read
            .inspect(|(head, _)| assert_eq!(*head, Head::Durable))
            .flat_map(|(_, json)| batches(json).unwrap())
            .map(|(id, _)| id.seq)
            .collect();
        assert_eq!(ids, (0..=DURABLE_MAX as u64 * 2).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_not_a_message_is_not_read() {
        for strange in [&b""[..], b"L\n", b"X 1 2\n[]", b"L zz 0-0 0-0\n[]", b"L 1 0 0\n[]"] {
            assert_eq!(read(strange), None);
        }
    }
}
