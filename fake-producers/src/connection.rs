//! The task behind a [`crate::sender::Sender`]: one socket, one wire, and the batches that have
//! no outcome yet. [`Link`] moves the bytes; what they mean for a batch is decided here. A
//! batch is waiting (for its first sending or a retry) or in flight; it leaves with an outcome
//! only.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rand_pcg::Pcg32;
use tailrace_contract::{Request, WireEvent};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::dial::{Dialed, dial};
use crate::link::Link;
use crate::sender::{Connect, SenderConfig, SenderError};
use crate::series::{between, generator};
use crate::tally::SharedTally;

/// A batch without an outcome.
#[derive(Debug)]
pub(crate) struct Attempt {
    key: u64,
    body: Vec<u8>,
    retries: u32,
}

impl Attempt {
    pub(crate) fn first(key: u64, body: Vec<u8>) -> Self {
        Self { key, body, retries: 0 }
    }
}

/// How one TCP connection ended.
enum End {
    /// All batches have an outcome and no more will come.
    Done,
    /// The peer said goodbye and owed nothing.
    Closed,
    /// Anything else.
    Broken(String),
}

pub(crate) struct Connection {
    addr: SocketAddr,
    connect: Connect,
    config: SenderConfig,
    queue: mpsc::Receiver<Attempt>,
    tally: SharedTally,
    jitter: Pcg32,
    /// By the time from which they may be sent.
    waiting: BTreeMap<(Instant, u64), Attempt>,
    in_flight: BTreeMap<u64, Attempt>,
    /// Connections in a row that brought no answer.
    fruitless: u32,
    no_more: bool,
}

impl Connection {
    pub(crate) fn new(
        addr: SocketAddr,
        connect: Connect,
        config: SenderConfig,
        seed: u64,
        queue: mpsc::Receiver<Attempt>,
        tally: SharedTally,
    ) -> Self {
        Self {
            addr,
            connect,
            config,
            queue,
            tally,
            jitter: generator(seed, u64::MAX),
            waiting: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            fruitless: 0,
            no_more: false,
        }
    }

    /// Runs until every batch has an outcome, until `cut`, or until the peer is lost for good.
    pub(crate) async fn run(
        mut self,
        dialed: Dialed,
        cut: CancellationToken,
    ) -> Result<(), SenderError> {
        // State changes only between awaits, so cutting at any of them leaves it whole.
        let ended = tokio::select! {
            ended = self.keep_connected(dialed) => ended,
            () = cut.cancelled() => Ok(()),
        };
        self.give_up_all().await;
        ended
    }

    async fn keep_connected(&mut self, first: Dialed) -> Result<(), SenderError> {
        let mut dialed = first;
        loop {
            let mut cause = String::from("the peer closed the connection");
            match self.serve(dialed).await {
                End::Done => return Ok(()),
                End::Closed => {}
                End::Broken(what) => {
                    tracing::warn!(addr = %self.addr, what, "the connection broke");
                    self.tally.lock().broken_connections += 1;
                    cause = what;
                }
            }
            self.take_back();
            if self.is_done() {
                return Ok(());
            }
            dialed = self.reconnect(cause).await?;
        }
    }

    async fn reconnect(&mut self, mut cause: String) -> Result<Dialed, SenderError> {
        loop {
            if self.fruitless >= self.config.reconnects_max {
                let (addr, attempts) = (self.addr, self.fruitless);
                return Err(SenderError::Lost { addr, attempts, cause });
            }
            self.fruitless += 1;
            sleep(self.backoff(self.fruitless)).await;
            match dial(self.addr, self.config.tls.as_ref()).await {
                Ok(dialed) => {
                    self.tally.lock().reconnects += 1;
                    return Ok(dialed);
                }
                Err(error) => cause = error.to_string(),
            }
        }
    }

