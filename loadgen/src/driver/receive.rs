//! The way back: bytes become answers, answers become records.

use tailrace_contract::WireEvent;
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::recorder::{Failure, Stamps};
use tailrace_sys::poller::Ready;

use super::connection::Stage;
use super::inflight::Pending;
use super::{Driver, FEED_TOKEN, READ_BYTES};
use crate::plan::Pace;

impl Driver<'_> {
    /// Handles every descriptor that the last wait reported. A batch that falls due while
    /// reading is released at once: answers can wait in the kernel, due times cannot.
    pub(super) fn handle_ready(&mut self) {
        for n in 0..self.poller.ready_count() {
            let ready = self.poller.ready(n);
            if ready.token == FEED_TOKEN {
                self.read_feed();
            } else {
                self.handle_connection(ready.token as usize, &ready);
            }
            if matches!(self.plan.pace, Pace::Open(_)) && self.next_due <= now() {
                self.release_due();
                self.flush_dirty();
            }
        }
    }

    fn handle_connection(&mut self, index: usize, ready: &Ready) {
        match self.connections[index].stage {
            // What came with it is told again: then it is no longer watched for room to write.
            Stage::Connecting if ready.writable || ready.readable => self.establish(index),
            Stage::Connecting | Stage::Idle | Stage::Down { .. } => {}
            _ => {
                if ready.writable {
                    self.mark_dirty(index);
                }
                if ready.readable {
                    self.read(index, ready.over);
                }
            }
        }
    }

    /// Reads until the socket is empty, or to its end; each read has its own stamp.
    fn read(&mut self, index: usize, to_end: bool) {
        loop {
            let mut events = std::mem::take(&mut self.events);
            let result = self.connections[index].receive(&mut self.buffer, &mut events);
            let acked = now();
            for event in events.drain(..) {
                self.handle_event(index, event, acked);
            }
            self.events = events;
            self.note_opening(index);
            if self.connections[index].stage == Stage::Idle {
                break;
            }
            if self.connections[index].has_output() {
                self.mark_dirty(index);
            }
            match result {
                Ok(0) => break,
                // Less than there was room for: it is empty, and what comes later is told.
                Ok(1..READ_BYTES) if !to_end => break,
                Ok(_) => {}
                Err(why) => return self.lose(index, &why),
            }
        }
        self.list_if_roomy(index);
        self.dispatch_waiting();
    }

    fn handle_event(&mut self, index: usize, event: WireEvent, at: Stamp) {
        match event {
            WireEvent::Ready => self.connections[index].stage = Stage::Open,
            WireEvent::Closing => {
                self.connections[index].stage = Stage::Closing;
                self.connections[index].since = at;
                self.unsettled = true;
                self.close_if_spent(index);
            }
            WireEvent::Unanswered { key, why } => {
                self.last_break = Some(why);
                if let Some(pending) = self.in_flight.remove(key) {
                    let released = Some(pending.released);
                    self.recorder.failed(pending.intended, released, Failure::Broken);
                    self.forget(pending.seq);
                    self.connections[index].unanswered -= 1;
                    self.close_if_spent(index);
                }
            }
            WireEvent::Untouched { key } => {
                self.take_back(key);
                self.connections[index].unanswered -= 1;
                self.close_if_spent(index);
            }
            WireEvent::Answer { key, status } => {
                self.settle(index, key, (status, self.source.is_ack(status)), at);
            }
            WireEvent::Unexpected { key, status } => self.settle(index, key, (status, false), at),
        }
    }

    /// A request has its answer, which acknowledges it or refuses it.
    fn settle(&mut self, index: usize, key: u64, answer: (u16, bool), at: Stamp) {
        if let Some(pending) = self.in_flight.remove(key) {
            self.answered(&pending, answer, at);
            self.connections[index].answered();
            self.close_if_spent(index);
        }
    }

    fn answered(&mut self, pending: &Pending, (status, is_ack): (u16, bool), acked: Stamp) {
        let &Pending { seq, intended, released, sent, .. } = pending;
        self.last_progress = acked;
        if is_ack {
            self.recorder.acked(&Stamps { intended, released, sent, acked });
            self.tally.acked(acked.since(intended));
            if self.plan.keeps_account {
                self.acked.insert(seq);
            }
            if let Some(feed) = &mut self.feed {
                feed.acked(seq, acked);
            }
        } else {
            self.recorder.failed(intended, Some(released), Failure::Refused(status));
            self.forget(seq);
        }
    }

    /// The batch was not acknowledged: the feed need not wait for it.
    pub(super) fn forget(&mut self, seq: u64) {
        self.tally.failed();
        if let Some(feed) = &mut self.feed {
            feed.forget(seq);
        }
    }

    fn read_feed(&mut self) {
        let Some(feed) = &mut self.feed else { return };
        let alive = feed.receive(&mut self.buffer, &mut self.recorder);
        self.last_progress = self.last_progress.max(feed.news());
        if !alive {
            self.last_break = Some("the live feed ended".into());
            self.drop_feed();
        }
    }
}
