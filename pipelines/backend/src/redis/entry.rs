//! A batch as an entry of the stream. Field names are one letter: they travel with each batch.
//! The body is kept as it came; the identity stands beside it because a body may lack one.

use bytes::Bytes;
use redis::{Cmd, Value, cmd};
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
    let mut add = cmd("XADD");
    let id = &pending.id;
    add.arg(stream).arg("*").arg("t").arg(&*id.tenant.0).arg("r").arg(id.run.to_string());
    add.arg("p").arg(&*id.producer.0).arg("s").arg(id.seq).arg("m").arg(pending.received_ms);
    add.arg("n").arg(pending.metrics).arg("w").arg(writer).arg("b").arg(&pending.body[..]);
    add
}

impl Stored {
    /// Reads one entry of an XRANGE answer; none when it is not a batch of ours.
    pub(super) fn from_value(value: Value) -> Option<Self> {
        let [position, fields] = <[Value; 2]>::try_from(array(value)?).ok()?;
        let position = text(position)?.parse().ok()?;
        let (mut tenant, mut run, mut producer, mut seq) = (None, None, None, None);
        let (mut received_ms, mut metrics, mut writer, mut body) = (None, None, None, None);
        let mut fields = array(fields)?.into_iter();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            match bytes(name)?.as_slice() {
                b"t" => tenant = text(value),
                b"r" => run = text(value)?.parse::<RunId>().ok(),
                b"p" => producer = text(value),
                b"s" => seq = text(value)?.parse().ok(),
                b"m" => received_ms = text(value)?.parse().ok(),
                b"n" => metrics = text(value)?.parse().ok(),
                b"w" => writer = u64::from_str_radix(&text(value)?, 16).ok(),
                b"b" => body = bytes(value).map(Bytes::from),
                _ => {}
            }
        }
        let (tenant, producer) = (Tenant(tenant?.into()), Producer(producer?.into()));
        let id = BatchId { tenant, run: run?, producer, seq: seq? };
        let (received_ms, metrics, writer) = (received_ms?, metrics?, writer?);
        Some(Self { position, id, received_ms, metrics, writer, body: body? })
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
