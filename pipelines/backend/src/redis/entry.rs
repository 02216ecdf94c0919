//! A batch as an entry of the stream: two fields, because Redis and its append-only file pay for
//! each one. `h` is what is known of the batch, separated by spaces: run, producer, sequence,
//! time of arrival in milliseconds, number of metrics, writer, tenant. `b` is the body as it
//! came; the identity stands beside it because a body may lack one.
//!
//! Anybody who may write to Redis may add an entry that is none of these. It is no error of the
//! log: replay and audit pass it, and a group gives it to its members as unreadable.

use bytes::Bytes;
use redis::{Cmd, Value};
use tailrace_contract::{Batch, BatchId, Position, Producer, RunId, Tenant, Unreadable, codec};

use super::waiting::Pending;
use crate::delivery::{Encoded, Taken};

/// An entry that was read back; its body is decoded only when somebody wants the metrics.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) position: Position,
    pub(super) id: BatchId,
    pub(super) received_ms: u64,
    pub(super) metrics: u64,
    pub(super) writer: u64,
    body: Bytes,
}

/// The command that appends one batch.
pub(super) fn xadd(stream: &str, writer: &str, pending: &Pending) -> Cmd {
    let mut add = Cmd::with_capacity(ARGUMENTS, stream.len() + pending.body.len() + HEAD_BYTES);
    add.arg("XADD").arg(stream).arg("*").arg("h").arg(head(writer, pending));
    add.arg("b").arg(&pending.body[..]);
    add
}

/// Of the command above.
const ARGUMENTS: usize = 7;
/// Room for an ordinary head and the small arguments; a longer one only costs a reallocation.
const HEAD_BYTES: usize = 160;

fn head(writer: &str, pending: &Pending) -> Vec<u8> {
    let id = &pending.id;
    let mut number = itoa::Buffer::new();
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend_from_slice(&id.run.hex());
    let mut word = |text: &str| {
        head.push(b' ');
        head.extend_from_slice(text.as_bytes());
    };
    word(&id.producer.0);
    word(number.format(id.seq));
    word(number.format(pending.received_ms));
    word(number.format(pending.metrics));
    word(writer);
    // Last, because it may hold spaces.
    word(&id.tenant.0);
    head
}

/// Reads one entry: where it stands, and the batch, or why it is none. None when the answer is no
/// entry at all.
pub(super) fn read(value: Value) -> Option<(Position, Result<Stored, Unreadable>)> {
    let (position, fields) = parts(value)?;
    let fields: Vec<Vec<u8>> = fields.into_iter().map(bytes).collect::<Option<_>>()?;
    let stored = match <[Vec<u8>; 4]>::try_from(fields) {
        Ok([h, head, b, body]) if h == b"h" && b == b"b" => {
            let (stored, body) = (Stored::from_parts(position, &head), Bytes::from(body));
            match stored {
                Some(stored) => Ok(Stored { body, ..stored }),
                None => Err(unreadable("its head `h` is not one of Tailrace's", body)),
            }
        }
        Ok(fields) => Err(foreign(&fields)),
        Err(fields) => Err(foreign(&fields)),
    };
    Some((position, stored))
}

/// Where an entry stands.
pub(super) fn position(value: Value) -> Option<Position> {
    parts(value).map(|(position, _)| position)
}

/// An entry for a member of a group, given so many times.
pub(super) fn taken(value: Value, deliveries: u64) -> Option<Taken> {
    let (position, stored) = read(value)?;
    let content = stored.map(|stored| {
        let Stored { id, received_ms, body, .. } = stored;
        Encoded { id, received_ms, body }
    });
    Some(Taken { position, content, deliveries })
}

/// The entries in an answer of XREADGROUP about one stream.
pub(super) fn of_stream(answer: Value) -> Option<Vec<Value>> {
    let entries = match answer {
        Value::Map(mut streams) => streams.pop()?.1,
        streams => array(array(streams)?.pop()?)?.pop()?,
    };
    array(entries)
}

fn parts(value: Value) -> Option<(Position, Vec<Value>)> {
    let [position, fields] = <[Value; 2]>::try_from(array(value)?).ok()?;
    Some((text(position)?.parse().ok()?, array(fields)?))
}

fn unreadable(what: &str, body: Bytes) -> Unreadable {
    let reason = format!("{what}; does another program write to this stream?");
    Unreadable { reason, id: None, body }
}

/// What a person can still read of it: its fields, one a line.
fn foreign(fields: &[Vec<u8>]) -> Unreadable {
    let lines: Vec<Vec<u8>> = fields.chunks(2).map(|field| field.join(&b' ')).collect();
    unreadable("it has other fields than `h` and `b`", lines.join(&b'\n').into())
}

impl Stored {
    /// Reads the head; the body is the caller's to add.
    fn from_parts(position: Position, head: &[u8]) -> Option<Self> {
        let head = std::str::from_utf8(head).ok()?;
        let mut words = head.splitn(7, ' ');
        let run: RunId = words.next()?.parse().ok()?;
        let producer = Producer(words.next()?.into());
        let seq = words.next()?.parse().ok()?;
        let received_ms = words.next()?.parse().ok()?;
        let metrics = words.next()?.parse().ok()?;
        let writer = u64::from_str_radix(words.next()?, 16).ok()?;
        let tenant = Tenant(words.next()?.into());
        let id = BatchId { tenant, run, producer, seq };
        Some(Self { position, id, received_ms, metrics, writer, body: Bytes::new() })
    }

    /// Decodes the body; none when it is not valid any more.
    pub(super) fn into_batch(self) -> Option<(Position, Batch)> {
        let metrics = codec::decode(&self.body).ok()?.metrics;
        Some((self.position, Batch { id: self.id, received_ms: self.received_ms, metrics }))
    }
}

fn array(value: Value) -> Option<Vec<Value>> {
    if let Value::Array(list) = value { Some(list) } else { None }
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    if let Value::BulkString(bytes) = value { Some(bytes) } else { None }
}

fn text(value: Value) -> Option<String> {
    String::from_utf8(bytes(value)?).ok()
}
