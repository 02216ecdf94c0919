//! The live subscription of a trial: server-sent events, read by the same loop and stamped by
//! the same clock as acknowledgements. It subscribes to a seeded sample of batches, because a
//! feed of everything would be a second load. Where there is a store, each of them is owed twice:
//! when it is in the log, and when it is committed.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde::Deserialize;
use tailrace_contract::{RunId, sample};
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::exposure::Exposed;
use tailrace_measure::recorder::{Recorder, Window};
use tailrace_producers::tls::Tls;

use super::LiveCount;
use crate::congestion::socket_to;
use crate::observer::Key;
use crate::plan::FeedPlan;
use crate::secure::Line;

/// Subscribing must not take longer.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a line that never ends; events of `view=ids` are about 150.
const LINE_BYTES_MAX: usize = 64 << 10;

pub(super) struct Feed {
    socket: Line,
    plan: FeedPlan,
    /// Bytes of the last line, as far as it came.
    line: Vec<u8>,
    expected: HashMap<u64, Expected>,
    count: LiveCount,
    /// What was acknowledged and is not known as committed; with a store only.
    exposed: Option<Exposed>,
    /// When a notice came last that was waited for; heartbeats are none.
    news: Stamp,
    has_ended: bool,
}

/// A sampled batch on its way.
#[derive(Clone, Copy)]
struct Expected {
    intended: Stamp,
    acked: Option<Stamp>,
    live: bool,
    durable: bool,
}

impl Expected {
    /// Nothing more will be heard of it.
    fn is_settled(&self, with_store: bool) -> bool {
        self.acked.is_some() && self.live && (self.durable || !with_store)
    }
}

/// The part of an event that matters here.
#[derive(Deserialize)]
struct Event<'a> {
    r#type: &'a str,
    seq: Option<u64>,
    missed: Option<u64>,
}

impl Feed {
    /// Subscribes and returns once the server has accepted.
    pub(super) fn subscribe(
        plan: &FeedPlan,
        shown: (Option<&Tls>, Option<&Key>),
        run: RunId,
    ) -> io::Result<Self> {
        let (socket, mut line) = subscribe(plan, shown, run)?;
        // Lines that came with the head are greetings: nothing of this run was sent yet.
        let begun = line.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
        line.drain(..begun);
        socket.socket().set_nonblocking(true)?;
        let (plan, expected, count) = (*plan, HashMap::new(), LiveCount::default());
        Ok(Self {
            socket,
            plan,
            line,
            expected,
            count,
            exposed: None,
            news: now(),
            has_ended: false,
        })
    }

    /// The trial begins: its window is known.
    pub(super) fn begin(&mut self, window: Window) {
        self.exposed = self.plan.durable.then(|| Exposed::new(window));
    }

    pub(super) fn socket(&self) -> &TcpStream {
        self.socket.socket()
    }

    /// A batch leaves: if it is in the sample, it is waited for.
    pub(super) fn expect(&mut self, seq: u64, intended: Stamp) {
        if sample::chosen(self.plan.seed, seq, self.plan.one_in) {
            let expected = Expected { intended, acked: None, live: false, durable: false };
            self.expected.insert(seq, expected);
        }
    }

    /// It was acknowledged: from now on the feed owes it.
    pub(super) fn acked(&mut self, seq: u64, acked: Stamp) {
        let Some(expected) = self.expected.get_mut(&seq) else { return };
        expected.acked = Some(acked);
        let Expected { live, durable, .. } = *expected;
        self.count.due += 1;
        self.count.seen += u64::from(live);
        if let Some(exposed) = &mut self.exposed {
            self.count.durable += u64::from(durable);
            if durable { exposed.never() } else { exposed.begins(acked) }
        }
        self.remove_settled(seq);
    }

    /// When something came last that was waited for.
    pub(super) fn news(&self) -> Stamp {
        self.news
    }

    /// It was refused or broken: nobody waits for it.
    pub(super) fn forget(&mut self, seq: u64) {
        self.expected.remove(&seq);
    }

    /// Whether everything that was owed live has come, or nothing can.
    pub(super) fn is_settled(&self) -> bool {
        self.has_ended || self.count.seen == self.count.due
    }

    /// Whether everything that was owed is known as committed, or nothing can be.
    pub(super) fn is_durable(&self) -> bool {
        let owed = self.plan.durable && self.count.durable < self.count.due;
        self.has_ended || !owed
    }

