//! Connections that come and go with their requests: what it took to open them, closing one that
//! is spent, and, where none is kept, opening one for each request. Retries nothing. Read next:
//! `links.rs`, for connections that are lost.

use hdrhistogram::Histogram;
use tailrace_measure::clock::now;
use tailrace_measure::recorder::Failure;

use super::connection::Stage;
use super::{Driver, RECONNECT_NS};

/// Significant digits, as in every other histogram here.
const DIGITS: u8 = 3;

/// How long it took to open connections, in nanoseconds: one value for each that stood.
#[derive(Debug, Clone)]
pub struct Openings {
    /// From the first packet until it stood.
    pub connect: Histogram<u64>,
    /// From there to the end of the TLS handshake.
    pub tls: Histogram<u64>,
}

impl Default for Openings {
    fn default() -> Self {
        let histogram = || Histogram::new(DIGITS).expect("a constant between 0 and 5");
        Self { connect: histogram(), tls: histogram() }
    }
}

impl Openings {
    pub(super) fn merge(&mut self, other: &Self) {
        // Histograms that grow take every other of as many digits.
        self.connect.add(&other.connect).unwrap_or_default();
        self.tls.add(&other.tls).unwrap_or_default();
    }
}

impl Driver<'_> {
    /// A connection may have come to stand since the last look: its times are kept, and the
    /// request that it was opened for goes out.
    pub(super) fn note_opening(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if connection.stage == Stage::Securing {
            return;
        }
        if let Some(opening) = connection.opening.take() {
            // Histograms that grow take every value.
            self.openings.connect.record(opening.connect_ns).unwrap_or_default();
            if let Some(tls_ns) = opening.tls_ns {
                self.openings.tls.record(tls_ns).unwrap_or_default();
            }
        }
        if connection.stage != Stage::Open {
            return;
        }
        let held = connection.held.take();
        if let Some((key, seq)) = held.and_then(|key| Some((key, self.in_flight.get_mut(key)?.seq)))
        {
            self.source.prepare(seq);
            self.connections[index].encode(&self.source.request(), key);
            self.mark_dirty(index);
        }
    }

    /// Opens a connection for one request.
    pub(super) fn open_for(&mut self, key: u64, index: usize) {
        match self.reopen(index) {
            Ok(()) => {
                self.connections[index].held = Some(key);
                self.unsettled = true;
            }
            Err(error) => {
                self.last_break = Some(error.to_string());
                if let Some(pending) = self.in_flight.remove(key) {
                    self.recorder.failed(pending.intended, Some(pending.released), Failure::Broken);
                    self.forget(pending.seq);
                }
            }
        }
    }

    /// Closes a connection that is of no further use: its server takes nothing more and owes
    /// nothing, or none is kept. To wait for the server's own end would only cost time.
    pub(super) fn close_if_spent(&mut self, index: usize) {
        let connection = &self.connections[index];
        if connection.unanswered > 0 || connection.held.is_some() {
            return;
        }
        if !self.plan.keeps_connections {
            self.take_apart(index);
            self.await_request(index);
        } else if connection.stage == Stage::Closing {
            // A server that says goodbye without having answered would be asked without end.
            let wait_ns = if connection.has_answered { 0 } else { RECONNECT_NS };
            self.take_apart(index);
            self.connections[index].stage = Stage::Down { retry_at: now().plus(wait_ns) };
            self.unsettled = true;
        }
    }

    /// Where connections are not kept, those that were opened to see whether it can be done are
    /// not used.
    pub(super) fn close_unless_kept(&mut self) {
        if self.plan.keeps_connections {
            return;
        }
        self.openings = Openings::default();
        for index in 0..self.connections.len() {
            self.take_apart(index);
            self.await_request(index);
        }
    }

    /// The place of a connection that the next request opens.
    pub(super) fn await_request(&mut self, index: usize) {
        self.connections[index].stage = Stage::Idle;
        self.list_if_roomy(index);
    }
}
