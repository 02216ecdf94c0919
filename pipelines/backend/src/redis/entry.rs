//! A batch as an entry of the stream: two fields, because Redis and its append-only file pay for
//! each one. `h` is what is known of the batch, separated by spaces: run, producer, sequence,
//! time of arrival in milliseconds, number of metrics, writer, tenant. `b` is the body as it
//! came; the identity stands beside it because a body may lack one.

use bytes::Bytes;
use redis::{Cmd, Value};
use tailrace_contract::{Batch, BatchId, Position, Producer, RunId, Tenant, codec};

use super::waiting::Pending;

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

impl Stored {
    /// Reads one entry of an XRANGE answer; none when it is not a batch of ours.
    pub(super) fn from_value(value: Value) -> Option<Self> {
        let [position, fields] = <[Value; 2]>::try_from(array(value)?).ok()?;
        let position = text(position)?.parse().ok()?;
        let [h, head, b, body] = <[Value; 4]>::try_from(array(fields)?).ok()?;
        if bytes(h)? != b"h" || bytes(b)? != b"b" {
            return None;
        }
        Self::from_parts(position, &text(head)?, bytes(body)?.into())
    }

    fn from_parts(position: Position, head: &str, body: Bytes) -> Option<Self> {
        let mut words = head.splitn(7, ' ');
        let run: RunId = words.next()?.parse().ok()?;
        let producer = Producer(words.next()?.into());
        let seq = words.next()?.parse().ok()?;
        let received_ms = words.next()?.parse().ok()?;
        let metrics = words.next()?.parse().ok()?;
        let writer = u64::from_str_radix(words.next()?, 16).ok()?;
        let tenant = Tenant(words.next()?.into());
        let id = BatchId { tenant, run, producer, seq };
        Some(Self { position, id, received_ms, metrics, writer, body })
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