    /// The subscription is over. What is acknowledged from now on is due all the same.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// The trial is over: what was acknowledged and is still owed never came.
    pub(super) fn finish(self, recorder: &mut Recorder) -> (LiveCount, Option<Exposed>) {
        let mut exposed = self.exposed;
        for expected in self.expected.values() {
            let Some(acked) = expected.acked else { continue };
            if !expected.live {
                recorder.never_live(expected.intended);
            }
            if let Some(exposed) = exposed.as_mut().filter(|_| !expected.durable) {
                recorder.never_durable(expected.intended);
                exposed.remains(acked);
            }
        }
        (self.count, exposed)
    }

    /// Reads what is there. False when the subscription ended.
    pub(super) fn receive(&mut self, buffer: &mut [u8], recorder: &mut Recorder) -> bool {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => return false,
                Ok(n) => {
                    let seen = now();
                    self.take(&buffer[..n], seen, recorder);
                    if self.line.len() > LINE_BYTES_MAX {
                        return false;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return true,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    fn take(&mut self, bytes: &[u8], seen: Stamp, recorder: &mut Recorder) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|&b| b == b'\n') {
            self.line.extend_from_slice(&rest[..end]);
            let line = std::mem::take(&mut self.line);
            if let Some(data) = line.strip_prefix(b"data:") {
                self.event(data, seen, recorder);
            }
            self.line = line;
            self.line.clear();
            rest = &rest[end + 1..];
        }
        self.line.extend_from_slice(rest);
    }

    fn event(&mut self, data: &[u8], seen: Stamp, recorder: &mut Recorder) {
        let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else { return };
        match (event.r#type, event.seq) {
            ("live", Some(seq)) => self.seen_live(seq, seen, recorder),
            ("durable", Some(seq)) if self.plan.durable => self.seen_durable(seq, seen, recorder),
            ("lagged", _) => self.count.missed += event.missed.unwrap_or(0),
            _ => {}
        }
    }

    fn seen_live(&mut self, seq: u64, seen: Stamp, recorder: &mut Recorder) {
        let Some(expected) = self.expected.get_mut(&seq) else { return };
        if std::mem::replace(&mut expected.live, true) {
            return;
        }
        self.news = seen;
        recorder.live(expected.intended, seen);
        self.count.seen += u64::from(expected.acked.is_some());
        self.remove_settled(seq);
    }

    fn seen_durable(&mut self, seq: u64, seen: Stamp, recorder: &mut Recorder) {
        let Some(expected) = self.expected.get_mut(&seq) else { return };
        if std::mem::replace(&mut expected.durable, true) {
            return;
        }
        self.news = seen;
        recorder.durable(expected.intended, seen);
        if let (Some(acked), Some(exposed)) = (expected.acked, &mut self.exposed) {
            self.count.durable += 1;
            exposed.ends(acked, seen);
        }
        self.remove_settled(seq);
    }

    fn remove_settled(&mut self, seq: u64) {
        if self.expected.get(&seq).is_some_and(|one| one.is_settled(self.plan.durable)) {
            self.expected.remove(&seq);
        }
    }
}

/// A subscription that the server has accepted, and what came with its head. HTTP/1.0 is asked for
/// on purpose: the answer then comes without chunk framing, line after line.
pub(crate) fn subscribe(
    plan: &FeedPlan,
    (tls, key): (Option<&Tls>, Option<&Key>),
    run: RunId,
) -> io::Result<(Line, Vec<u8>)> {
    let socket = socket_to(plan.observer)?;
    socket.connect_timeout(&plan.observer.into(), SUBSCRIBE_TIMEOUT)?;
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(SUBSCRIBE_TIMEOUT))?;
    socket.set_nodelay(true)?;
    let mut socket = Line::new(socket, tls)?;
    let (one_in, seed) = (plan.one_in, plan.seed);
    write!(
        socket,
        "GET /v1/metrics/live?view=ids&run={run}&sample={one_in}&seed={seed} HTTP/1.0\r\n\
         host: {}\r\naccept: text/event-stream\r\n{}\r\n",
        plan.observer,
        Key::line(key)
    )?;
    let came = read_head(&mut socket)?;
    Ok((socket, came))
}

/// Reads the answer's head and returns what already came after it.
fn read_head(socket: &mut Line) -> io::Result<Vec<u8>> {
    let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
    loop {
        if let Some(end) = head.windows(4).position(|w| w == b"\r\n\r\n") {
            let first = String::from_utf8_lossy(head.split(|&b| b == b'\r').next().unwrap_or(&[]));
            if first.split(' ').nth(1) != Some("200") {
                return Err(io::Error::other(format!("the live feed was refused: {first}")));
            }
            return Ok(head.split_off(end + 4));
        }
        let n = socket.read(&mut buffer)?;
        if n == 0 || head.len() > LINE_BYTES_MAX {
            return Err(io::Error::other("the live feed ended before its head was complete"));
        }
        head.extend_from_slice(&buffer[..n]);
    }
}
