//! Producers as they should be: each sends its batches in order, and one that was not acknowledged
//! again, with the same identity, until it is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::stage::PATIENCE;

/// The run of all of them.
pub(super) const RUN: &str = "000102030405060708090a0b0c0d0eff";
/// Metrics in a batch.
pub(super) const METRICS: u64 = 5;
/// An answer takes no longer, unless the server is gone.
const ANSWER: Duration = Duration::from_secs(2);
/// Before a batch is sent again.
const AGAIN: Duration = Duration::from_millis(10);

/// Where to send; it changes when a server is started anew.
pub(super) type Place = Arc<Mutex<SocketAddr>>;

/// Threads that send until they are stopped.
pub(super) struct Senders {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    threads: Vec<JoinHandle<u64>>,
}

/// How many batches of each producer were acknowledged: sequences from 0 on.
pub(super) struct Sent(pub(super) Vec<u64>);

impl Sent {
    pub(super) fn batches(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl Senders {
    pub(super) fn start(place: &Place, producers: usize) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let threads = (0..producers).map(|number| {
            let sender = Sender {
                number,
                place: Arc::clone(place),
                stop: Arc::clone(&stop),
                acknowledged: Arc::clone(&acknowledged),
                connection: None,
            };
            std::thread::spawn(move || sender.send())
        });
        let threads = threads.collect();
        Self { stop, acknowledged, threads }
    }

    /// Waits until so many more batches were acknowledged.
    pub(super) fn wait_for_more(&self, batches: u64) {
        let wanted = self.acknowledged.load(SeqCst) + batches;
        let deadline = Instant::now() + PATIENCE;
        while self.acknowledged.load(SeqCst) < wanted {
            assert!(Instant::now() < deadline, "nothing is acknowledged any more");
            std::thread::sleep(AGAIN);
        }
    }

    /// Lets each finish its batch.
    pub(super) fn stop(self) -> Sent {
        self.stop.store(true, SeqCst);
        Sent(self.threads.into_iter().map(|thread| thread.join().expect("a sender")).collect())
    }
}

struct Sender {
    number: usize,
    place: Place,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    connection: Option<TcpStream>,
}

impl Sender {
    /// Answers how many batches were acknowledged.
    fn send(mut self) -> u64 {
        let mut seq = 0;
        while !self.stop.load(SeqCst) {
            let request = self.request(seq);
            let deadline = Instant::now() + PATIENCE;
            // A batch that was begun is finished: nobody may know less than the store.
            while !self.exchange(&request) {
                assert!(Instant::now() < deadline, "batch {seq} is never acknowledged");
                std::thread::sleep(AGAIN);
            }
            seq += 1;
            self.acknowledged.fetch_add(1, SeqCst);
        }
        seq
    }

    fn request(&self, seq: u64) -> Vec<u8> {
        let metric = |index: u64| {
            let time = 1_700_000_000_000 + seq * 7_000 + index;
            format!(r#"{{"name":"cpu{index}","value":{seq}.25,"time":{time}}}"#)
        };
        let metrics: Vec<String> = (0..METRICS).map(metric).collect();
        let body = format!(
            r#"{{"producer":"p{}","seq":{seq},"metrics":[{}]}}"#,
            self.number,
            metrics.join(",")
        );
        let length = body.len();
        format!(
            "POST /v1/ingest HTTP/1.1\r\nhost: a\r\ntailrace-run: {RUN}\r\ncontent-length: \
             {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// Whether it was acknowledged. After anything but a whole answer the connection is given up.
    fn exchange(&mut self, request: &[u8]) -> bool {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => match self.connect() {
                Some(connection) => connection,
                None => return false,
            },
        };
        let status = connection.write_all(request).ok().and_then(|()| status(&mut connection));
        if status.is_some() {
            self.connection = Some(connection);
        }
        // A refusal that would be the same again is a mistake of this test.
        assert!(status.is_none_or(|status| matches!(status, 202 | 503)), "{status:?}");
        status == Some(202)
    }

    fn connect(&self) -> Option<TcpStream> {
        let place = *self.place.lock().expect("the place");
        let connection = TcpStream::connect_timeout(&place, ANSWER).ok()?;
        connection.set_read_timeout(Some(ANSWER)).ok()?;
        connection.set_nodelay(true).ok()?;
        Some(connection)
    }
}

/// The status of one whole answer with a length.
fn status(connection: &mut TcpStream) -> Option<u16> {
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let read = connection.read(&mut part).ok().filter(|read| *read > 0)?;
        answer.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
        });
        if body.len() >= length?.ok()? {
            return head.split(' ').nth(1)?.parse().ok();
        }
    }
}
