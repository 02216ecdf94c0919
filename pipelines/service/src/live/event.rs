//! One event of a feed as JSON. The same text travels in SSE and in WebSocket messages.

use std::fmt::Write as _;

use tailrace_contract::{Batch, BatchId, Notice, Position};

/// A notice, with its batch where metrics are wanted and the log still has them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) notice: Notice,
    pub(crate) batch: Option<Batch>,
}

impl Event {
    /// Where its batch stands, for live events: how far a reader came.
    pub(crate) fn position(&self) -> Option<Position> {
        match self.notice {
            Notice::Live { position, .. } => Some(position),
            Notice::Durable { .. } | Notice::Lagged { .. } => None,
        }
    }

    /// Appends the event's JSON, without line breaks. Writing to a string cannot fail.
    pub(crate) fn write(&self, out: &mut String) {
        match &self.notice {
            Notice::Live { id, position } => {
                write_id("live", id, out);
                let _ = write!(out, ",\"position\":\"{position}\"");
                self.write_batch(out);
            }
            Notice::Durable { id } => write_id("durable", id, out),
            Notice::Lagged { missed } => {
                let _ = write!(out, "{{\"type\":\"lagged\",\"missed\":{missed}");
            }
        }
        out.push('}');
    }

    fn write_batch(&self, out: &mut String) {
        if let Some(batch) = &self.batch {
            // Validated metrics always serialize.
            let metrics = serde_json::to_string(&batch.metrics).unwrap_or_default();
            let received = batch.received_ms;
            let _ = write!(out, ",\"received\":{received},\"metrics\":{metrics}");
        }
    }
}

/// Producer names are of characters that JSON never escapes.
fn write_id(kind: &str, id: &BatchId, out: &mut String) {
    let (run, producer, seq) = (id.run, &id.producer.0, id.seq);
    let _ = write!(
        out,
        "{{\"type\":\"{kind}\",\"run\":\"{run}\",\"producer\":\"{producer}\",\"seq\":{seq}"
    );
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tailrace_contract::{Metric, Producer, RunId, Tenant};

    use super::*;

    fn check(notice: Notice, batch: Option<Batch>, expected: &Value) {
        let mut text = String::new();
        Event { notice, batch }.write(&mut text);
        assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), expected);
        assert!(!text.contains('\n'));
    }

    #[test]
    fn events_are_json() {
        let (tenant, producer) = (Tenant::open(), Producer("p".into()));
        let id = BatchId { tenant, run: RunId(10), producer, seq: 7 };
        let run = "0000000000000000000000000000000a";
        let position = Position { major: 3, minor: 4 };
        let metric =
            Metric { name: "a\n".into(), value: 1.5, time_ms: None, attributes: Vec::new() };
        let batch = Batch { id: id.clone(), received_ms: 9, metrics: vec![metric] };
        let live = Notice::Live { id: id.clone(), position };
        check(
            live,
            Some(batch),
            &json!({"type": "live", "run": run, "producer": "p", "seq": 7, "position": "3-4",
                "received": 9, "metrics": [{"name": "a\n", "value": 1.5}]}),
        );
        check(
            Notice::Durable { id },
            None,
            &json!({"type": "durable", "run": run, "producer": "p", "seq": 7}),
        );
        check(Notice::Lagged { missed: 5 }, None, &json!({"type": "lagged", "missed": 5}));
    }
}
