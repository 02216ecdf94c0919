//! The life of the generator's connections: opened before the trial, lost, opened again.

use std::io;

use tailrace_measure::clock::now;
use tailrace_measure::recorder::Failure;
use tailrace_sys::poller::Interest;

use super::connection::{Connection, Stage};
use super::feed::Feed;
use super::inflight::Pending;
use super::{Driver, Due, FEED_TOKEN, OPEN_NS_MAX, RECONNECT_NS, SLEEP_NS_MAX};

impl Driver<'_> {
    /// Opens every connection and the feed and waits until all are ready.
    pub(super) fn open_links(&mut self) -> io::Result<()> {
        if let Some(plan) = self.plan.feed {
            let (tls, key) = (self.plan.feed_tls.as_ref(), self.plan.feed_key.as_ref());
            let feed = Feed::subscribe(&plan, (tls, key), self.plan.run)?;
            self.poller.add(feed.socket(), FEED_TOKEN, Interest::Read)?;
            self.feed = Some(feed);
        }
        for index in 0..self.plan.connections {
            let connection = self.start()?;
            self.poller.add(&connection.socket, index as u64, Interest::ReadWrite)?;
            self.connections.push(connection);
        }
        self.wait_until_open()
    }

    pub(super) fn start(&self) -> io::Result<Connection> {
        Connection::start(self.plan.ingest, (self.new_wire)(), self.plan.tls.as_ref())
    }

    fn wait_until_open(&mut self) -> io::Result<()> {
        let deadline = now().plus(OPEN_NS_MAX);
        while self.connections.iter().any(|c| c.stage != Stage::Open) {
            let left = deadline.since(now());
            if let Some(why) = self.last_break.take() {
                return Err(io::Error::other(format!("a connection failed to open: {why}")));
            }
            if self.tally.stopped() {
                // Whoever asked for that wants no error: what follows ends before it begins.
                return Ok(());
            }
            if left == 0 {
                let what =
                    "connections were not ready in time; does this address speak the protocol?";
                return Err(io::Error::new(io::ErrorKind::TimedOut, what));
            }
            self.poller.wait(left.min(SLEEP_NS_MAX))?;
            self.handle_ready();
            self.flush_dirty();
        }
        Ok(())
    }

    /// The kernel has decided about a connection that was being made.
    pub(super) fn establish(&mut self, index: usize) {
        match self.connections[index].established() {
            Ok(()) => {
                self.mark_dirty(index);
                self.note_opening(index);
                self.list_if_roomy(index);
                self.dispatch_waiting();
            }
            Err(error) => self.lose(index, &error.to_string()),
        }
    }

    /// A connection is gone: what it sent and was not answered is broken, what it did not send
    /// goes to another, and it is tried again soon; at once, if it was of use.
    pub(super) fn lose(&mut self, index: usize, why: &str) {
        if matches!(self.connections[index].stage, Stage::Down { .. } | Stage::Idle) {
            return;
        }
        let stood = self.connections[index].stage != Stage::Connecting;
        let wait_ns = if self.connections[index].has_answered { 0 } else { RECONNECT_NS };
        self.connections[index].stage = Stage::Down { retry_at: now().plus(wait_ns) };
        self.unsettled = true;
        self.take_apart(index);
        self.broken_connections += u64::from(stood);
        self.last_break = Some(why.to_owned());
        if self.plan.keeps_connections {
            self.take_back_unsent(index);
        } else {
            self.await_request(index);
        }
        for pending in self.in_flight.take(Some(index)) {
            self.recorder.failed(pending.intended, Some(pending.released), Failure::Broken);
            self.forget(pending.seq);
        }
    }

    /// Closes the socket, which takes it out of the poller's set as well.
    pub(super) fn take_apart(&mut self, index: usize) {
        self.connections[index].socket.shutdown(std::net::Shutdown::Both).unwrap_or_default();
        self.watch_nothing(index);
    }

    /// Requests of which no byte was written are not broken: they wait for another connection,
    /// before those that were due later.
    fn take_back_unsent(&mut self, index: usize) {
        let keys: Vec<u64> = self.connections[index].unsent_keys().collect();
        for key in keys.into_iter().rev() {
            self.take_back(key);
        }
    }

    /// A request that nobody looked at waits for another connection, before those that were due
    /// later. What it cost in vain is part of its latency.
    pub(super) fn take_back(&mut self, key: u64) {
        if let Some(Pending { seq, intended, released, .. }) = self.in_flight.remove(key) {
            self.waiting.push_front(Due { seq, intended, released });
        }
    }

    /// Sees to the connections that are not open: tries again to open what is down, and gives
    /// up what neither opens nor closes. While all are open, which is nearly always, it costs
    /// nothing.
    pub(super) fn settle_links(&mut self) {
        if !self.unsettled {
            return;
        }
        let at = now();
        self.unsettled = false;
        for index in 0..self.connections.len() {
            let Connection { stage, since, .. } = self.connections[index];
            self.unsettled |= !matches!(stage, Stage::Open | Stage::Idle);
            match stage {
                Stage::Down { retry_at } if retry_at <= at => self.reconnect(index),
                Stage::Open | Stage::Idle | Stage::Down { .. } => {}
                _ if at.since(since) < OPEN_NS_MAX => {}
                _ => self.lose(index, "it neither opened nor closed in time"),
            }
        }
        self.dispatch_waiting();
    }

    /// Begins a connection in the place of one that is gone.
    pub(super) fn reopen(&mut self, index: usize) -> io::Result<()> {
        let old = &self.connections[index];
        let mut connection = self.start()?;
        self.poller.add(&connection.socket, index as u64, Interest::ReadWrite)?;
        (connection.bytes, connection.listed) = (old.bytes, old.listed);
        self.connections[index] = connection;
        Ok(())
    }

    fn reconnect(&mut self, index: usize) {
        if let Err(error) = self.reopen(index) {
            self.last_break = Some(error.to_string());
            let retry_at = now().plus(RECONNECT_NS);
            self.connections[index].stage = Stage::Down { retry_at };
        }
    }

    /// Watches for room to write only while there is something to write.
    pub(super) fn watch_for_write(&mut self, index: usize, wanted: bool) {
        let connection = &mut self.connections[index];
        if connection.watched_for_write == wanted || connection.stage == Stage::Connecting {
            return;
        }
        let interest = if wanted { Interest::ReadWrite } else { Interest::Read };
        match self.poller.modify(&connection.socket, index as u64, interest) {
            Ok(()) => connection.watched_for_write = wanted,
            Err(error) => self.lose(index, &error.to_string()),
        }
    }

    fn watch_nothing(&mut self, index: usize) {
        // It may have left the set by itself; that is what is wanted.
        self.poller.remove(&self.connections[index].socket).unwrap_or_default();
    }

    pub(super) fn drop_feed(&mut self) {
        if let Some(feed) = &mut self.feed {
            self.poller.remove(feed.socket()).unwrap_or_default();
            feed.end();
        }
    }
}
