//! The live subscription of a trial: server-sent events, read by the same loop and stamped by
//! the same clock as acknowledgements. It subscribes to a seeded sample of batches, because a
//! feed of everything would be a second load.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde::Deserialize;
use tailrace_contract::{RunId, sample};
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::recorder::Recorder;
use tailrace_producers::tls::Tls;

use super::LiveCount;
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
    /// Sampled batches that are acknowledged and not yet seen.
    owed: u64,
    has_ended: bool,
}

struct Expected {
    intended: Stamp,
    acked: bool,
    seen: bool,
}

/// The part of an event that matters here.
#[derive(Deserialize)]
struct Event<'a> {
    r#type: &'a str,
    seq: Option<u64>,
    missed: Option<u64>,
}

impl Feed {
    /// Subscribes and returns once the server has accepted. HTTP/1.0 is asked for on purpose:
    /// the answer then comes without chunk framing, line after line.
    pub(super) fn subscribe(plan: &FeedPlan, tls: Option<&Tls>, run: RunId) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&plan.observer, SUBSCRIBE_TIMEOUT)?;
        socket.set_read_timeout(Some(SUBSCRIBE_TIMEOUT))?;
        socket.set_nodelay(true)?;
        let mut socket = Line::new(socket, tls)?;
        let (one_in, seed) = (plan.one_in, plan.seed);
        write!(
            socket,
            "GET /v1/metrics/live?view=ids&run={run}&sample={one_in}&seed={seed} HTTP/1.0\r\n\
             host: {}\r\naccept: text/event-stream\r\n\r\n",
            plan.observer
        )?;
        let mut line = read_head(&mut socket)?;
        // Lines that came with the head are greetings: nothing of this run was sent yet.
        let begun = line.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
        line.drain(..begun);
        socket.socket().set_nonblocking(true)?;
        let (plan, expected, count) = (*plan, HashMap::new(), LiveCount::default());
        Ok(Self { socket, plan, line, expected, count, owed: 0, has_ended: false })
    }

    pub(super) fn socket(&self) -> &TcpStream {
        self.socket.socket()
    }

    /// A batch leaves: if it is in the sample, it is waited for.
    pub(super) fn expect(&mut self, seq: u64, intended: Stamp) {
        if sample::chosen(self.plan.seed, seq, self.plan.one_in) {
            self.expected.insert(seq, Expected { intended, acked: false, seen: false });
        }
    }

    /// It was acknowledged: from now on the feed owes it.
    pub(super) fn acked(&mut self, seq: u64) {
        let Some(expected) = self.expected.get_mut(&seq) else { return };
        expected.acked = true;
        self.count.due += 1;
        if expected.seen {
            self.count.seen += 1;
            self.expected.remove(&seq);
        } else {
            self.owed += 1;
        }
    }

    /// It was refused or broken: nobody waits for it.
    pub(super) fn forget(&mut self, seq: u64) {
        self.expected.remove(&seq);
    }

    /// Whether everything that was owed has come, or nothing can.
    pub(super) fn is_settled(&self) -> bool {
        self.has_ended || self.owed == 0
    }

    pub(super) fn count(&self) -> LiveCount {
        self.count
    }

    /// The subscription is over. What is acknowledged from now on is due all the same.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
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
            ("lagged", _) => self.count.missed += event.missed.unwrap_or(0),
            _ => {}
        }
    }

    fn seen_live(&mut self, seq: u64, seen: Stamp, recorder: &mut Recorder) {
        let Some(expected) = self.expected.get_mut(&seq) else { return };
        if expected.seen {
            return;
        }
        expected.seen = true;
        recorder.live(expected.intended, seen);
        if expected.acked {
            self.count.seen += 1;
            self.owed -= 1;
            self.expected.remove(&seq);
        }
    }
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