    /// One TCP connection from its beginning to its end.
    async fn serve(&mut self, dialed: Dialed) -> End {
        let mut link = match Link::open(dialed, (self.connect)()) {
            Ok(link) => link,
            Err(error) => return End::Broken(error.to_string()),
        };
        loop {
            self.fill(&mut link);
            if self.is_done() && !link.has_output() {
                link.say_goodbye();
                return End::Done;
            }
            if link.closing && self.in_flight.is_empty() {
                return End::Closed;
            }
            if self.is_overdue(&link) {
                return End::Broken(format!("no answer for {:?}", self.config.answer_timeout));
            }
            let has_room = self.waiting.len() + self.in_flight.len() < self.config.in_flight_max;
            let wake = self.wake(&link);
            tokio::select! {
                ready = link.stream.ready(link.interest()) => {
                    let moved = match ready {
                        Ok(_) => self.exchange(&mut link),
                        Err(error) => Err(error.to_string()),
                    };
                    match moved {
                        Ok(None) => {}
                        Ok(Some(end)) => return end,
                        Err(what) => return End::Broken(what),
                    }
                }
                attempt = self.queue.recv(), if has_room && !self.no_more => match attempt {
                    Some(attempt) => self.wait_until(Instant::now(), attempt),
                    None => self.no_more = true,
                },
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Encodes what may be sent now.
    fn fill(&mut self, link: &mut Link) {
        let now = Instant::now();
        while link.takes_more() {
            let Some(entry) = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)
            else {
                return;
            };
            let attempt = entry.remove();
            let SenderConfig { target, headers, .. } = &self.config;
            let request = Request { method: "POST", target, headers, body: &attempt.body };
            link.wire.encode(&request, attempt.key, &mut link.out);
            if self.in_flight.is_empty() {
                link.quiet_since = now;
            }
            self.in_flight.insert(attempt.key, attempt);
        }
    }

    /// Writes and reads what the socket takes and has. An end when nothing more can come.
    fn exchange(&mut self, link: &mut Link) -> Result<Option<End>, String> {
        link.write().map_err(|error| error.to_string())?;
        let mut events = Vec::new();
        let over = link.read(&mut events)?;
        for event in events {
            match event {
                WireEvent::Ready => link.ready = true,
                WireEvent::Closing => link.closing = true,
                WireEvent::Answer { key, status } => self.settle(key, status)?,
                WireEvent::Unexpected { key, .. }
                | WireEvent::Unanswered { key, .. }
                | WireEvent::Untouched { key } => {
                    self.try_again(key);
                }
            }
        }
        let owed = self.in_flight.len();
        Ok(over.then(|| match owed {
            0 if link.ready => End::Closed,
            0 => End::Broken("the peer closed before the connection was ready".into()),
            _ => End::Broken(format!("the peer closed and owed {owed} answers")),
        }))
    }

    /// Gives a batch its outcome, or another chance.
    fn settle(&mut self, key: u64, status: u16) -> Result<(), String> {
        let Some(attempt) = self.in_flight.remove(&key) else {
            return Err(format!("an answer to request {key}, which was not asked"));
        };
        self.fruitless = 0;
        let mut tally = self.tally.lock();
        *tally.answers.entry(status).or_default() += 1;
        match status {
            200..=299 => tally.acked += 1,
            // The server is busy, not against it.
            429 | 503 => {
                drop(tally);
                let pause = self.backoff(attempt.retries + 1);
                self.retry(attempt, Instant::now() + pause);
            }
            _ => *tally.refused.entry(status).or_default() += 1,
        }
        Ok(())
    }

    /// One request was dropped and its connection goes on: another chance, but not at once.
    fn try_again(&mut self, key: u64) {
        if let Some(attempt) = self.in_flight.remove(&key) {
            let pause = self.backoff(attempt.retries + 1);
            self.retry(attempt, Instant::now() + pause);
        }
    }

    /// Puts what the broken connection left unanswered back in line: run, producer and
    /// sequence make it the same batch, should the server have it already.
    fn take_back(&mut self) {
        let now = Instant::now();
        for (_, attempt) in std::mem::take(&mut self.in_flight) {
            self.retry(attempt, now);
        }
    }

    fn retry(&mut self, mut attempt: Attempt, not_before: Instant) {
        if attempt.retries >= self.config.retries_max {
            self.tally.lock().gave_up += 1;
            return;
        }
        attempt.retries += 1;
        self.tally.lock().retries += 1;
        self.wait_until(not_before, attempt);
    }

    fn wait_until(&mut self, not_before: Instant, attempt: Attempt) {
        self.waiting.insert((not_before, attempt.key), attempt);
    }

    async fn give_up_all(&mut self) {
        self.queue.close();
        let mut left = self.waiting.len() + self.in_flight.len();
        // Ends: the queue is closed, and a place that was reserved before is filled at once.
        while self.queue.recv().await.is_some() {
            left += 1;
        }
        self.tally.lock().gave_up += left as u64;
    }

    fn is_done(&self) -> bool {
        self.no_more && self.waiting.is_empty() && self.in_flight.is_empty()
    }

    fn owes(&self, link: &Link) -> bool {
        !link.ready || !self.in_flight.is_empty()
    }

    fn is_overdue(&self, link: &Link) -> bool {
        self.owes(link) && link.quiet_since.elapsed() >= self.config.answer_timeout
    }

    /// When to look again though nothing happened: a retry is due, or an answer overdue.
    fn wake(&self, link: &Link) -> Instant {
        let now = Instant::now();
        // What is due already waits for room, not for time.
        let retry = self.waiting.keys().map(|key| key.0).find(|&at| at > now);
        let overdue = self.owes(link).then(|| link.quiet_since + self.config.answer_timeout);
        let idle = now + self.config.answer_timeout;
        [retry, overdue].into_iter().flatten().fold(idle, Instant::min)
    }

    /// Pause before the n-th attempt, from 1.
    fn backoff(&mut self, attempt: u32) -> Duration {
        let doubled = self.config.backoff_first.saturating_mul(1 << (attempt - 1).min(20));
        doubled.min(self.config.backoff_max).mul_f64(between(&mut self.jitter, 0.5, 1.0))
    }
}
