//! What is sent: the one thing that differs between a load on a pipeline and a load on anybody's
//! endpoint. [`Batches`] are prepared payloads; [`crate::template::Templates`] are a request as
//! somebody wrote it, with places to fill. It lacks sockets and times. Read next: `template.rs`.

use tailrace_contract::{Producer, Request};
use tailrace_producers::payload::Payloads;

/// Makes the requests of a trial. The event loop asks for one at a time, so a source may keep
/// the bytes of the last one and reuse their memory: nothing is allocated for each request.
pub trait Source {
    /// Prepares the request with this place in the schedule. May be asked again for the same
    /// place, when the request had to wait for a connection.
    fn prepare(&mut self, seq: u64);

    /// What was prepared last.
    fn request(&self) -> Request<'_>;

    /// Whether an answer with this status acknowledges; any other is a refusal.
    fn is_ack(&self, status: u16) -> bool {
        (200..300).contains(&status)
    }
}

/// Batches of metrics for a pipeline: the prepared payload of a sequence under its head. The same
/// bytes for a seed.
pub struct Batches<'a> {
    payloads: &'a Payloads,
    producer: Producer,
    headers: [(String, String); 2],
    body: Vec<u8>,
}

impl<'a> Batches<'a> {
    /// The batches of `producer` in `run`, as the header carries it.
    pub fn new(payloads: &'a Payloads, producer: Producer, run: &str) -> Self {
        let fields = [("content-type", payloads.codec().content_type()), ("tailrace-run", run)];
        let headers = fields.map(|(name, value)| (name.into(), value.into()));
        Self { payloads, producer, headers, body: Vec::with_capacity(1 << 10) }
    }
}

impl Source for Batches<'_> {
    fn prepare(&mut self, seq: u64) {
        self.body.clear();
        self.payloads.write_body(&self.producer, seq, &mut self.body);
    }

    fn request(&self) -> Request<'_> {
        Request { method: "POST", target: "/v1/ingest", headers: &self.headers, body: &self.body }
    }
}
